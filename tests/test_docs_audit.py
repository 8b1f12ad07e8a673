"""docs/audit.md: from every figure of every disclosure to its evidence, with commands of the command line alone."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import re
import shlex
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from greencloud.report.disclosures import disclosure_of
from greencloud.report.disclosures.page import command_for
from greencloud.results.disclosures import Disclosure, DisclosureStandard
from pact_world import products_directory
from serving import greencloud
from test_goal_product_footprints import books

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "docs" / "audit.md").read_text(encoding="utf-8")
TABLE = """year,scope,category,t_co2e,source,business
2025,scope1,,510000,annual report,
2025,scope2_location_based,,3710000,annual report,
2025,scope2_market_based,,3700000,annual report,
2025,scope3,,5294000,annual report,
2026,scope1,,927000.0005,annual report,cloud
2026,scope1,,0.0005,annual report,retail
2026,scope2_location_based,,4445000.1111,annual report,
2026,scope2_market_based,,4000000.2222,annual report,
2026,scope3,1,7877000.33333,annual report,
2026,scope3,2,0.33333,annual report,
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A provider's books with all that a figure may rest on."""
    folder = tmp_path_factory.mktemp("audit")
    made = products_directory(folder)
    table = folder / "inventory.csv"
    table.write_text(TABLE)

    def run(line: str) -> None:
        greencloud(*shlex.split(line), "--data", made.path)

    run(f"inventory import {table}")
    run("goal create neutral-2030 --display-name Neutral --kind neutrality --scopes scope1,scope2_market_based"
        " --base-year 2025 --target-year 2030")  # fmt: skip
    run("credits add --kind removal --registry Puro --project Stone --serials 1-500 --vintage 2026-01-01 2026-06-30"
        " --geography IS --durability 1000 --id stone")  # fmt: skip
    run("credits retire stone --date 2026-07-01 --beneficiary 'Example Cloud' --reference R1")
    run("credits use stone --year 2026 --units 100")
    listed = json.loads(greencloud("inventory", "list", "--data", made.path, "--year", "2026", "-o", "json").stdout)
    name = next(each["name"] for each in listed["entries"] if each["scope"] == "scope2_location_based")
    run(f"inventory restate {name} --amount 4444000t --cause error --reason 'two meters were left out'")
    return made.path


def made(data: Path, standard: DisclosureStandard) -> Disclosure:
    from greencloud.engine import DataDirectory

    return disclosure_of(standard, books(DataDirectory.open(data, create=False)).disclosure_inputs("2026", standard))


def shown(data: Path, line: str, cache: dict[str, str]) -> str:
    """What a command of the documentation prints."""
    if line not in cache:
        words = shlex.split(line)
        assert words[0] == "greencloud"
        cache[line] = greencloud(*words[1:], "--data", data).stdout
    return cache[line]


@pytest.mark.parametrize("standard", list(DisclosureStandard))
def test_every_figure_leads_to_its_evidence(data: Path, standard: DisclosureStandard, tmp_path: Path) -> None:
    disclosure, cache = made(data, standard), dict[str, str]()
    leaves = 0
    for section in disclosure.sections:
        for figure in section.figures:
            exact: list[Decimal] = []
            for name in figure.evidence:
                line = command_for(name, disclosure)
                assert line, f"no command shows {name}"
                text = shown(data, line, cache)
                kind, _, id_ = name.partition("/")
                if kind in {"inventoryEntries", "goals", "instruments", "productFootprints"}:
                    assert id_ in text, (figure, line)
                if kind == "inventoryEntries":
                    exact.append(_document_behind(data, name, cache, tmp_path))
            restated = figure.field in {"Restatement", "9.3.1 l)"}  # the difference, not the amount
            if exact and figure.value is not None and figure.unit == "tCO2e" and not restated:
                leaves += 1
                assert abs(sum(exact) - figure.value) < Decimal("0.001"), figure
    assert leaves or standard is DisclosureStandard.PACT


def _document_behind(data: Path, name: str, cache: dict[str, str], folder: Path) -> Decimal:
    """The exact tonnes of an entry, after its documents were got and checked."""
    entry = json.loads(shown(data, f"greencloud inventory show {name} -o json", cache))
    for digest in entry["evidence"]:
        target = folder / digest
        if not target.exists():
            greencloud("inventory", "evidence", "get", digest, "--data", data, "--out", target)
            assert hashlib.sha256(target.read_bytes()).hexdigest() == digest
            assert target.read_text() == TABLE
    assert entry["evidence"]
    return Decimal(entry["emissions"]["micrograms"]).scaleb(-12)


def test_the_program_of_the_guide_binds_the_journal(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", GUIDE, flags=re.DOTALL)
    records = greencloud("inventory", "log", "--data", data, "-o", "json").stdout

    def run(text: str) -> str:
        monkeypatch.setattr(sys, "stdin", io.StringIO(text))
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(program, {})
        return printed.getvalue().strip()

    assert run(records) == json.loads(records)["records"][-1]["digest"]
    with pytest.raises(AssertionError):
        run(records.replace("annual report", "annual rumour", 1))


def test_the_commands_of_the_guide_run(data: Path, tmp_path: Path) -> None:
    listed = json.loads(greencloud("inventory", "list", "--data", data, "--year", "2026", "-o", "json").stdout)["entries"]
    entry = next(each for each in listed if each["scope"] == "scope1")
    document = tmp_path / "document"
    for block in re.findall(r"```sh\n(.*?)```", GUIDE, flags=re.DOTALL):
        for each in block.splitlines():
            here = each.replace("./data", str(data)).replace("2026-scope1", entry["name"].split("/")[1])
            line = re.sub(r"\b[0-9a-f]{64}\b", hashlib.sha256(TABLE.encode()).hexdigest(), here)
            words = [str(document) if word == "document" else word for word in shlex.split(line)]
            if words[0] == "sha256sum":
                assert document.read_text() == TABLE
            else:
                assert greencloud(*words[1:]).stdout or document.exists()
