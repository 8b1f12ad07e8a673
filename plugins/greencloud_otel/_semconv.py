"""Names on the wire. A server reads them, so they change only together with it.

The OpenTelemetry conventions have no name for the CPU time of a span, and ask products to use a prefix of their own.
"""

from typing import Final

__all__ = ["CPU_TIME", "HOST_ID", "HOST_NAME", "PROCESS_CPU_ATTRIBUTED", "PROCESS_CPU_UNATTRIBUTED", "QUALITY"]

CPU_TIME: Final = "greencloud.cpu.time"
"""int, nanoseconds: CPU used while this span, and no child of it, was current."""

QUALITY: Final = "greencloud.quality"
"""str: how far CPU_TIME can be trusted, one of the words in ``_quality``."""

PROCESS_CPU_ATTRIBUTED: Final = "greencloud.process.cpu.attributed"
PROCESS_CPU_UNATTRIBUTED: Final = "greencloud.process.cpu.unattributed"

# Written here because the conventions package keeps them under `_incubating`, where names move.
HOST_ID: Final = "host.id"
HOST_NAME: Final = "host.name"
