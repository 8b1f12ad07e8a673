"""Instruments, neutrality and avoided emissions in the provider's books."""

from __future__ import annotations

from greencloud.inventory import InventoryBooks

__all__ = ["InstrumentBooks"]


class InstrumentBooks(InventoryBooks):
    """Instruments, neutrality and avoided emissions."""
