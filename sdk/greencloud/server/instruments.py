"""GoalService: instruments and their uses, neutrality, avoided emissions. For the provider."""

from __future__ import annotations

from typing import Any, Final

from greencloud.server.book_pages import BookPages
from greencloud.server.instrument_checks import InstrumentChecks
from greencloud.server.roles import Permission
from greencloud.v1 import instrument_pb2 as messages
from greencloud.wire.instruments import (
    INSTRUMENTS,
    instrument_policy_to_message,
    instrument_to_message,
    use_to_message,
)
from greencloud.wire.neutrality import (
    INITIATIVES,
    initiative_to_message,
    neutrality_to_message,
    scope_three_plus_to_message,
)

__all__ = ["InstrumentMethods"]

_GOALS: Final = "goals/"
_MOST_AT_ONCE: Final = 1_000


class InstrumentMethods(BookPages):
    """Instruments and their uses, neutrality, avoided emissions."""

    def CreateInstrument(  # noqa: N802
        self, request: messages.CreateInstrumentRequest, context: Any
    ) -> messages.CreateInstrumentResponse:
        books = self._books(Permission.GOALS_WRITE)
        checks = InstrumentChecks()
        instrument = checks.instrument(request)
        checks.done()
        assert instrument
        return messages.CreateInstrumentResponse(instrument=instrument_to_message(books.create_instrument(instrument)))

    def BatchCreateInstruments(  # noqa: N802
        self, request: messages.BatchCreateInstrumentsRequest, context: Any
    ) -> messages.BatchCreateInstrumentsResponse:
        books = self._books(Permission.GOALS_WRITE)
        checks = InstrumentChecks()
        if not request.requests:
            checks.fault("requests", "is required")
        elif len(request.requests) > _MOST_AT_ONCE:
            checks.fault("requests", f"has more than {_MOST_AT_ONCE:,} values")
        else:
            found = [checks.instrument(each, f"requests[{place}].instrument") for place, each in enumerate(request.requests)]
        checks.done()
        made = books.batch_create_instruments([each for each in found if each])
        return messages.BatchCreateInstrumentsResponse(instruments=map(instrument_to_message, made))

    def GetInstrument(self, request: messages.GetInstrumentRequest, context: Any) -> messages.Instrument:  # noqa: N802
        books = self._books(Permission.GOALS_READ)
        checks = InstrumentChecks()
        name = checks.resource(request, "name", INSTRUMENTS)
        checks.done()
        return instrument_to_message(books.get_instrument(name))

    def ListInstruments(  # noqa: N802
        self, request: messages.ListInstrumentsRequest, context: Any
    ) -> messages.ListInstrumentsResponse:
        books = self._books(Permission.GOALS_READ)
        checks = InstrumentChecks()
        year = checks.year(request)
        kind = checks.instrument_kind(request)
        return self._page(
            request,
            messages.ListInstrumentsResponse(),
            checks,
            books=books,
            values=lambda then: then.list_instruments(kind=kind, year=year),
            to_message=instrument_to_message,
        )

    def DeleteInstrument(  # noqa: N802
        self, request: messages.DeleteInstrumentRequest, context: Any
    ) -> messages.DeleteInstrumentResponse:
        books = self._books(Permission.GOALS_WRITE)
        checks = InstrumentChecks()
        name, reason = checks.resource(request, "name", INSTRUMENTS), checks.text(request, "reason", required=True)
        checks.done()
        books.delete_instrument(name, reason=reason, etag=request.etag)
        return messages.DeleteInstrumentResponse()

    def RetireInstrument(  # noqa: N802
        self, request: messages.RetireInstrumentRequest, context: Any
    ) -> messages.RetireInstrumentResponse:
        books = self._books(Permission.GOALS_WRITE)
        checks = InstrumentChecks()
        name, retirement = checks.resource(request, "name", INSTRUMENTS), checks.retirement(request)
        checks.done()
        assert retirement
        retired = books.retire_instrument(name, retirement, etag=request.etag)
        return messages.RetireInstrumentResponse(instrument=instrument_to_message(retired))

    def UseInstrument(self, request: messages.UseInstrumentRequest, context: Any) -> messages.UseInstrumentResponse:  # noqa: N802
        books = self._books(Permission.GOALS_WRITE)
        checks = InstrumentChecks()
        name, year = checks.resource(request, "name", INSTRUMENTS), checks.year(request, required=True)
        if request.unit_count < 1:
            checks.fault("unit_count", "must not be negative" if request.unit_count else "is required")
        goal = checks.resource(request, "goal", _GOALS, required=False)
        words = {field: checks.text(request, field) for field in ("market", "claimed_as")}
        checks.values("request_id", [request.request_id])
        checks.done()
        use = books.use_instrument(
            name, year=year, units=request.unit_count, goal=goal, etag=request.etag, request_id=request.request_id, **words
        )
        return messages.UseInstrumentResponse(use=use_to_message(use))

    def CancelInstrumentUse(  # noqa: N802
        self, request: messages.CancelInstrumentUseRequest, context: Any
    ) -> messages.CancelInstrumentUseResponse:
        books = self._books(Permission.GOALS_WRITE)
        checks = InstrumentChecks()
        name, year = checks.resource(request, "name", INSTRUMENTS), checks.year(request, required=True)
        reason = checks.text(request, "reason", required=True)
        checks.done()
        use = books.cancel_instrument_use(name, year=year, serial_first=request.serial_first, reason=reason, etag=request.etag)
        return messages.CancelInstrumentUseResponse(use=use_to_message(use))

    def GetInstrumentPolicy(  # noqa: N802
        self, request: messages.GetInstrumentPolicyRequest, context: Any
    ) -> messages.InstrumentPolicy:
        return instrument_policy_to_message(self._books(Permission.GOALS_READ).get_instrument_policy())

    def UpdateInstrumentPolicy(  # noqa: N802
        self, request: messages.UpdateInstrumentPolicyRequest, context: Any
    ) -> messages.UpdateInstrumentPolicyResponse:
        books = self._books(Permission.GOALS_WRITE)
        checks = InstrumentChecks()
        policy, reason = checks.instrument_policy(request), checks.text(request, "reason")
        checks.done()
        held = books.update_instrument_policy(policy, etag=request.etag, reason=reason)
        return messages.UpdateInstrumentPolicyResponse(instrument_policy=instrument_policy_to_message(held))

    def GetNeutrality(self, request: messages.GetNeutralityRequest, context: Any) -> messages.Neutrality:  # noqa: N802
        books = self._books(Permission.GOALS_READ)
        checks = InstrumentChecks()
        year = checks.year(request, required=True)
        goal = checks.resource(request, "goal", _GOALS, required=False)
        scopes = checks.values("scopes", request.scopes)
        checks.done()
        return neutrality_to_message(books.get_neutrality(year, goal=goal, scopes=scopes))

    def CreateInitiative(  # noqa: N802
        self, request: messages.CreateInitiativeRequest, context: Any
    ) -> messages.CreateInitiativeResponse:
        books = self._books(Permission.GOALS_WRITE)
        checks = InstrumentChecks()
        initiative = checks.initiative(request)
        checks.done()
        assert initiative
        return messages.CreateInitiativeResponse(initiative=initiative_to_message(books.create_initiative(initiative)))

    def GetInitiative(self, request: messages.GetInitiativeRequest, context: Any) -> messages.Initiative:  # noqa: N802
        books = self._books(Permission.GOALS_READ)
        checks = InstrumentChecks()
        name = checks.resource(request, "name", INITIATIVES)
        checks.done()
        return initiative_to_message(books.get_initiative(name))

    def ListInitiatives(  # noqa: N802
        self, request: messages.ListInitiativesRequest, context: Any
    ) -> messages.ListInitiativesResponse:
        books = self._books(Permission.GOALS_READ)
        return self._page(
            request,
            messages.ListInitiativesResponse(),
            InstrumentChecks(),
            books=books,
            values=lambda then: then.list_initiatives(),
            to_message=initiative_to_message,
        )

    def UpdateInitiative(  # noqa: N802
        self, request: messages.UpdateInitiativeRequest, context: Any
    ) -> messages.UpdateInitiativeResponse:
        books = self._books(Permission.GOALS_WRITE)
        checks = InstrumentChecks()
        initiative, reason = checks.initiative(request), checks.text(request, "reason")
        checks.done()
        assert initiative
        held = books.update_initiative(initiative, etag=request.etag, reason=reason)
        return messages.UpdateInitiativeResponse(initiative=initiative_to_message(held))

    def GetScopeThreePlus(self, request: messages.GetScopeThreePlusRequest, context: Any) -> messages.ScopeThreePlus:  # noqa: N802
        books = self._books(Permission.GOALS_READ)
        checks = InstrumentChecks()
        target, target_year = checks.target(request)
        checks.done()
        return scope_three_plus_to_message(books.get_scope_three_plus(target=target, target_year=target_year))
