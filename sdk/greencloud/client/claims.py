"""Calls of GoalService: neutrality and avoided emissions, sync and async."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from greencloud.client import answers
from greencloud.client.names import several
from greencloud.client.pages import AsyncPager, Pager
from greencloud.client.provider_calls import AsyncProviderCalls, ProviderCalls
from greencloud.v1 import instrument_pb2 as messages

if TYPE_CHECKING:
    from greencloud.results.instruments import Initiative, Neutrality, ScopeThreePlus
    from greencloud.units import Emissions

__all__ = ["AsyncClaimCalls", "ClaimCalls"]


class ClaimCalls(ProviderCalls):
    """Neutrality and avoided emissions."""

    def get_neutrality(self, year: str, *, goal: str = "", scopes: Iterable[str] = (), timeout: float | None = None) -> Neutrality:
        """What a claim rests on: of a goal (``goals/GOAL``), or of the whole organisation by its scopes."""
        from greencloud.wire import neutrality as wire

        request = messages.GetNeutralityRequest(year=year, goal=goal, scopes=several("scopes", scopes))
        return wire.neutrality_from_message(self._call(self.raw.goal.GetNeutrality, request, timeout))

    def create_initiative(self, initiative: Initiative, *, timeout: float | None = None) -> Initiative:
        """Record an initiative; one that is there with the same content is given back."""
        from greencloud.wire import neutrality as wire

        request = messages.CreateInitiativeRequest(initiative=wire.initiative_to_message(initiative))
        answer = self._call(self.raw.goal.CreateInitiative, request, timeout)
        return wire.initiative_from_message(answer.initiative)

    def get_initiative(self, name: str, *, timeout: float | None = None) -> Initiative:
        """An initiative with its years."""
        from greencloud.wire import neutrality as wire

        request = messages.GetInitiativeRequest(name=name if "/" in name else wire.INITIATIVES + name)
        return wire.initiative_from_message(self._call(self.raw.goal.GetInitiative, request, timeout))

    def list_initiatives(self, *, page_size: int = 0, timeout: float | None = None) -> Pager[Initiative]:
        """All initiatives."""
        from greencloud.wire.neutrality import initiative_from_message

        request = messages.ListInitiativesRequest(page_size=page_size)
        reader = answers.items_of("initiatives", initiative_from_message)
        return Pager(self._asker(self.raw.goal.ListInitiatives, timeout), request, reader)

    def update_initiative(
        self, initiative: Initiative, *, etag: str = "", reason: str = "", timeout: float | None = None
    ) -> Initiative:
        """Say it anew, whole. Anything but further years needs a reason."""
        from greencloud.wire import neutrality as wire

        request = messages.UpdateInitiativeRequest(initiative=wire.initiative_to_message(initiative), etag=etag, reason=reason)
        answer = self._call(self.raw.goal.UpdateInitiative, request, timeout)
        return wire.initiative_from_message(answer.initiative)

    def get_scope_three_plus(
        self, *, target: Emissions | None = None, target_year: str = "", timeout: float | None = None
    ) -> ScopeThreePlus:
        """The book of avoided emissions, beside its target."""
        from greencloud.wire import neutrality as wire
        from greencloud.wire.quantities import emissions_to_message

        request = messages.GetScopeThreePlusRequest(
            target_emissions=None if target is None else emissions_to_message(target), target_year=target_year
        )
        return wire.scope_three_plus_from_message(self._call(self.raw.goal.GetScopeThreePlus, request, timeout))


class AsyncClaimCalls(AsyncProviderCalls):
    """Neutrality and avoided emissions."""

    async def get_neutrality(
        self, year: str, *, goal: str = "", scopes: Iterable[str] = (), timeout: float | None = None
    ) -> Neutrality:
        """What a claim rests on: of a goal (``goals/GOAL``), or of the whole organisation by its scopes."""
        from greencloud.wire import neutrality as wire

        request = messages.GetNeutralityRequest(year=year, goal=goal, scopes=several("scopes", scopes))
        return wire.neutrality_from_message(await self._call(self.raw.goal.GetNeutrality, request, timeout))

    async def create_initiative(self, initiative: Initiative, *, timeout: float | None = None) -> Initiative:
        """Record an initiative; one that is there with the same content is given back."""
        from greencloud.wire import neutrality as wire

        request = messages.CreateInitiativeRequest(initiative=wire.initiative_to_message(initiative))
        answer = await self._call(self.raw.goal.CreateInitiative, request, timeout)
        return wire.initiative_from_message(answer.initiative)

    async def get_initiative(self, name: str, *, timeout: float | None = None) -> Initiative:
        """An initiative with its years."""
        from greencloud.wire import neutrality as wire

        request = messages.GetInitiativeRequest(name=name if "/" in name else wire.INITIATIVES + name)
        return wire.initiative_from_message(await self._call(self.raw.goal.GetInitiative, request, timeout))

    def list_initiatives(self, *, page_size: int = 0, timeout: float | None = None) -> AsyncPager[Initiative]:
        """All initiatives."""
        from greencloud.wire.neutrality import initiative_from_message

        request = messages.ListInitiativesRequest(page_size=page_size)
        reader = answers.items_of("initiatives", initiative_from_message)
        return AsyncPager(self._asker(self.raw.goal.ListInitiatives, timeout), request, reader)

    async def update_initiative(
        self, initiative: Initiative, *, etag: str = "", reason: str = "", timeout: float | None = None
    ) -> Initiative:
        """Say it anew, whole. Anything but further years needs a reason."""
        from greencloud.wire import neutrality as wire

        request = messages.UpdateInitiativeRequest(initiative=wire.initiative_to_message(initiative), etag=etag, reason=reason)
        answer = await self._call(self.raw.goal.UpdateInitiative, request, timeout)
        return wire.initiative_from_message(answer.initiative)

    async def get_scope_three_plus(
        self, *, target: Emissions | None = None, target_year: str = "", timeout: float | None = None
    ) -> ScopeThreePlus:
        """The book of avoided emissions, beside its target."""
        from greencloud.wire import neutrality as wire
        from greencloud.wire.quantities import emissions_to_message

        request = messages.GetScopeThreePlusRequest(
            target_emissions=None if target is None else emissions_to_message(target), target_year=target_year
        )
        return wire.scope_three_plus_from_message(await self._call(self.raw.goal.GetScopeThreePlus, request, timeout))
