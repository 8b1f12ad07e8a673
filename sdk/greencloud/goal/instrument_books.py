"""Instruments in the provider's books: recorded, retired, used once, and what a claim of neutrality rests on."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from greencloud.errors import ConflictError, GoalError, NotFoundError
from greencloud.goal.claim_books import ClaimBooks
from greencloud.goal.initiative_books import check_etag
from greencloud.goal.instrument_rules import block_of, check_evidence, check_instrument, check_retirement, check_use
from greencloud.goal.instrument_state import NONE, InstrumentState, free_runs, step
from greencloud.inventory import Change, Draft
from greencloud.inventory.document import from_document, to_document
from greencloud.results.instruments import Instrument, InstrumentKind, InstrumentPolicy, InstrumentUse, Retirement
from greencloud.results.reporting_year import ReportingYear

__all__ = ["InstrumentBooks"]

_PREFIX = "instruments/"
_MOST_AT_ONCE = 1_000


class InstrumentBooks(ClaimBooks):
    """Instruments and their uses. Every rule is checked on what all writers wrote before, so that it holds among them."""

    def create_instrument(self, instrument: Instrument) -> Instrument:
        """As ``batch_create_instruments``, of one."""
        return self.batch_create_instruments([instrument])[0]

    def batch_create_instruments(self, instruments: Sequence[Instrument]) -> list[Instrument]:
        """Record instruments, all of them or none. Without an id one follows from registry and serials. What is there with the
        same content is given back.

        Raises:
            GoalError: a field is wrong, or a serial is in a block that was recorded before.
            ConflictError: there is another of that id.
        """
        if not 0 < len(instruments) <= _MOST_AT_ONCE:
            raise GoalError(
                f"instruments: {len(instruments):,} at once", key="instruments", advice=f"record 1 to {_MOST_AT_ONCE:,} at once"
            )
        named = [each if each.id else replace(each, id=_derived_id(each)) for each in instruments]

        def decide(changes: list[Change]) -> Draft | None:
            state = self._instruments(changes)
            held = dict(state.instruments)
            blocks: dict[tuple[str, str], list[Instrument]] = {}
            for each in held.values():
                blocks.setdefault(block_of(each), []).append(each)
            fresh = []
            for number, each in enumerate(named, 1):
                same = blocks.setdefault(block_of(each), [])
                with _told_by_number(number, len(named)):
                    if each.id in held:
                        _check_same(held[each.id], each)
                        continue
                    self._check_new(changes, each)
                    _check_overlap(each, same)
                made = replace(each, uses=(), cancelled_uses=(), revision=1, created_by=self.actor)
                held[each.id] = made
                same.append(made)
                fresh.append(made)
            return Draft("instrument.create", {"instruments": to_document(fresh)}) if fresh else None

        self.transact(decide)
        return [self.get_instrument(each.name) for each in named]

    def get_instrument(self, name: str) -> Instrument:
        """Raises NotFoundError."""
        return _of(self.fold(NONE, step).latest(), name)

    def list_instruments(self, *, kind: str = "", year: str = "") -> list[Instrument]:
        """By id; of a kind, or those with a use for a year. Raises QuantityError, GoalError."""
        of_year = ReportingYear.parse(year) if year else None
        if kind and kind not in set(InstrumentKind):
            raise GoalError(f"kind: there is no {kind[:64]!r}", key="kind", advice=f"use one of {', '.join(InstrumentKind)}")
        return [
            each
            for _, each in sorted(self.fold(NONE, step).latest().instruments.items())
            if (not kind or each.kind == kind) and (of_year is None or any(use.year == of_year for use in each.uses))
        ]

    def delete_instrument(self, name: str, *, reason: str, etag: str = "") -> None:
        """Take out what was recorded by mistake; the record of it stays.

        Raises:
            GoalError: it is used, or there is no reason.
            ConflictError, NotFoundError
        """
        _check_reason(reason)

        def decide(changes: list[Change]) -> Draft:
            held = _of(self._instruments(changes), name)
            check_etag(etag, held.etag, held.name)
            if held.uses:
                raise GoalError(
                    f"{held.name} is used for {held.uses[0].year}", key="name", advice="cancel its uses first, each with a reason"
                )
            return Draft("instrument.delete", {"id": held.id}, reason)

        self.transact(decide)

    def retire_instrument(self, name: str, retirement: Retirement, *, etag: str = "") -> Instrument:
        """Record that the registry retired it; saying the same again changes nothing.

        Raises:
            GoalError: a field is wrong, or it was retired for another.
            ConflictError: it was retired otherwise, or changed since ``etag``.
            NotFoundError: there is no such instrument.
        """

        def decide(changes: list[Change]) -> Draft | None:
            held = _of(self._instruments(changes), name)
            if held.retirement == retirement:
                return None
            check_etag(etag, held.etag, held.name)
            if held.retirement is not None:
                raise ConflictError(f"{held.name} was retired on {held.retirement.retired}", advice="a unit is retired once")
            self._check_retirement(changes, held, retirement)
            return Draft("instrument.retire", {"id": held.id, "retirement": to_document(retirement)})

        self.transact(decide)
        return self.get_instrument(name)

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
    ) -> InstrumentUse:
        """Let units count for a reporting year: the lowest free serials that lie side by side.

        Args:
            goal: the goal that they are claimed for; empty: the claim of the whole organisation.
            market: of a certificate, where the electricity was consumed.
            claimed_as: energy, removal or offset; empty: what the kind stands for.
            request_id: saying the same again with the same id uses nothing more (AIP-155).

        Raises:
            GoalError: it is not retired, of another vintage, market or kind, or has not as many free units.
            ConflictError: it was changed since ``etag``.
            NotFoundError: there is no such instrument or goal.
        """
        of_year = ReportingYear.parse(year)
        goal = self.get_goal(goal).name if goal else ""

        def decide(changes: list[Change]) -> Draft | None:
            state = self._instruments(changes)
            if request_id and request_id in state.requests:
                return None
            held = _of(state, name)
            check_etag(etag, held.etag, held.name)
            policy = self._inventory_policy(changes)
            check_use(held, of_year, policy=state.policy, inventory_policy=policy, claimed_as=claimed_as, market=market)
            if of_year.start(policy.fiscal_year_start_month) > self.clock():
                raise GoalError(f"year: {of_year} has not begun", key="year", advice="use units for what was emitted")
            first = _lowest(held, units)
            use = InstrumentUse(held.name, of_year, first, first + units - 1, self.actor, self.clock(), goal, market, request_id)
            return Draft("instrument.use", {"id": held.id, "use": to_document(use)})

        change = self.transact(decide)
        if change is None:
            return self.fold(NONE, step).latest().requests[request_id]
        return use_of(change)

    def cancel_instrument_use(self, name: str, *, year: str, serial_first: int, reason: str, etag: str = "") -> InstrumentUse:
        """Undo a use; its serials are free again, and both steps stay on record. The use, with who undid it and why.

        Raises:
            GoalError: there is no reason.
            ConflictError: it was changed since ``etag``.
            NotFoundError: there is no such instrument or use.
        """
        _check_reason(reason)
        of_year = ReportingYear.parse(year)

        def decide(changes: list[Change]) -> Draft:
            held = _of(self._instruments(changes), name)
            check_etag(etag, held.etag, held.name)
            found = [use for use in held.uses if (use.year, use.serial_first) == (of_year, serial_first)]
            if not found:
                raise NotFoundError(
                    f"{held.name} has no use for {of_year} that begins with {serial_first}",
                    advice="list them: greencloud credits show",
                )
            use = replace(found[0], cancelled_by=self.actor, cancelled=self.clock(), reason=reason)
            return Draft("instrument.cancel_use", {"id": held.id, "use": to_document(use)}, reason)

        change = self.transact(decide)
        assert change is not None
        return use_of(change)

    def get_instrument_policy(self) -> InstrumentPolicy:
        """The one in force; revision 0 are the defaults."""
        return self.fold(NONE, step).latest().policy

    def update_instrument_policy(self, policy: InstrumentPolicy, *, etag: str = "", reason: str = "") -> InstrumentPolicy:
        """Put a policy in force. Uses that it would not allow are refused by claims from then on.

        Raises:
            GoalError: it is out of range, or there is no reason.
            ConflictError: it was changed since ``etag``.
        """
        if not 0 <= policy.most_vintage_years <= 100:
            raise GoalError(
                f"most_vintage_years: {policy.most_vintage_years} is out of range", key="most_vintage_years", advice="use 0 to 100"
            )

        def decide(changes: list[Change]) -> Draft | None:
            held = self._instruments(changes).policy
            check_etag(etag, held.etag, "the policy of instruments")
            if held.most_vintage_years == policy.most_vintage_years:
                return None
            _check_reason(reason)
            made = replace(policy, revision=held.revision + 1, updated_by=self.actor)
            return Draft("instrument.policy", to_document(made), reason)

        self.transact(decide)
        return self.get_instrument_policy()

    def _check_new(self, changes: list[Change], instrument: Instrument) -> None:
        check_instrument(instrument)
        if instrument.retirement is not None:
            self._check_retirement(changes, instrument, instrument.retirement)

    def _check_retirement(self, changes: list[Change], instrument: Instrument, retirement: Retirement) -> None:
        check_retirement(instrument, retirement, self._inventory_policy(changes), self.clock().date())
        check_evidence(retirement.evidence, self.journal.has_evidence)


def use_of(change: Change) -> InstrumentUse:
    """The use that a record is of. Raises StoreError."""
    return from_document(change.body["use"], InstrumentUse, path=f"record {change.number}")


@contextmanager
def _told_by_number(number: int, count: int) -> Iterator[None]:
    """Of several it is said which one is wrong."""
    try:
        yield
    except GoalError as error:
        if count == 1:
            raise
        raise GoalError(f"number {number} of {count:,}: {error.message}", key=error.key, advice=error.advice) from error


def _of(state: InstrumentState, name: str) -> Instrument:
    found = state.instruments.get(name.removeprefix(_PREFIX))
    if found is None:
        raise NotFoundError(f"there is no instrument {name[:100]!r}", advice="list what there is: greencloud credits list")
    return found


def _derived_id(instrument: Instrument) -> str:
    """The same for the same serials, so that recording them again changes nothing."""
    registry, prefix = block_of(instrument)
    digest = hashlib.sha256(f"{registry}\0{prefix}\0{instrument.serial_first}\0{instrument.serial_last}".encode()).hexdigest()
    word = re.sub(r"[^a-z0-9]+", "-", registry).strip("-")[:24].rstrip("-")
    return f"{word}-{digest[:12]}" if word else digest[:12]


def _check_same(held: Instrument, given: Instrument) -> None:
    def facts(each: Instrument) -> Instrument:
        return replace(each, retirement=None, uses=(), cancelled_uses=(), revision=1, created_by="")

    if facts(held) != facts(given) or given.retirement not in (None, held.retirement):
        raise ConflictError(f"there is another {held.name}", advice="choose another id; a retirement is recorded by itself")


def _check_overlap(instrument: Instrument, others: Iterable[Instrument]) -> None:
    for other in others:
        first, last = max(instrument.serial_first, other.serial_first), min(instrument.serial_last, other.serial_last)
        if first <= last:
            raise GoalError(
                f"serial_first: {first} to {last} of {instrument.registry} are in {other.name}",
                key="serial_first",
                advice="a serial is one unit: record it once",
            )


def _lowest(instrument: Instrument, units: int) -> int:
    """The first of as many free serials side by side."""
    if units < 1:
        raise GoalError(f"units: {units} are none", key="units", advice="use 1 or more, in whole tonnes or MWh")
    runs = free_runs(instrument)
    for first, last in runs:
        if last - first + 1 >= units:
            return first
    longest = max((last - first + 1 for first, last in runs), default=0)
    raise GoalError(
        f"units: {instrument.name} has {instrument.unused_units:,} free, {longest:,} of them side by side",
        key="units",
        advice=f"use up to {longest:,} at once, or another instrument" if longest else "use another instrument",
    )


def _check_reason(reason: str) -> None:
    if not reason.strip():
        raise GoalError("reason: is empty", key="reason", advice="say why, for an auditor")
