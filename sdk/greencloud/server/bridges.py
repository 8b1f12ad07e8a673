"""GoalService: the bridge from customers' statements to the inventory. For the provider."""

from __future__ import annotations

from greencloud.server.provider_methods import ProviderMethods

__all__ = ["BridgeMethods"]


class BridgeMethods(ProviderMethods):
    """The bridge from customers' statements to the inventory."""
