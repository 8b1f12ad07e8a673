"""Environment variables of the plugin; ``opentelemetry-instrument`` makes a command line flag of each."""

from typing import Final

__all__ = ["OTEL_PYTHON_GREENCLOUD_CORE", "OTEL_PYTHON_GREENCLOUD_ENABLED"]

OTEL_PYTHON_GREENCLOUD_ENABLED: Final = "OTEL_PYTHON_GREENCLOUD_ENABLED"
"""``false`` leaves the plugin installed and switched off. Default: ``true``."""

OTEL_PYTHON_GREENCLOUD_CORE: Final = "OTEL_PYTHON_GREENCLOUD_CORE"
"""``python`` keeps the compiled core out, ``compiled`` warns where it cannot be had. Default: ``auto``."""
