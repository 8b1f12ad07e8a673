"""Goals, business metrics and progress in the provider's books."""

from __future__ import annotations

from greencloud.inventory import InventoryBooks

__all__ = ["GoalBooks"]


class GoalBooks(InventoryBooks):
    """Goals, business metrics and progress."""
