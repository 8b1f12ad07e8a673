"""The main job from end to end, and the README's words about it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from serving import greencloud, greencloud_process

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")

# A number with its unit and sign; columns choose their unit by size, so the unit is part of what varies.
_NUMBER = re.compile(r"-?\d[\d,]*(\.\d+)?( (mg|g|kg|µg|t|J|Wh|kWh|mJ)\b)?")
_UNITS = re.compile(r"\b(mg|g|kg|µg|J|Wh|kWh)\b")


def shape(line: str) -> str:
    """A line without its figures, units and spacing."""
    return " ".join(_UNITS.sub("U", _NUMBER.sub("N", line)).split())


def section(title: str) -> str:
    """The text of a section of the README."""
    return README.split(f"## {title}\n")[1].split("\n## ")[0]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """The demo's output and data directory, run as where no test tools are installed: what they bring is not to be had."""
    data = tmp_path_factory.mktemp("demo") / "data"
    hidden = tmp_path_factory.mktemp("hidden")
    for name in ("numpy", "pandas"):
        (hidden / f"{name}.py").write_text(f"raise ModuleNotFoundError('No module named {name}', name={name!r})\n")
    done = greencloud_process("demo", "--data", data, "--seconds", "6", environment={"PYTHONPATH": str(hidden)})
    return done.stdout, data


@pytest.mark.timeout(200)
def test_the_demo_ends_well_and_the_readme_shows_its_output(demo: tuple[str, Path]) -> None:
    output, _ = demo
    shown = section("Run it").split("```\n")[2]
    said = [shape(line) for line in output.splitlines()]

    wanted = [shape(line) for line in shown.splitlines() if line.strip()]
    assert len(wanted) > 15
    missing = [line for line in wanted if not any(real.startswith(line) for real in said)]
    assert missing == []


@pytest.mark.timeout(200)
def test_the_demo_conserves_and_its_report_agrees_with_the_data_directory(demo: tuple[str, Path]) -> None:
    output, data = demo
    lines = [line for line in output.splitlines() if "meter total" in line]
    assert lines
    for line in lines:
        meter, accounts, *pools = [int(figure.replace(",", "")) for figure in re.findall(r"(?<=[ ])(\d[\d,]*)(?= mJ| \+|;)", line)]
        assert meter == accounts + sum(pools)
        assert line.endswith("difference 0")

    report = json.loads(
        greencloud("report", "--data", data, "--account", "acme", "--group-by", "service,component", "-o", "json").stdout
    )
    components = {(row["dimensions"]["service"], row["dimensions"]["component"]) for row in report["rows"]}
    assert {("storefront", "dynamic"), ("checkout", "dynamic"), ("search", "shared"), ("storefront", "embodied")} <= components
    assert report["balance"]["difference"]["millijoules"] == 0
    goal = json.loads(greencloud("goal", "status", "--data", data, "-o", "json").stdout)
    assert goal["target"]["year"] == 2030
    assert greencloud("doctor", "--data", data).returncode == 0


def test_the_spans_of_the_demo_carry_exact_cpu_time(demo: tuple[str, Path]) -> None:
    from greencloud.engine import DataDirectory
    from greencloud.engine.gathering import gather

    rows = gather(DataDirectory.open(demo[1], create=False)).usage.rows.to_pylist()

    spans = [row for row in rows if row["source"] == "tenant"]
    assert {"storefront", "checkout", "analytics", "search"} == {row["service"] for row in spans}
    assert {"exact"} == {row["quality"] for row in spans}
    assert {"acme", "globex"} <= {row["caller_account"] for row in spans if row["account"] == "platform"}


@pytest.mark.parametrize(("title", "command"), [("Run it", "make demo"), ("Test it", "make test")])
def test_the_readme_has_each_command_as_one_line_in_a_block_of_its_own(title: str, command: str) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", section(title), flags=re.DOTALL)

    assert blocks == [f"{command}\n"]
    assert f"\n{command.removeprefix('make ')}:" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_every_link_of_the_readme_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)

    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_verb_that_the_readme_names_is_there() -> None:
    from greencloud.cli import VERBS

    blocks = "".join(re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL))
    named = set(re.findall(r"^greencloud (\w+)", blocks, flags=re.MULTILINE))
    assert named
    assert named <= set(VERBS)
