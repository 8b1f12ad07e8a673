"""The scripts that show what the rules do to whom: sums are kept where accounts are put together, and figures are what they say."""

from __future__ import annotations

from array import array
from fractions import Fraction
from pathlib import Path

import pytest

import greencloud
from example_scripts import DATA, example, needs
from greencloud.allocation import RULES, shapley
from greencloud.usage import MEASURES

DEFAULT = RULES[0]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.0084683, "0.008468"), (0.18394, "0.1839"), (326.83, "326.8"), (4519.4, "4,519")],
)
def test_figures_have_four_digits(value: float, text: str) -> None:
    assert example("rules", "compare").figure(value) == text


def test_what_is_missing_is_told_before_anything_is_computed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = example("rules", "compare")
    with pytest.raises(SystemExit, match=r"facility\.toml cannot be read"):
        script.main([str(tmp_path), "trainticket"])
    monkeypatch.setattr(script, "find_spec", lambda _: None)
    with pytest.raises(SystemExit, match="pip install altair"):
        script.main([str(tmp_path), "trainticket", "--plot", "rules.svg"])


def bills() -> dict[str, dict[str, object]]:
    amount = example("rules", "compare").Amount
    energies = {"a": 50, "b": 40, "c": 30, "d": 20, "(unsold)": 60}
    return {account: {rule: amount(energy, energy, 0) for rule in RULES} for account, energy in energies.items()}


def test_what_is_put_together_keeps_its_sum_and_pools_stand_alone() -> None:
    shown = example("rules", "compare").largest(bills(), 2)

    assert {account: by_rule[DEFAULT].energy_mj for account, by_rule in shown.items()} == {
        "a": 50,
        "b": 40,
        "2 others": 50,
        "(unsold)": 60,
    }


def test_one_account_is_not_called_others() -> None:
    assert list(example("rules", "compare").largest(bills(), 3)) == ["a", "b", "c", "d", "(unsold)"]


def test_two_unlike_halves_can_pay_less_under_the_workload_rule() -> None:
    """The example of docs/rules.md."""

    def shares(*demand: tuple[int, int, int]) -> list[Fraction]:
        values = array("q", [value for row in demand for value in row])
        weights = shapley.exact_weights(memoryview(values).cast("B").cast("q", shape=[len(demand), 3]))
        return [Fraction(weight, sum(weights)) for weight in weights]

    whole = shares((6, 3, 3), (1, 4, 4), (0, 3, 3))
    parts = shares((3, 3, 0), (3, 0, 3), (1, 4, 4), (0, 3, 3))
    assert parts[0] + parts[1] == whole[0] * Fraction(7, 8)


@needs("gpu_serving")
def test_a_day_of_serving_adds_up_under_every_rule(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    example("gpu_serving").main([str(DATA / "gpu_serving"), str(tmp_path), "--first", "2024-12-07", "--days", "1"])
    example("rules", "compare").main([str(tmp_path), "gpu_serving", "--top", "3"])

    energy, carbon, spread = capsys.readouterr().out.strip().split("\n\n")
    for table in (energy, carbon):
        *_, total = table.splitlines()
        assert len(set(total.split(" | ")[1:-1])) == 1, "a rule changes who pays, never how much"
    assert " others | " in energy
    assert "| (unsold) | " in energy
    assert [line.split("`")[1] for line in spread.splitlines()[2:]] == list(RULES[1:])


@needs("gpu_cluster")
def test_tricks_leave_the_work_as_it_is(tmp_path: Path) -> None:
    example("gpu_cluster").main([str(DATA / "gpu_cluster"), str(tmp_path), "--nodes", "used", "--slice", "900"])
    facility = greencloud.read_facility(tmp_path / "facility.toml")
    usage = greencloud.read_usage(tmp_path / "usage.parquet")
    gaming = example("rules", "gaming")

    def work(rows: object) -> list[int]:
        provider = [row for row in rows.to_pylist() if row["source"] == "provider"]  # type: ignore[attr-defined]
        return [sum(row[measure] for row in provider) for measure in MEASURES]

    held = sum(reservation.gpus for reservation in facility.reservations)
    for name, trick in gaming.tricks("BE").items():
        played, used = trick(facility, usage)
        assert work(used.rows) == work(usage.rows), name
        changed = sum((reservation.gpus for reservation in played.reservations), Fraction(0))
        assert (changed == held) != name.startswith("reserves"), name
