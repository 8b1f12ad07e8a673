"""``greencloud goal``: apply goals, change them, and show where the provider stands."""

from __future__ import annotations

import json
from pathlib import Path

import click

from greencloud.cli._chart import CHART, draw_chart
from greencloud.cli._goal_edit import create, delete, metric, update
from greencloud.cli._goal_forecast import forecast, measure, plan
from greencloud.cli._goal_options import reason_option
from greencloud.cli._output import Output, output_options
from greencloud.cli._source import Source, source_options

__all__ = ["command"]

_CAUSES = ("error", "methodology", "factor", "late_data", "structural_change")


@click.group(name="goal")
def command() -> None:
    """The provider's goals: apply and change them, show where the provider stands."""


command.add_command(create)
command.add_command(update)
command.add_command(delete)
command.add_command(metric)
command.add_command(forecast)
command.add_command(measure)
command.add_command(plan)


@command.command()
@source_options
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--restate", type=click.Choice(_CAUSES), help="Why booked figures change, where the inventory says others.")
@reason_option
def apply(source: Source, file: Path, restate: str | None, reason: str) -> None:
    """Check FILE (goal.toml) and the inventory that it names, and book both. Applying it again changes nothing.

    \b
    Example:
      greencloud goal apply --data ./data examples/shop/goal.toml
    """
    from greencloud.cli._books import changed_books
    from greencloud.goal import apply_goals
    from greencloud.results.inventory import RestatementCause

    if source.data is not None:
        from greencloud.engine import DataDirectory

        DataDirectory.open(source.data, create=True)
    with changed_books(source, "goal apply", str(file)) as books:
        applied = apply_goals(books, file, reason=reason, restate=None if restate is None else RestatementCause(restate))
    for imported in applied.imports:
        added, restated = len(imported.added), len(imported.restated)
        click.echo(f"inventory: {added} added, {restated} restated, {imported.unchanged} unchanged", err=True)
    for booked in applied.metrics:
        click.echo(f"{booked.name} is booked: {booked.display_name}", err=True)
    for goal in applied.goals:
        click.echo(f"{goal.name} is in force: {goal.display_name}", err=True)


@command.command(name="list")
@source_options
@output_options("table", "json")
def list_goals(source: Source, output: Output) -> None:
    """List all goals.

    \b
    Example:
      greencloud goal list --data ./data
    """
    from greencloud.cli._books import provider_books
    from greencloud.report.goals import goal_resource_document, goals_table

    with provider_books(source) as books:
        goals = list(books.list_goals())
    if output.format == "json":
        output.write(json.dumps([goal_resource_document(goal) for goal in goals], indent=2, ensure_ascii=False) + "\n")
    else:
        output.write(goals_table(goals))


@command.command()
@source_options
@click.argument("name", metavar="[GOAL]", default="goals/-")
@output_options("table", "json")
def show(source: Source, name: str, output: Output) -> None:
    """Show GOAL as it is booked: its target, its milestones, who booked it. Without GOAL: the only one.

    \b
    Example:
      greencloud goal show goals/cloud-scope3-2030 --data ./data -o json
    """
    from greencloud.cli._books import provider_books
    from greencloud.report.goals import goal_resource_document, goal_text

    with provider_books(source) as books:
        goal = books.get_goal(_named(name))
    if output.format == "json":
        output.write(json.dumps(goal_resource_document(goal), indent=2, ensure_ascii=False) + "\n")
    else:
        output.write(goal_text(goal))


@command.command()
@source_options
@click.argument("name", metavar="[GOAL]", default="goals/-")
@click.option("--year", type=click.IntRange(1900, 9998), help="Compare this year of the ledger; its latest by default.")
@output_options("table", "json")
@click.option("--check", is_flag=True, help="End with exit code 3 unless the provider is on track.")
def status(source: Source, name: str, year: int | None, output: Output, check: bool) -> None:
    """Show the path, the inventory, and the ledger against the path, with alerts. Without GOAL: of the only one.

    \b
    Example:
      greencloud goal status --data ./data -o json
    """
    from greencloud.cli._books import provider_books
    from greencloud.report import goal_document, goal_table
    from greencloud.results import GoalStatus

    with provider_books(source) as books:
        progress = books.get_goal_progress(_named(name), ledger_year=year)
    if output.format == "json":
        output.write(json.dumps(goal_document(progress), indent=2, ensure_ascii=False) + "\n")
    else:
        output.write(goal_table(progress))
    if check and progress.status is not GoalStatus.ON_TRACK:
        raise SystemExit(3)


@command.command()
@source_options
@click.argument("name", metavar="[GOAL]", default="goals/-")
@click.option("--year", type=click.IntRange(1900, 9998), help="Compare this year of the ledger; its latest by default.")
@click.option(
    "-o",
    "--out",
    "--output",
    "output",
    type=CHART,
    required=True,
    help="The file to write: .svg, .png, .pdf, .html or .json (Vega-Lite).",
)
def chart(source: Source, name: str, year: int | None, output: Path) -> None:
    """Draw the trajectory of GOAL: its path, the inventory, and the gap. Without GOAL: of the only one.

    \b
    Example:
      greencloud goal chart goals/cloud-scope3-2030 --data ./data -o trajectory.svg
    """
    from greencloud.cli._books import provider_books
    from greencloud.report.trajectory_chart import trajectory_chart

    with provider_books(source) as books:
        progress = books.get_goal_progress(_named(name), ledger_year=year)
    draw_chart(trajectory_chart(progress), output)


def _named(text: str) -> str:
    """A resource name, of the name or of the id."""
    return text if text.startswith("goals/") else f"goals/{text}"
