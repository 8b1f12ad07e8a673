"""What the provider sees on the live page: whether the books balance, how fresh and how complete they are, and where goals stand.

Every view first asks something that only the provider's side may ask, so that anybody else is refused by the server. ``windows``,
``ledger`` and ``charts`` are what the views share.
"""

from __future__ import annotations

from greencloud.page.provider import (
    bridge,
    conservation,
    freshness,
    goals,
    instruments,
    intake,
    overview,
    restatements,
    sites,
    unallocated,
)
from greencloud.page.view import View

__all__ = ["VIEWS"]

_BATCHES = "greencloud.batches.read"
_GOALS = "greencloud.goals.read"

VIEWS: tuple[View, ...] = (
    View("/provider", "provider_overview", overview.show, _BATCHES),
    View("/provider/sites", "provider_sites", sites.show, _BATCHES),
    View("/provider/conservation", "provider_conservation", conservation.show, _BATCHES),
    View("/provider/freshness", "provider_freshness", freshness.show, _BATCHES),
    View("/provider/unallocated", "provider_unallocated", unallocated.show, _BATCHES),
    View("/provider/intake", "provider_intake", intake.show, _BATCHES),
    View("/provider/restatements", "provider_restatements", restatements.show, _BATCHES),
    View("/provider/goals", "provider_goals", goals.show, _GOALS),
    View("/provider/bridge", "provider_bridge", bridge.show, _GOALS),
    View("/provider/instruments", "provider_instruments", instruments.show, _GOALS),
)
