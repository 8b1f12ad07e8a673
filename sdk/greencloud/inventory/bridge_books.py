"""The bridge in the provider's books."""

from __future__ import annotations

from greencloud.inventory.books import Books

__all__ = ["BridgeBooks"]


class BridgeBooks(Books):
    """The bridge from customers' statements to the inventory."""
