"""Names on the wire. A server reads them, so they change only together with it.

The OpenTelemetry conventions have no name for the CPU time of a span, and ask products to use a prefix of their own.
"""

from typing import Final

__all__ = [
    "CALLER_ACCOUNT",
    "CPU_TIME",
    "DISK_DIRECTION",
    "EMISSIONS",
    "EMISSIONS_SOURCE",
    "HOST_ID",
    "HOST_NAME",
    "PROCESS_CPU_ATTRIBUTED",
    "PROCESS_CPU_UNATTRIBUTED",
    "PROCESS_DISK_IO",
    "PROCESS_GPU_TIME",
    "PROCESS_MEMORY_USAGE",
    "QUALITY",
    "SERVICE_NAME",
]

CPU_TIME: Final = "greencloud.cpu.time"
"""int, nanoseconds: CPU used while this span, and no child of it, was current."""

QUALITY: Final = "greencloud.quality"
"""str: how far CPU_TIME can be trusted, one of the words in ``_quality``."""

CALLER_ACCOUNT: Final = "greencloud.caller.account"
"""str: the account that an internal service worked for. The same name in W3C baggage and on spans."""

EMISSIONS: Final = "greencloud.emissions"
"""int, micrograms CO2e: estimate for a local root span with all that ran under it in the process."""

EMISSIONS_SOURCE: Final = "greencloud.emissions.source"
"""str: what EMISSIONS rests on."""

PROCESS_CPU_ATTRIBUTED: Final = "greencloud.process.cpu.attributed"
PROCESS_CPU_UNATTRIBUTED: Final = "greencloud.process.cpu.unattributed"
PROCESS_GPU_TIME: Final = "greencloud.process.gpu.time"

# Written here because the conventions package keeps them under `_incubating`, where names move.
HOST_ID: Final = "host.id"
HOST_NAME: Final = "host.name"
SERVICE_NAME: Final = "service.name"
PROCESS_MEMORY_USAGE: Final = "process.memory.usage"
PROCESS_DISK_IO: Final = "process.disk.io"
DISK_DIRECTION: Final = "disk.io.direction"
