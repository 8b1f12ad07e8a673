"""Instruments and initiatives as they follow from the journal, and which serials of an instrument are free."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from greencloud.inventory.document import from_document
from greencloud.inventory.journal import Change
from greencloud.results.instruments import Initiative, Instrument, InstrumentPolicy, InstrumentUse, Retirement

__all__ = ["NONE", "InstrumentState", "free_runs", "step"]


@dataclass(frozen=True, slots=True)
class InstrumentState:
    """Latest revisions by id, in the order in which they were made. ``requests``: what each request to use came to."""

    instruments: Mapping[str, Instrument] = field(default_factory=dict)
    initiatives: Mapping[str, Initiative] = field(default_factory=dict)
    policy: InstrumentPolicy = InstrumentPolicy()
    requests: Mapping[str, InstrumentUse] = field(default_factory=dict)


NONE: Final = InstrumentState()


def step(state: InstrumentState, change: Change) -> InstrumentState:
    """The state after a record; those of other rooms change nothing. Raises StoreError."""
    body, path = change.body, f"record {change.number}"
    match change.kind:
        case "instrument.create":
            made = from_document(body["instruments"], list[Instrument], path=path)
            return _with(state, *made)
        case "instrument.delete":
            return replace(state, instruments={id_: each for id_, each in state.instruments.items() if id_ != body["id"]})
        case "instrument.retire":
            retirement = from_document(body["retirement"], Retirement, path=path)
            return _with(state, _next(state, body, retirement=retirement))
        case "instrument.use":
            use = from_document(body["use"], InstrumentUse, path=path)
            uses = sorted((*state.instruments[body["id"]].uses, use), key=lambda each: each.serial_first)
            requests = {**state.requests, use.request_id: use} if use.request_id else state.requests
            return replace(_with(state, _next(state, body, uses=tuple(uses))), requests=requests)
        case "instrument.cancel_use":
            use = from_document(body["use"], InstrumentUse, path=path)
            held = state.instruments[body["id"]]
            uses = [each for each in held.uses if each.serial_first != use.serial_first]
            return _with(state, _next(state, body, uses=tuple(uses), cancelled_uses=(*held.cancelled_uses, use)))
        case "instrument.policy":
            return replace(state, policy=from_document(body, InstrumentPolicy, path=path))
        case "initiative.put":
            initiative = from_document(body, Initiative, path=path)
            return replace(state, initiatives={**state.initiatives, initiative.id: initiative})
        case _:
            return state


def free_runs(instrument: Instrument) -> list[tuple[int, int]]:
    """(first, last) of every run of serials that no use takes, the lowest first."""
    runs = []
    first = instrument.serial_first
    for use in instrument.uses:
        if first < use.serial_first:
            runs.append((first, use.serial_first - 1))
        first = use.serial_last + 1
    if first <= instrument.serial_last:
        runs.append((first, instrument.serial_last))
    return runs


def _next(state: InstrumentState, body: Any, **changes: Any) -> Instrument:
    held = state.instruments[body["id"]]
    return replace(held, revision=held.revision + 1, **changes)


def _with(state: InstrumentState, *instruments: Instrument) -> InstrumentState:
    return replace(state, instruments={**state.instruments, **{each.id: each for each in instruments}})
