"""``greencloud report`` and ``greencloud goal``: wrong usage is told before anything is opened; what a server knows is shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from greencloud.cli import main
from inprocess import row, serving


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["report", "--account", "a"], "either --data DIR or --server HOST:PORT"),
        (["report", "--account", "a", "--data", "d", "--server", "h:1"], "either --data DIR or --server HOST:PORT"),
        (["report", "--data", "d", "--account", "a", "--from", "yesterday"], "'yesterday' is not a time"),
        (["report", "--data", "d", "--account", "a", "--from", "2026-01-01T10:00"], "has no UTC offset"),
        (["report", "--data", "d", "--account", "a", "--from", "2026-02-01", "--to", "2026-01-01"], "--from must be before --to"),
        (["report", "--data", "d", "--account", "a", "--group-by", "service,colour"], "'colour' is not one of account, service"),
        (["report", "--data", "d", "--account", "a", "--group-by", "service,service"], "a dimension is named twice"),
        (["report", "--data", "d", "--account", "a", "--group-by", "label:"], "'label:' is not one of"),
        (["report", "--data", "d", "--account", "a", "-o", "docx"], "'docx' is not one of"),
        (["goal", "status"], "Give either --data DIR or --server HOST:PORT."),
        (["goal", "apply", "--data", "d", "no-such-goal.toml"], "does not exist"),
    ],
)
def test_wrong_usage_ends_with_code_2_and_says_what_is_right(arguments: list[str], said: str) -> None:
    result = CliRunner().invoke(main, arguments)

    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())
    assert not result.stdout


@pytest.mark.parametrize("verb", [["report"], ["goal"], ["goal", "apply"], ["goal", "status"]])
def test_every_verb_has_help_with_an_example(verb: list[str]) -> None:
    result = CliRunner().invoke(main, [*verb, "--help"])

    assert result.exit_code == 0
    assert verb == ["goal"] or f"greencloud {' '.join(verb)}" in result.stdout


def test_a_server_s_figures_say_how_sure_and_how_fresh_they_are_in_every_format(tmp_path: Path) -> None:
    with serving(tmp_path) as world:
        world.post([row("acme", 0, energy=10_000_000), row("acme", 1, energy=2_000_000)])

        def report(output: str) -> str:
            arguments = ["report", "--server", world.target, "--token", world.token("acme"), "--account", "acme", "-o", output]
            result = CliRunner().invoke(main, [*arguments, "--from", "2026-11-23", "--to", "2026-11-24"])
            assert result.exit_code == 0, result.output
            return result.stdout

        document = json.loads(report("json"))
        assert document["total"]["evidence"]["measured"]["millijoules"] == 9_000_000
        assert document["total"]["half_width"] == {
            "energy": {"millijoules": 240_000, "kwh": "0.000066667"},
            "total_location_based": {"micrograms": 399_999, "kg_co2e": "0.000399999"},
            "total_market_based": None,
        }
        assert [found["updated"] for found in document["rows"]] == ["2026-11-23T12:00:00Z"] * 2
        for output in ("table", "md"):
            text = report(output)
            assert "energy 3.333 Wh ± 0.067, location-based 4.000 g ± 0.400." in text
            assert "Energy is 75 % measured, 25 % modelled." in text
            assert "Posted " in text
        assert report("csv").splitlines()[1].endswith(',7500000,2500000,0,0,200000,333333,"","2026-11-23T12:00:00Z"')
