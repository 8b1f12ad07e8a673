"""Law 4 where internal services work for others: no tenant's telemetry moves another tenant's share of them by a single unit.

An attacker claims any ids that are not another tenant's: those of internal services, which it is sent as parents, and ids that
nobody has exported.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction

import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import given
from hypothesis import strategies as st

from greencloud.allocation import POSTING_MEASURES, allocate
from greencloud.facility import FOREVER, DeclaredUse, Facility
from greencloud.telemetry import Record, collect
from otlp import SECOND, SpanSpec, counter, metrics_request, trace_request
from test_laws import BOOK, LAWS, START, TENANTS, WINDOW

TRACE = 5
INTERNAL_IDS = (900, 901, 902, 903)
ORPHAN_IDS = (990, 991)
OWN_IDS = {"acme": (100, 101), "globex": (200, 201), "initech": (300, 301)}
ALL_IDS = (*INTERNAL_IDS, *ORPHAN_IDS, *(number for own in OWN_IDS.values() for number in own))


def record(account: str, spans: list[SpanSpec]) -> Record:
    return Record("traces", "tenant", account, START, trace_request({"service.name": "s", "host.id": "h1"}, spans))


def spans_of(ids: st.SearchStrategy[int]) -> st.SearchStrategy[list[SpanSpec]]:
    made = st.builds(
        lambda number, parent, cpu: SpanSpec(
            TRACE, number, START, START + SECOND, parent=parent, attributes={"greencloud.cpu.time": cpu}
        ),
        ids,
        st.sampled_from((0, *ALL_IDS)),
        st.integers(0, 3 * SECOND),
    )
    return st.lists(made, max_size=4, unique_by=lambda span: span.span)


busy_host = st.integers(1, 90_000).map(
    lambda busy: Record(
        "metrics",
        "provider",
        "",
        START,
        metrics_request(
            {"host.id": "h1"},
            [
                counter("system.cpu.time", "s", [(START + WINDOW * SECOND, busy / 7, {"cpu.mode": "user"})], START),
                counter("hw.host.energy", "J", [(START + WINDOW * SECOND, busy * 3 + 150_000, {})], START),
            ],
        ),
    )
)
honest = st.fixed_dictionaries({name: spans_of(st.sampled_from(OWN_IDS[name])) for name in TENANTS})
internal = spans_of(st.sampled_from(INTERNAL_IDS))


@LAWS
@given(busy_host, honest, internal, st.sampled_from(TENANTS), st.data())
def test_law_4_claims_on_ids_move_no_other_tenants_share_of_internal_services(
    host: Record, told: dict[str, list[SpanSpec]], worked: list[SpanSpec], attacker: str, data: st.DataObject
) -> None:
    forged = data.draw(spans_of(st.sampled_from((*OWN_IDS[attacker], *INTERNAL_IDS, *ORPHAN_IDS))))

    before = postings(host, told, worked)
    after = postings(host, told | {attacker: forged}, worked)

    others = [account for account in TENANTS if account != attacker]
    assert of(after, others).equals(of(before, others))


def postings(host: Record, told: dict[str, list[SpanSpec]], worked: list[SpanSpec], book: Facility = BOOK) -> pa.Table:
    records = [host, record("platform", worked), *(record(account, spans) for account, spans in told.items())]
    (window,) = allocate(book, collect(records, book).usage).windows
    for measure in POSTING_MEASURES:
        assert sum(window.postings.column(measure).to_pylist()) == window.totals[measure]
    return window.postings


def of(table: pa.Table, accounts: list[str]) -> pa.Table:
    return table.filter(pc.is_in(table.column("account"), pa.array(accounts))).combine_chunks()


DECLARED = replace(
    BOOK,
    declared_uses=tuple(
        DeclaredUse("platform", name, Fraction(1, 4), datetime(2020, 1, 1, tzinfo=UTC), FOREVER, "test") for name in TENANTS
    ),
)


@LAWS
@given(busy_host, honest, internal, st.sampled_from(TENANTS), st.data())
def test_law_4_claims_do_not_undo_what_the_book_declares(
    host: Record, told: dict[str, list[SpanSpec]], worked: list[SpanSpec], attacker: str, data: st.DataObject
) -> None:
    forged = data.draw(spans_of(st.sampled_from((*OWN_IDS[attacker], *INTERNAL_IDS, *ORPHAN_IDS))))

    before = postings(host, told, worked, DECLARED)
    after = postings(host, told | {attacker: forged}, worked, DECLARED)

    others = [account for account in TENANTS if account != attacker]
    assert of(after, others).equals(of(before, others))
