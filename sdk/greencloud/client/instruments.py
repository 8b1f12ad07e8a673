"""Calls of GoalService: instruments, neutrality and avoided emissions, sync and async."""

from __future__ import annotations

from greencloud.client.claims import AsyncClaimCalls, ClaimCalls
from greencloud.client.instrument_uses import AsyncUseCalls, UseCalls

__all__ = ["AsyncInstrumentCalls", "InstrumentCalls"]


class InstrumentCalls(UseCalls, ClaimCalls):
    """Instruments, neutrality and avoided emissions."""


class AsyncInstrumentCalls(AsyncUseCalls, AsyncClaimCalls):
    """Instruments, neutrality and avoided emissions."""
