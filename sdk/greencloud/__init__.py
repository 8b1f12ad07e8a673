"""greencloud: a data centre's energy and emissions, apportioned to tenant workloads and conserved to the microgram.

The names here are loaded when they are first used, so that ``import greencloud`` in a customer's process costs nothing more
than this file: the allocator needs pyarrow, which only the ``server`` extra brings.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from greencloud.errors import GreencloudError, MissingExtraError
from greencloud.units import Emissions, Energy, Window

if TYPE_CHECKING:
    from greencloud.allocation import Allocation, allocate
    from greencloud.facility import Facility, read_facility
    from greencloud.usage import Usage, read_usage

__all__ = [
    "Allocation",
    "Emissions",
    "Energy",
    "Facility",
    "GreencloudError",
    "Usage",
    "Window",
    "__version__",
    "allocate",
    "read_facility",
    "read_usage",
]

__version__ = "0.1.0"

_LAZY = {
    "Allocation": "greencloud.allocation",
    "Facility": "greencloud.facility",
    "Usage": "greencloud.usage",
    "allocate": "greencloud.allocation",
    "read_facility": "greencloud.facility",
    "read_usage": "greencloud.usage",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'greencloud' has no attribute {name!r}")
    try:
        value = getattr(import_module(_LAZY[name]), name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "greencloud":
            raise
        raise MissingExtraError(f"greencloud.{name}", extra="server") from error
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
