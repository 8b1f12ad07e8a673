"""Calls of GoalService: instruments and what they are used for, sync and async."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from greencloud.client import answers
from greencloud.client.calls import new_request_id
from greencloud.client.pages import AsyncPager, Pager
from greencloud.client.provider_calls import AsyncProviderCalls, ProviderCalls
from greencloud.v1 import instrument_pb2 as messages

if TYPE_CHECKING:
    from greencloud.results.instruments import Instrument, InstrumentPolicy, InstrumentUse, Retirement

__all__ = ["AsyncUseCalls", "UseCalls"]


class UseCalls(ProviderCalls):
    """Instruments, their retirement and their uses."""

    def create_instrument(self, instrument: Instrument, *, timeout: float | None = None) -> Instrument:
        """Record an instrument; without an id it gets one. One that is there with the same content is given back."""
        from greencloud.wire import instruments as wire

        request = messages.CreateInstrumentRequest(instrument=wire.instrument_to_message(instrument))
        answer = self._call(self.raw.goal.CreateInstrument, request, timeout)
        return wire.instrument_from_message(answer.instrument)

    def batch_create_instruments(self, instruments: Sequence[Instrument], *, timeout: float | None = None) -> list[Instrument]:
        """Record up to 1,000 instruments, all of them or none."""
        from greencloud.wire import instruments as wire

        request = messages.BatchCreateInstrumentsRequest(
            requests=[messages.CreateInstrumentRequest(instrument=wire.instrument_to_message(each)) for each in instruments]
        )
        answer = self._call(self.raw.goal.BatchCreateInstruments, request, timeout)
        return [wire.instrument_from_message(each) for each in answer.instruments]

    def get_instrument(self, name: str, *, timeout: float | None = None) -> Instrument:
        """An instrument with its uses."""
        from greencloud.wire import instruments as wire

        return wire.instrument_from_message(
            self._call(self.raw.goal.GetInstrument, messages.GetInstrumentRequest(name=_name(name)), timeout)
        )

    def list_instruments(
        self, *, kind: str = "", year: str = "", page_size: int = 0, timeout: float | None = None
    ) -> Pager[Instrument]:
        """Instruments of a kind, or those with a use for a year."""
        from greencloud.wire import instruments as wire
        from greencloud.wire.inventory import number_of

        request = messages.ListInstrumentsRequest(
            kind=number_of(kind, wire.INSTRUMENT_KINDS, "kind") if kind else None, year=year, page_size=page_size
        )
        reader = answers.items_of("instruments", wire.instrument_from_message)
        return Pager(self._asker(self.raw.goal.ListInstruments, timeout), request, reader)

    def delete_instrument(self, name: str, *, reason: str, etag: str = "", timeout: float | None = None) -> None:
        """Take out what was recorded by mistake and has no use; the record of it stays."""
        request = messages.DeleteInstrumentRequest(name=_name(name), reason=reason, etag=etag)
        self._call(self.raw.goal.DeleteInstrument, request, timeout)

    def retire_instrument(self, name: str, retirement: Retirement, *, etag: str = "", timeout: float | None = None) -> Instrument:
        """Record that the registry retired it; saying the same again changes nothing."""
        from greencloud.wire import instruments as wire

        request = messages.RetireInstrumentRequest(name=_name(name), retirement=wire.retirement_to_message(retirement), etag=etag)
        answer = self._call(self.raw.goal.RetireInstrument, request, timeout)
        return wire.instrument_from_message(answer.instrument)

    def use_instrument(
        self,
        name: str,
        *,
        year: str,
        units: int,
        goal: str = "",
        market: str = "",
        claimed_as: str = "",
        etag: str = "",
        request_id: str = "",
        timeout: float | None = None,
    ) -> InstrumentUse:
        """Let units count for a reporting year: the lowest free serials that lie side by side.

        ``goal`` is what they are claimed for, empty for the whole organisation; ``market``, of a certificate, where the electricity
        was consumed. A call that is tried again uses nothing more; nor does one with a ``request_id`` of your own that was used
        before.
        """
        from greencloud.wire import instruments as wire

        request = messages.UseInstrumentRequest(
            name=_name(name),
            year=year,
            unit_count=units,
            goal=goal,
            market=market,
            claimed_as=claimed_as,
            etag=etag,
            request_id=request_id or new_request_id(),
        )
        return wire.use_from_message(self._call(self.raw.goal.UseInstrument, request, timeout).use)

    def cancel_instrument_use(
        self,
        name: str,
        *,
        year: str,
        serial_first: int,
        reason: str,
        etag: str = "",
        timeout: float | None = None,
    ) -> InstrumentUse:
        """Undo a use; its serials are free again, and both steps stay on record."""
        from greencloud.wire import instruments as wire

        request = messages.CancelInstrumentUseRequest(
            name=_name(name), year=year, serial_first=serial_first, reason=reason, etag=etag
        )
        return wire.use_from_message(self._call(self.raw.goal.CancelInstrumentUse, request, timeout).use)

    def get_instrument_policy(self, *, timeout: float | None = None) -> InstrumentPolicy:
        """What the provider accepts of instruments."""
        from greencloud.wire import instruments as wire

        request = messages.GetInstrumentPolicyRequest()
        return wire.instrument_policy_from_message(self._call(self.raw.goal.GetInstrumentPolicy, request, timeout))

    def update_instrument_policy(
        self, policy: InstrumentPolicy, *, etag: str = "", reason: str = "", timeout: float | None = None
    ) -> InstrumentPolicy:
        """Set the policy as a whole. With ``etag`` it is a ConflictError if it has another one by now."""
        from greencloud.wire import instruments as wire

        request = messages.UpdateInstrumentPolicyRequest(
            instrument_policy=wire.instrument_policy_to_message(policy), etag=etag, reason=reason
        )
        answer = self._call(self.raw.goal.UpdateInstrumentPolicy, request, timeout)
        return wire.instrument_policy_from_message(answer.instrument_policy)


class AsyncUseCalls(AsyncProviderCalls):
    """Instruments, their retirement and their uses."""

    async def create_instrument(self, instrument: Instrument, *, timeout: float | None = None) -> Instrument:
        """Record an instrument; without an id it gets one. One that is there with the same content is given back."""
        from greencloud.wire import instruments as wire

        request = messages.CreateInstrumentRequest(instrument=wire.instrument_to_message(instrument))
        answer = await self._call(self.raw.goal.CreateInstrument, request, timeout)
        return wire.instrument_from_message(answer.instrument)

    async def batch_create_instruments(
        self, instruments: Sequence[Instrument], *, timeout: float | None = None
    ) -> list[Instrument]:
        """Record up to 1,000 instruments, all of them or none."""
        from greencloud.wire import instruments as wire

        request = messages.BatchCreateInstrumentsRequest(
            requests=[messages.CreateInstrumentRequest(instrument=wire.instrument_to_message(each)) for each in instruments]
        )
        answer = await self._call(self.raw.goal.BatchCreateInstruments, request, timeout)
        return [wire.instrument_from_message(each) for each in answer.instruments]

    async def get_instrument(self, name: str, *, timeout: float | None = None) -> Instrument:
        """An instrument with its uses."""
        from greencloud.wire import instruments as wire

        return wire.instrument_from_message(
            await self._call(self.raw.goal.GetInstrument, messages.GetInstrumentRequest(name=_name(name)), timeout)
        )

    def list_instruments(
        self, *, kind: str = "", year: str = "", page_size: int = 0, timeout: float | None = None
    ) -> AsyncPager[Instrument]:
        """Instruments of a kind, or those with a use for a year."""
        from greencloud.wire import instruments as wire
        from greencloud.wire.inventory import number_of

        request = messages.ListInstrumentsRequest(
            kind=number_of(kind, wire.INSTRUMENT_KINDS, "kind") if kind else None, year=year, page_size=page_size
        )
        reader = answers.items_of("instruments", wire.instrument_from_message)
        return AsyncPager(self._asker(self.raw.goal.ListInstruments, timeout), request, reader)

    async def delete_instrument(self, name: str, *, reason: str, etag: str = "", timeout: float | None = None) -> None:
        """Take out what was recorded by mistake and has no use; the record of it stays."""
        request = messages.DeleteInstrumentRequest(name=_name(name), reason=reason, etag=etag)
        await self._call(self.raw.goal.DeleteInstrument, request, timeout)

    async def retire_instrument(
        self, name: str, retirement: Retirement, *, etag: str = "", timeout: float | None = None
    ) -> Instrument:
        """Record that the registry retired it; saying the same again changes nothing."""
        from greencloud.wire import instruments as wire

        request = messages.RetireInstrumentRequest(name=_name(name), retirement=wire.retirement_to_message(retirement), etag=etag)
        answer = await self._call(self.raw.goal.RetireInstrument, request, timeout)
        return wire.instrument_from_message(answer.instrument)

    async def use_instrument(
        self,
        name: str,
        *,
        year: str,
        units: int,
        goal: str = "",
        market: str = "",
        claimed_as: str = "",
        etag: str = "",
        request_id: str = "",
        timeout: float | None = None,
    ) -> InstrumentUse:
        """Let units count for a reporting year: the lowest free serials that lie side by side.

        ``goal`` is what they are claimed for, empty for the whole organisation; ``market``, of a certificate, where the electricity
        was consumed. A call that is tried again uses nothing more; nor does one with a ``request_id`` of your own that was used
        before.
        """
        from greencloud.wire import instruments as wire

        request = messages.UseInstrumentRequest(
            name=_name(name),
            year=year,
            unit_count=units,
            goal=goal,
            market=market,
            claimed_as=claimed_as,
            etag=etag,
            request_id=request_id or new_request_id(),
        )
        return wire.use_from_message((await self._call(self.raw.goal.UseInstrument, request, timeout)).use)

    async def cancel_instrument_use(
        self,
        name: str,
        *,
        year: str,
        serial_first: int,
        reason: str,
        etag: str = "",
        timeout: float | None = None,
    ) -> InstrumentUse:
        """Undo a use; its serials are free again, and both steps stay on record."""
        from greencloud.wire import instruments as wire

        request = messages.CancelInstrumentUseRequest(
            name=_name(name), year=year, serial_first=serial_first, reason=reason, etag=etag
        )
        return wire.use_from_message((await self._call(self.raw.goal.CancelInstrumentUse, request, timeout)).use)

    async def get_instrument_policy(self, *, timeout: float | None = None) -> InstrumentPolicy:
        """What the provider accepts of instruments."""
        from greencloud.wire import instruments as wire

        request = messages.GetInstrumentPolicyRequest()
        return wire.instrument_policy_from_message(await self._call(self.raw.goal.GetInstrumentPolicy, request, timeout))

    async def update_instrument_policy(
        self, policy: InstrumentPolicy, *, etag: str = "", reason: str = "", timeout: float | None = None
    ) -> InstrumentPolicy:
        """Set the policy as a whole. With ``etag`` it is a ConflictError if it has another one by now."""
        from greencloud.wire import instruments as wire

        request = messages.UpdateInstrumentPolicyRequest(
            instrument_policy=wire.instrument_policy_to_message(policy), etag=etag, reason=reason
        )
        answer = await self._call(self.raw.goal.UpdateInstrumentPolicy, request, timeout)
        return wire.instrument_policy_from_message(answer.instrument_policy)


def _name(name: str) -> str:
    """``name`` may be the id alone."""
    return name if "/" in name else f"instruments/{name}"
