"""Spans to rows: for what an account used its share.

A span is known by its account, trace id, span id and start; copies count once, and of copies that contradict each other the
longest holds. A span that carries ``greencloud.cpu.time`` (the plugin's self time) is weighed by it: amounts accrue evenly over
the span and are cut at window boundaries. Any other is weighed by its **self wall time**, flagged ``estimated``: in each window,
the time of the span less what its children in the same process (same account, service and ``service.instance.id``, not marked as
remote) cover of it. Children in other processes take nothing off, since a caller that waits for them is told apart from one that
works only by CPU time. The operation is counted in the window in which it starts. A value that is negative, no integer, or beyond
what 4096 CPUs could do in the span's time is refused, and the span falls back to its wall time.

**Who an internal service worked for.** Its spans take the account named by ``greencloud.caller.account`` (set by a trusted
edge), else that of the nearest ancestor that is not internal, over all accounts' spans. An id that an internal account has is
that account's, whoever else claims it: the provider's word holds. One that several tenants claim decides nothing, or anyone who
copied an id could move use onto another. For accounts that are not internal the caller is
always "": nothing that others send touches their rows.

**Local in time.** For use in an hour only those ancestors count that overlap the hour or the one before. So all rows of the
windows in an hour follow from the spans that overlap these two hours, whatever else is loaded.

**Bounded.** Of an account on a host in a window at most ``MAX_OPERATIONS`` rows are kept apart, those of most CPU time. The others
are added up by place, caller and quality as ``OTHER_OPERATIONS``, and as ``OTHER_SERVICES`` too if even these are too many.
"""

from __future__ import annotations

from array import array
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, NamedTuple, TypeVar

import pyarrow as pa

from greencloud._otlp import Traces, attributes_of
from greencloud._spans import Weighing, pairs_of
from greencloud.facility import Facility
from greencloud.telemetry import semconv
from greencloud.telemetry.admission import SPAN_FAULTS, account_fault
from greencloud.telemetry.deadletter import DeadLetters
from greencloud.telemetry.items import Spans
from greencloud.telemetry.otlp import Resource, identity
from greencloud.telemetry.place import Owner, Place, Places, Process, clipped
from greencloud.telemetry.tally import MEASURE_LIMIT, Tally
from greencloud.units import INT64_MAX

__all__ = [
    "MAX_CPUS",
    "MAX_OPERATIONS",
    "OTHER_OPERATIONS",
    "OTHER_SERVICES",
    "SPAN_FAULTS",
    "Owner",
    "Process",
    "Told",
    "add_spans",
    "note_crowd",
]

MAX_CPUS: Final = 4096
"""Of one process, as the kernel has it too."""

MAX_OPERATIONS: Final = 2_000
OTHER_OPERATIONS: Final = "(other operations)"
OTHER_SERVICES: Final = "(other services)"

_NO_ACCOUNT: Final = 9
_BAD_ACCOUNT: Final = 10
_NOTES: Final = {
    11: "copies of a span contradict each other",
    12: "ids used again with another start",
    **{
        13 + k: f"{name} is negative, no integer, or more than the span's time allows"
        for k, name in enumerate((semconv.CPU_TIME, semconv.MEMORY_BYTE_SECONDS, semconv.IO_BYTES, semconv.GPU_TIME))
    },
    17: f"{semconv.CALLER_ACCOUNT} is not an account id",
}
_CUT_NAME: Final = 18
_QUALITIES: Final = ("estimated", "exact", "measured")
_MEASURES: Final = ("cpu_ns", "memory_byte_s", "disk_bytes", "gpu_ns")


@dataclass(frozen=True, slots=True)
class Told:
    """What spans told of: ``cpu`` holds the processes and windows in which they account for CPU."""

    cpu: set[tuple[Process, int]]
    span_count: int
    duplicate_count: int


class _Spot(NamedTuple):
    """The dimensions of a row that a pair of owner and resource gives, in the order of the row's key."""

    site: str
    host: str
    account: str
    service: str
    sku: str
    labels: str


@dataclass(frozen=True, slots=True)
class _Pair:
    """An owner with a resource: whose spans, of which process, and where."""

    account: str
    fault: int
    resource: Resource
    place: Place

    @property
    def process(self) -> Process:
        return Process(self.account, self.place.service, self.place.instance)

    @property
    def spot(self) -> _Spot:
        place = self.place
        return _Spot(place.site, place.host, self.account, place.service, place.sku, place.labels)


def add_spans(  # noqa: PLR0917 - the places to write to are told apart by their types
    traces: Traces | Spans,
    owners: Sequence[Owner],
    facility: Facility,
    places: Places,
    tally: Tally,
    dead: DeadLetters,
    *,
    first_ns: int = 0,
    until_ns: int = 2**64 - 1,
    partial: bool = False,
) -> Told:
    """Add the rows of distinct spans in the windows that begin in ``[first_ns, until_ns)``.

    Spans are counted, and dead letters written, where they start in one of these windows; so the parts of a longer time add up.
    ``partial``: only some of these windows' traces are there, so nothing is bounded yet (``greencloud.telemetry.whole``).
    """
    pair_of, pair_owners, pair_resources = pairs_of(traces.owner, traces.resource)
    pairs = _pairs(traces.resources, owners, zip(pair_owners, pair_resources, strict=True), places)
    sent_names, sent_callers = traces.names, traces.callers
    named = [name if not account_fault(name) else "" for name in sent_callers]
    cut = [clipped(name) for name in sent_names]

    accounts = _Ranks([*(pair.account for pair in pairs), *named])
    processes = _Ranks(pair.process for pair in pairs)
    identities = _Ranks(pair.resource.identity for pair in pairs)
    callers = _Ranks(sent_callers)
    operations = _Ranks([*sent_names, *cut, OTHER_OPERATIONS])
    found = {pair.spot for pair in pairs if pair.place.site}
    spots = _Ranks(found | {_other(spot) for spot in found})
    labels = _Ranks(spot.labels for spot in spots.items)
    orders = _Ranks(spot[:5] for spot in spots.items)
    bounds = _Ranks(spot[:3] for spot in spots.items)
    weighed = Weighing(
        traces,
        pair_of,
        pair_account=accounts.of(pair.account for pair in pairs),
        pair_process=processes.of(pair.process for pair in pairs),
        pair_place=array("i", [spots.ranks[pair.spot] if pair.place.site else -1 for pair in pairs]),
        pair_identity=identities.of(pair.resource.identity for pair in pairs),
        pair_internal=array("B", [facility.is_internal(pair.account) for pair in pairs]),
        pair_fault=array("B", [pair.fault for pair in pairs]),
        name_order=operations.of(sent_names),
        name_operation=operations.of(cut),
        name_cut=array("B", [one != other for one, other in zip(cut, sent_names, strict=True)]),
        caller_order=callers.of(sent_callers),
        caller_account=array("i", [accounts.ranks[name] if name else -1 for name in named]),
        place_order=orders.of(spot[:5] for spot in spots.items),
        place_labels=labels.of(spot.labels for spot in spots.items),
        place_bound=bounds.of(spot[:3] for spot in spots.items),
        place_other=spots.of(_other(spot) for spot in spots.items),
        other_operation=operations.ranks[OTHER_OPERATIONS],
        most_rows=INT64_MAX if partial else MAX_OPERATIONS,
        most_sum=INT64_MAX - 1 if partial else MEASURE_LIMIT,
        window_ns=tally.window_ns,
        first_ns=first_ns,
        until_ns=until_ns,
    )
    _write_notes(weighed, traces, pair_of, pairs, dead)
    _write_pair_notes(weighed.seen_pairs, [owners[owner] for owner in pair_owners], pairs, dead)
    for site, host, account in {spots.items[place][:3] for place in weighed.folded}:
        note_crowd(dead, site, host, account)
    tally.add_columns(_column("q", weighed.window), _columns(weighed, spots.items, operations.items, accounts.items))
    told = zip((processes.items[number] for number in weighed.told_process), weighed.told_window, strict=True)
    return Told(set(told), weighed.span_count, weighed.duplicate_count)


def note_crowd(dead: DeadLetters, site: str, host: str, account: str) -> None:
    """Tell that rows were added up."""
    dead.add(
        f"more than {MAX_OPERATIONS} rows of an account on a host in a window: the least added up as {OTHER_OPERATIONS}",
        f"account {account}, site {site}, host {host or '(unknown)'}",
    )


def _pairs(resources: Sequence[bytes], owners: Sequence[Owner], numbers: Iterable[tuple[int, int]], places: Places) -> list[_Pair]:
    read: dict[int, tuple[Resource, Place]] = {}
    pairs = []
    for owner_number, number in numbers:
        if number not in read:
            attributes = attributes_of(resources[number])
            resource = Resource(attributes, identity(attributes))
            read[number] = (resource, places.of(resource))
        resource, place = read[number]
        owner = owners[owner_number]
        account = resource.text(semconv.ACCOUNT_ID) if owner.role == "provider" else owner.account
        fault = 0 if not account_fault(account) else _BAD_ACCOUNT if account else _NO_ACCOUNT
        pairs.append(_Pair(account, fault, resource, place))
    return pairs


def _other(spot: _Spot) -> _Spot:
    return spot._replace(service=OTHER_SERVICES, sku="", labels="{}")


_Item = TypeVar("_Item", bound=Hashable)


class _Ranks(Generic[_Item]):
    """Distinct items in order, and the place of each: comparing ranks compares the items."""

    def __init__(self, items: Iterable[_Item]) -> None:
        self.items: list[_Item] = sorted(set(items))  # type: ignore[type-var]
        self.ranks = {item: rank for rank, item in enumerate(self.items)}

    def of(self, items: Iterable[_Item]) -> array[int]:
        return array("i", map(self.ranks.__getitem__, items))


def _write_notes(weighed: Weighing, traces: Traces | Spans, pair_of: array[int], pairs: list[_Pair], dead: DeadLetters) -> None:
    for number, (count, example) in weighed.notes.items():
        account = pairs[pair_of[example]].account
        subject = f"account {account or '(nobody)'}, span {traces.span_id[example]:016x}"
        if number == _CUT_NAME:
            operation = traces.names[traces.name[example]]
            dead.add_many("an operation's name cut to 256 characters", count, f"account {account}: {operation[:64]}")
        elif number in _NOTES:
            dead.add_many(_NOTES[number], count, subject)
        else:
            fault = account_fault(account) if number in {_NO_ACCOUNT, _BAD_ACCOUNT} else SPAN_FAULTS[number]
            dead.add_many(f"a span cannot be counted: {fault}", count, subject)


def _write_pair_notes(seen: array[int], owners: list[Owner], pairs: list[_Pair], dead: DeadLetters) -> None:
    for bits, owner, pair in zip(seen, owners, pairs, strict=True):
        named = pair.resource.text(semconv.ACCOUNT_ID)
        if bits & 1 and owner.role == "tenant" and named and named != owner.account:
            dead.add("a tenant's resource names another account: ignored", f"account {owner.account} named {named[:128]}")
        if bits & 2 and not pair.place.site:
            subject = f"account {pair.account}, service {pair.place.service}: no known host and the book has no default site"
            dead.add("no site", subject)


def _columns(weighed: Weighing, spots: list[_Spot], operations: list[str], accounts: list[str]) -> dict[str, pa.Array]:
    place = _column("i", weighed.place)
    columns = {name: pa.array([spot[k] for spot in spots], pa.string()).take(place) for k, name in enumerate(_Spot._fields)}
    columns["operation"] = pa.array(map(clipped, operations), pa.string()).take(_column("i", weighed.operation))
    callers = pa.array([*accounts, ""], pa.string())
    known = pa.array([number if number >= 0 else len(accounts) for number in weighed.caller_of], pa.int32())
    columns["caller_account"] = callers.take(known)
    columns["quality"] = pa.array(_QUALITIES, pa.string()).take(_column("i", weighed.quality_of))
    for name, sums in zip(_MEASURES, weighed.measures, strict=True):
        columns[name] = _column("q", sums)
    columns["count"] = _column("q", weighed.count)
    return columns


def _column(kind: str, items: array[int]) -> pa.Array:
    return pa.Array.from_buffers(pa.int32() if kind == "i" else pa.int64(), len(items), [None, pa.py_buffer(items)])
