"""``greencloud report`` and ``greencloud goal``: wrong usage is told before anything is opened."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from greencloud.cli import main


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
        (["report", "--data", "d", "--account", "a", "-o", "pdf"], "'pdf' is not one of"),
        (["goal", "status"], "Missing option '--data'"),
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
