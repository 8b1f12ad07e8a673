"""``greencloud goal``: apply the provider's goal to a data directory, and show where the provider stands."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import click

from greencloud.cli._options import data_option

__all__ = ["command"]


@click.group(name="goal")
def command() -> None:
    """The provider's goals: apply one, show its status."""


@command.command()
@data_option
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def apply(data: Path, file: Path) -> None:
    """Check FILE (goal.toml) and the inventory that it names, and make it the goal in force.

    \b
    Example:
      greencloud goal apply --data ./data examples/shop/goal.toml
    """
    from greencloud.engine import DataDirectory
    from greencloud.goal import apply_goal

    goal = apply_goal(file, DataDirectory.open(data, create=True).goal_directory)
    click.echo(f"{goal.name} is in force: {goal.display_name}", err=True)


@command.command()
@data_option
@click.option("--year", type=click.IntRange(1900, 9998), help="Compare this year of the ledger; its latest by default.")
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", help="The format on standard output.")
@click.option("--check", is_flag=True, help="End with exit code 3 unless the provider is on track.")
def status(data: Path, year: int | None, output: str, check: bool) -> None:
    """Show the path, the inventory, and the ledger against the path.

    \b
    Example:
      greencloud goal status --data ./data -o json
    """
    from greencloud.engine import DataDirectory
    from greencloud.goal import goal_progress
    from greencloud.report import goal_document, goal_table
    from greencloud.results import GoalStatus

    directory = DataDirectory.open(data, create=False)
    progress = goal_progress(directory.goal_directory, directory.ledger.snapshot(), datetime.now(UTC), year=year)
    if output == "json":
        click.echo(json.dumps(goal_document(progress), indent=2, ensure_ascii=False))
    else:
        click.echo(goal_table(progress), nl=False)
    if check and progress.status is not GoalStatus.ON_TRACK:
        raise SystemExit(3)
