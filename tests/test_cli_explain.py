"""``greencloud explain``: what an auditor reads, and what an auditor's program runs again."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from explained import check_postings
from explained_world import explained_world
from greencloud.cli import main
from greencloud.report.explanation import explanation_markdown, explanation_text

PERIOD = ("--from", "2026-11-23", "--to", "2026-11-24")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return explained_world(tmp_path_factory.mktemp("cli")).path


def explain(data: Path, *more: str, account: str = "acme") -> Result:
    return CliRunner().invoke(main, ["explain", "--data", str(data), "--account", account, *PERIOD, *more])


def document(data: Path, *more: str, account: str = "acme") -> dict[str, Any]:
    done = explain(data, *more, "-o", "json", account=account)
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("account", ["acme", "search", "dora", "(unattributed)"])
def test_the_json_alone_is_enough_to_run_the_arithmetic_again(data: Path, account: str) -> None:
    found = document(data, "--windows", "5", account=account)

    assert found["schema"] == "greencloud.explanation/1"
    for name, amount in found["amounts"].items():
        assert int(amount) == sum(int(window["amounts"][name]) for window in found["windows"])
    for window in found["windows"]:
        check_postings(window["explanation"])
        for name, amount in window["amounts"].items():
            assert int(amount) == sum(int(posting["amounts"][name]) for posting in window["explanation"]["postings"])


def test_the_program_of_the_page_runs_it_too(data: Path) -> None:
    page = (Path(__file__).parents[1] / "docs" / "explain.md").read_text(encoding="utf-8")
    program = page.split("```python\n")[1].split("```")[0]
    text = explain(data, "--windows", "2", "-o", "json").stdout

    done = subprocess.run([sys.executable, "-c", program], input=text, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 2
    changed = subprocess.run(
        [sys.executable, "-c", program],
        input=text.replace('"unit",\n                "value": "1"', '"unit",\n                "value": "0"'),
        capture_output=True,
        text=True,
        check=False,
    )
    assert changed.returncode == 1


def test_the_text_goes_from_the_meter_to_the_posting(data: Path) -> None:
    done = explain(data, "--line", "scope2_market_ug", "--service", "web", "--component", "dynamic", "--recompute")
    text = done.stdout
    places = [
        text.index(part)
        for part in (
            "What the ledger holds",
            "reserved_and_used/2",
            "energy of host n1 = 812,345,671 mJ",
            "measured by a meter, 3600 of 3600 s, told by telemetry or a usage file",
            "use of host n1 by acme",
            "dynamic energy of host n1 for acme",
            "residual factor of grid zone NO = 431,700,000 µg/kWh",
            "GHG Protocol Scope 2 Guidance, 6.9 to 6.11",
            "certificate c1 (r1)",
            "Postings",
            "dynamic / web / GET /",
            "Not explained here: 1 smaller window\n",
            "2 of 2 batches came out the same",
        )
    ]

    assert done.exit_code == 0
    assert places == sorted(places)
    assert str(data) not in text


def test_every_number_in_brackets_is_a_step_that_came_before(data: Path) -> None:
    seen = set()
    for line in explain(data).stdout.splitlines():
        if made := re.match(r"  \[(\d+)\] ", line):
            seen.add(made[1])
        elif used := re.search(r"  \[(\d+)\]( |$)", line):
            assert used[1] in seen, line
    assert len(seen) > 100


def test_markdown_says_the_same_under_headings(data: Path) -> None:
    found = document(data)
    code = [line[4:] for line in explanation_markdown(found).splitlines() if line.startswith("    ")]

    assert explain(data, "-o", "md").stdout == explanation_markdown(found)
    assert [line for line in code if line] == [line[2:] for line in explanation_text(found).splitlines() if line.startswith("  ")]


def test_long_sums_are_cut_and_their_rest_is_added_up() -> None:
    operands = [{"name": "part", "value": str(10**at), "unit": "mJ", "step": "", "source": "test"} for at in range(10)]
    step = {"id": "1", "stage": "entries", "title": "all", "formula": "sum(part)", "operands": operands, "unit": "mJ", "source": ""}
    posting = dict.fromkeys(("service", "sku", "operation", "quality"), "") | {
        "labels": "{}",
        "component": "idle",
        "count": "0",
    }
    posting_ = {**posting, "amounts": {"energy_mj": "1111111111"}, "steps": {"energy_mj": "1"}}
    explanation = {"steps": [step | {"result": "1111111111"}], "postings": [posting_], "notes": []}
    names = ("batch_id", "methodology_version", "facility_revision", "usage_revision", "created", "site", "window_start", "reason")
    window = dict.fromkeys(names, "x") | {"window_s": 3600, "provisional": False, "amounts": {}, "explanation": explanation}
    lists: dict[str, list[str]] = {name: [] for name in ("sites", "services", "skus", "operations", "components")}
    cell = {"account": "a\x1b[31m", "from": "x", "to": "y", "ledger_version": 1, "amounts": {}, "by_component": {}}
    text = explanation_text({**cell, **lists, "windows": [window], "rest": {"windows": 0, "amounts": {}}, "recomputed": None})

    assert "2 more" in text
    assert "1,100,000,000 mJ  added up" in text
    assert "\x1b" not in text


def test_a_tenants_view_names_no_other_tenant(data: Path) -> None:
    found = json.dumps(document(data, "--audience", "tenant", "--recompute"))

    for name in ("bolt", "corp", "dora", "hw1", "diesel", "ded", "n3"):
        assert not re.search(rf"\b{name}\b", found), name


def test_what_cannot_be_explained_is_told_and_ends_with_1(data: Path, tmp_path: Path) -> None:
    fresh = explained_world(tmp_path)
    for file in (fresh.path / "inputs").rglob("*.arrows"):
        file.unlink()

    done = explain(fresh.path, "--recompute")

    assert done.exit_code == 1
    assert "It cannot be explained" in done.stdout
    assert "0 of 2 batches came out the same" in done.stdout
    assert "are not kept" in done.stderr


def test_mistakes_are_told_with_what_to_do(data: Path) -> None:
    nobody = explain(data, account="nobody")
    assert (nobody.exit_code, "greencloud report" in nobody.stderr) == (5, True)
    backwards = CliRunner().invoke(
        main, ["explain", "--data", str(data), "--account", "a", "--from", "2026-11-24", "--to", "2026-11-23"]
    )
    assert (backwards.exit_code, "--from must be before --to" in backwards.stderr) == (2, True)
