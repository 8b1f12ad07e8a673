"""GoalService: disclosures and product footprints. For the provider."""

from __future__ import annotations

from greencloud.server.provider_methods import ProviderMethods

__all__ = ["DisclosureMethods"]


class DisclosureMethods(ProviderMethods):
    """Disclosures and product footprints."""
