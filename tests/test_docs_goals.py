"""``docs/goals.md``: its file is one that can be applied, its commands run in order, and its tables name what there is."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from click.testing import CliRunner

from greencloud.cli import main
from greencloud.goal import alerts, read_goals
from greencloud.results.goals import GoalKind

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "goals.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


def test_the_commands_of_the_page_run_in_order(tmp_path: Path) -> None:
    shown = "\n".join(blocks("sh")).replace("\\\n", " ").replace("./data", str(tmp_path / "data"))
    shown = shown.replace("examples/", f"{ROOT}/examples/").replace("trajectory.svg", str(tmp_path / "trajectory.svg"))
    for line in filter(None, shown.splitlines()):
        result = CliRunner().invoke(main, shlex.split(line)[1:])
        assert result.exit_code == 0, f"{line}\n{result.stderr}"
    assert (tmp_path / "trajectory.svg").read_bytes().startswith(b"<svg")


def test_the_file_of_the_page_is_sound(tmp_path: Path) -> None:
    (text,) = blocks("toml")
    (tmp_path / "goal.toml").write_text(text)

    found = read_goals(tmp_path / "goal.toml")

    assert [goal.metric for goal in found.goals] == [metric.name for metric in found.metrics]


def test_the_page_names_every_kind_of_goal_and_alert() -> None:
    module = alerts.__globals__["__doc__"]
    kinds = set(re.findall(r"^``(\w+)``", module, flags=re.MULTILINE))

    assert kinds == set(re.findall(r"^\| `(\w+)` \|", PAGE, flags=re.MULTILINE)) - set(GoalKind)
    assert set(GoalKind) <= set(re.findall(r"^\| `(\w+)` \|", PAGE, flags=re.MULTILINE))
