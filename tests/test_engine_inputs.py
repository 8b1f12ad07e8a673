"""The inputs of batches are kept before the batch is visible, prove themselves, and go only when no batch names them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greencloud.engine import run_allocation
from greencloud.engine.inputs import BatchInputs, Inputs, revision_with
from greencloud.errors import NotFoundError, StoreError
from greencloud.ledger import Ledger
from greencloud.ledger.batch import Batch
from greencloud.results import BatchSummary
from greencloud.usage import Usage, digest, merge, usage_from
from profiles import examples
from strategies import START, provider_rows, reading, tenant_rows, usage
from test_engine_moved import book
from test_engine_run import BOOK, NOW, directory, filed
from test_engine_run import START as FILED

SOON = datetime.now(UTC) + timedelta(days=1)


def measured(**more: object) -> dict[str, object]:
    return filed("acme", 10**12, source="provider", quality="measured", site="hall", host="h1") | more


def distinct(rows: list[dict[str, object]]) -> Usage:
    """Rows as usage; of several with one key the last."""
    known = {tuple(value for name, value in row.items() if not isinstance(value, int)): row for row in rows}
    return merge([usage(known.values(), [reading("h1", 5, 7), reading("", None)])])


usages = st.tuples(provider_rows(), tenant_rows(["acme", "bolt"])).map(lambda parts: distinct([*parts[0], *parts[1]]))
slices = st.one_of(st.none(), provider_rows().map(lambda rows: distinct(rows).rows))


@settings(max_examples=examples(15))
@given(usages, slices)
def test_what_is_read_is_what_was_written(used: Usage, within: pa.Table | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        kept = Inputs(Path(folder) / "inputs")

        revision = kept.write(BatchInputs(used, within))
        found = kept.read(revision)

        assert revision == revision_with(used, within) == found.revision
        assert found.usage.rows.equals(used.rows)
        assert found.usage.readings.equals(used.readings)
        assert found.slices is None if within is None else found.slices is not None and found.slices.equals(within)
        assert kept.write(BatchInputs(used, within)) == revision
        assert kept.revisions() == [revision]


@settings(max_examples=examples(25))
@given(usages, st.data())
def test_damage_is_found_whatever_byte_it_hits(used: Usage, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        kept = Inputs(Path(folder))
        revision = kept.write(BatchInputs(used))
        (path,) = Path(folder).rglob("*.arrows")
        content = bytearray(path.read_bytes())
        at = data.draw(st.integers(0, len(content) - 1))
        if data.draw(st.booleans()):
            content[at] ^= 1 << data.draw(st.integers(0, 7))
        else:
            del content[at:]
        path.write_bytes(content)

        try:
            found = kept.read(revision)
        except StoreError:
            kept.write(BatchInputs(used))  # which mends it
            found = kept.read(revision)
        assert found.usage.rows.equals(used.rows)  # a byte that says nothing, as padding


def test_slices_are_part_of_the_revision_and_do_not_hide_the_usage() -> None:
    one, other = (usage_from([filed("acme", cpu)]) for cpu in (1, 2))
    within = usage_from([filed("acme", 1, source="provider", quality="measured")]).rows

    revisions = {revision_with(used, kept) for used in (one, other) for kept in (None, within)}

    assert len(revisions) == 4
    assert revision_with(one, None) == digest(one)


def test_what_is_not_kept_is_not_found(tmp_path: Path) -> None:
    for revision in ("0" * 64, "../../etc/passwd", ""):
        with pytest.raises(NotFoundError):
            Inputs(tmp_path).read(revision)
    assert Inputs(tmp_path / "none").revisions() == []


def test_only_what_no_batch_names_is_removed_and_only_when_it_is_old(tmp_path: Path) -> None:
    kept = Inputs(tmp_path)
    first, second, third = (kept.write(BatchInputs(usage_from([filed("acme", cpu)]))) for cpu in (1, 2, 3))
    long_ago = START.timestamp()
    for revision in (first, second):
        os.utime(next(tmp_path.rglob(f"{revision}*")), (long_ago, long_ago))
    (tmp_path / first[:2] / ".tmp-left").write_bytes(b"")
    (tmp_path / first[:2] / "notes.txt").write_bytes(b"not ours")

    assert kept.unreferenced([first]) == sorted([second, third])
    assert kept.remove_unreferenced([first], older_than=START + timedelta(days=1)) == 1
    assert kept.revisions() == sorted([first, third])
    assert kept.remove_unreferenced([first], older_than=SOON) == 1
    assert kept.revisions() == [first]
    assert [path.name for path in (tmp_path / first[:2]).iterdir() if path.suffix != ".arrows"] == ["notes.txt"]


def test_inputs_that_are_needed_again_are_young_again(tmp_path: Path) -> None:
    kept = Inputs(tmp_path)
    inputs = BatchInputs(usage_from([filed("acme", 1)]))
    revision = kept.write(inputs)
    os.utime(next(tmp_path.rglob("*.arrows")), (0, 0))

    kept.write(inputs)

    assert kept.remove_unreferenced([], older_than=datetime.now(UTC) - timedelta(hours=1)) == 0
    assert kept.revisions() == [revision]


def test_every_batch_of_a_run_has_its_inputs_before_it_is_posted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [measured(), measured(window_start=FILED + timedelta(hours=1))]
    data = directory(tmp_path / "data", rows, [])
    (tmp_path / "hall.toml").write_text(BOOK)
    data.apply_facility(tmp_path / "hall.toml")
    post = Ledger.post_all
    seen: list[Any] = []

    def posted(ledger: Ledger, batches: Sequence[Batch], **options: Any) -> list[BatchSummary]:
        seen.extend(data.inputs.read(batch.summary.usage_revision) for batch in batches)
        return post(ledger, batches, **options)

    monkeypatch.setattr(Ledger, "post_all", posted)
    run_allocation(data, now=NOW)

    assert len(seen) == 2
    assert data.inputs.unreferenced([batch.usage_revision for batch in data.ledger.snapshot().batches()]) == []


def test_inputs_that_are_lost_are_kept_again_while_they_are_known(tmp_path: Path) -> None:
    data = directory(tmp_path / "data", [measured()], [])
    (tmp_path / "hall.toml").write_text(BOOK)
    data.apply_facility(tmp_path / "hall.toml")
    run_allocation(data, now=NOW)
    (revision,) = data.inputs.revisions()
    next(data.inputs.directory.rglob("*.arrows")).unlink()

    assert run_allocation(data, now=NOW).posted == ()
    assert data.inputs.revisions() == [revision]


@pytest.mark.parametrize("rule", ["used", "temporal_shapley"])
def test_later_reports_of_a_tenant_make_a_new_batch_under_every_rule(tmp_path: Path, rule: str) -> None:
    data = directory(tmp_path / "data", [measured()], [])
    (tmp_path / "hall.toml").write_text(BOOK)
    data.apply_facility(tmp_path / "hall.toml")
    run_allocation(data, now=NOW, rule=rule)

    data.segments.write(usage_from([filed("acme", 10**11, operation="put", site="hall", host="h1")]))
    run = run_allocation(data, now=NOW, rule=rule)

    assert len(run.posted) == 1
    assert run_allocation(data, now=NOW, rule=rule).unchanged_count == 1


def test_a_withdrawn_batch_has_inputs_too(tmp_path: Path) -> None:
    data = directory(tmp_path / "data", [filed("acme", 10**12)], [])
    for site in ("one", "two"):
        data.apply_facility(book(tmp_path, site))
        run_allocation(data, now=NOW)
    batches = data.ledger.snapshot().batches()

    assert data.inputs.unreferenced({batch.usage_revision for batch in batches}) == []
    assert [data.inputs.read(batch.usage_revision).revision for batch in batches] == [batch.usage_revision for batch in batches]
