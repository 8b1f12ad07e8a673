"""Environment variables of the plugin; ``opentelemetry-instrument`` makes a command line flag of each.

A flag is seen by everybody who may list processes, so no variable holds a secret: the credential's is the path of a file.
"""

from typing import Final

__all__ = [
    "OTEL_PYTHON_GREENCLOUD_CALLER",
    "OTEL_PYTHON_GREENCLOUD_CALLER_ACCOUNT",
    "OTEL_PYTHON_GREENCLOUD_CALLER_HOOK",
    "OTEL_PYTHON_GREENCLOUD_CERTIFICATE",
    "OTEL_PYTHON_GREENCLOUD_CHECK",
    "OTEL_PYTHON_GREENCLOUD_CORE",
    "OTEL_PYTHON_GREENCLOUD_ENABLED",
    "OTEL_PYTHON_GREENCLOUD_MEMORY",
    "OTEL_PYTHON_GREENCLOUD_RESOURCES",
    "OTEL_PYTHON_GREENCLOUD_SERVER",
    "OTEL_PYTHON_GREENCLOUD_TOKEN_FILE",
]

OTEL_PYTHON_GREENCLOUD_ENABLED: Final = "OTEL_PYTHON_GREENCLOUD_ENABLED"
"""``false`` leaves the plugin installed and switched off. Default: ``true``."""

OTEL_PYTHON_GREENCLOUD_CORE: Final = "OTEL_PYTHON_GREENCLOUD_CORE"
"""``python`` keeps the compiled core out, ``compiled`` warns where it cannot be had. Default: ``auto``."""

OTEL_PYTHON_GREENCLOUD_CHECK: Final = "OTEL_PYTHON_GREENCLOUD_CHECK"
"""``1`` logs once, at the start, what is active in the process. Default: nothing is logged."""

OTEL_PYTHON_GREENCLOUD_RESOURCES: Final = "OTEL_PYTHON_GREENCLOUD_RESOURCES"
"""Resources of the process that are sent as metrics: a list of ``memory``, ``disk`` and ``gpu``, or ``none``. Default: all."""

OTEL_PYTHON_GREENCLOUD_MEMORY: Final = "OTEL_PYTHON_GREENCLOUD_MEMORY"
"""``rss`` counts shared pages in each process that has them, ``pss`` divides them among these. Default: ``rss``."""

OTEL_PYTHON_GREENCLOUD_CALLER: Final = "OTEL_PYTHON_GREENCLOUD_CALLER"
"""What becomes of the baggage entry ``greencloud.caller.account`` that arrives: ``strip`` removes it, ``edge`` too and names the
account anew, ``trust`` believes it, ``off`` leaves it alone. Default: ``strip``."""

OTEL_PYTHON_GREENCLOUD_CALLER_ACCOUNT: Final = "OTEL_PYTHON_GREENCLOUD_CALLER_ACCOUNT"
"""The account that everything in this service is done for, where it serves one customer alone. Makes the service an edge."""

OTEL_PYTHON_GREENCLOUD_CALLER_HOOK: Final = "OTEL_PYTHON_GREENCLOUD_CALLER_HOOK"
"""``package.module:function``, asked for the account of each request that arrives. Makes the service an edge."""

OTEL_PYTHON_GREENCLOUD_SERVER: Final = "OTEL_PYTHON_GREENCLOUD_SERVER"
"""``HOST:PORT`` of a greencloud server, to show back what spans emit. Default: nothing is asked for."""

OTEL_PYTHON_GREENCLOUD_TOKEN_FILE: Final = "OTEL_PYTHON_GREENCLOUD_TOKEN_FILE"  # noqa: S105  the name of a variable
"""The file that holds the credential for it; read anew each time."""

OTEL_PYTHON_GREENCLOUD_CERTIFICATE: Final = "OTEL_PYTHON_GREENCLOUD_CERTIFICATE"
"""PEM file of the authorities to trust for it instead of the system's."""
