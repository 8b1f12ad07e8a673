"""The key of an entry: the dimensions of a posting that vary within a site-window."""

from __future__ import annotations

from typing import NamedTuple

from greencloud.allocation.leaves import Leaf

__all__ = ["EntryKey"]


class EntryKey(NamedTuple):
    """In the order of ``DIMENSIONS``."""

    account: str
    service: str
    sku: str
    operation: str
    labels: str
    component: str

    @classmethod
    def of(cls, leaf: Leaf, component: str) -> EntryKey:
        """The entry of a leaf on a component."""
        return cls(leaf.account, leaf.service, leaf.sku, leaf.operation, leaf.labels, component)
