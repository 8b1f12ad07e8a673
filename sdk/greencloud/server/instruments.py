"""GoalService: instruments, neutrality and avoided emissions. For the provider."""

from __future__ import annotations

from greencloud.server.provider_methods import ProviderMethods

__all__ = ["InstrumentMethods"]


class InstrumentMethods(ProviderMethods):
    """Instruments, neutrality and avoided emissions."""
