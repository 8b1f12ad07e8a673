"""``greencloud goal create|update|delete|metric``: what changes goals and business metrics one by one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from greencloud.cli._goal_options import YEAR_VALUE, goal_fields, milestones_of, reason_option
from greencloud.cli._output import Output, output_options
from greencloud.cli._source import Source, source_options
from greencloud.errors import NotFoundError
from greencloud.results.goals import BusinessMetric, Goal, GoalKind, GoalPath
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import parse_rational

__all__ = ["create", "delete", "metric", "update"]


@click.command()
@source_options
@click.argument("goal_id", metavar="ID")
@goal_fields(required=True)
@reason_option
def create(source: Source, goal_id: str, reason: str, **typed: Any) -> None:
    """Book a goal by its ID. Booking it again changes nothing.

    \b
    Example:
      greencloud goal create scope3-2030 --data ./data --display-name "Scope 3 halved" \\
        --kind absolute --scopes scope3 --base-year 2020 --target-year 2030 --target-share 50%
    """
    from greencloud.cli._books import changed_books

    goal = Goal(id=goal_id, **_fields(typed))
    with changed_books(source, "goal create", f"goals/{goal_id}") as books:
        booked = books.create_goal(goal, reason=reason)
    click.echo(f"{booked.name} is booked, revision {booked.revision}", err=True)


@click.command()
@source_options
@click.argument("name", metavar="GOAL")
@goal_fields(required=False)
@click.option("--etag", metavar="ETAG", default="", help="What the goal must have; else it is refused.", show_default=False)
@reason_option
def update(source: Source, name: str, etag: str, reason: str, **typed: Any) -> None:
    """Change what is typed of GOAL, and leave the rest. A new target takes the place of the old one.

    \b
    Example:
      greencloud goal update goals/scope3-2030 --data ./data --target-share 40% --reason "Board of May"
    """
    from greencloud.cli._books import changed_books

    changes = _fields(typed)
    targets = ("target_share", "target", "rate_per_year")
    if any(key in changes for key in targets):
        changes = dict.fromkeys(targets) | changes
    with changed_books(source, "goal update", _named("goals/", name)) as books:
        known = books.get_goal(_named("goals/", name))
        booked = books.update_goal(replace(known, **changes), etag=etag or known.etag, reason=reason)
    same = booked.revision == known.revision
    click.echo(f"{booked.name} is {'as it was' if same else 'changed'}, revision {booked.revision}", err=True)


@click.command()
@source_options
@click.argument("name", metavar="GOAL")
@click.option("--etag", metavar="ETAG", default="", help="What the goal must have; else it is refused.", show_default=False)
@reason_option
def delete(source: Source, name: str, etag: str, reason: str) -> None:
    """Take GOAL out of force; what it was stays on record.

    \b
    Example:
      greencloud goal delete goals/scope3-2030 --data ./data --reason "Replaced by the goal of 2027"
    """
    from greencloud.cli._books import changed_books

    with changed_books(source, "goal delete", _named("goals/", name)) as books:
        books.delete_goal(_named("goals/", name), etag=etag, reason=reason)
    click.echo(f"{_named('goals/', name)} is in force no more", err=True)


@click.group()
def metric() -> None:
    """Business metrics: what intensity goals divide by."""


@metric.command(name="set")
@source_options
@click.argument("metric_id", metavar="ID")
@click.option("--display-name", metavar="TEXT", help="Name for people; the first time it is required.")
@click.option("--unit", metavar="TEXT", help='As "million CNY"; the first time it is required.')
@click.option("--value", "values", type=YEAR_VALUE, multiple=True, help="2020=509711, FY2022=853062; repeatable.")
@click.option("--source", "metric_source", metavar="TEXT", help="Where the values come from.")
@reason_option
def set_metric(source: Source, metric_id: str, values: tuple[tuple[ReportingYear, str], ...], reason: str, **typed: Any) -> None:
    """Book a business metric, or change what is typed of it; years that are not typed keep their values.

    \b
    Example:
      greencloud goal metric set revenue --data ./data --display-name Revenue --unit "million CNY" \\
        --value 2020=509711 --value FY2022=853062
    """
    from greencloud.cli._books import changed_books

    numbers = {year: parse_rational(text, what=f"value of {year}") for year, text in values}
    said = {"display_name": typed["display_name"], "unit": typed["unit"], "source": typed["metric_source"]}
    given = {key: text for key, text in said.items() if text is not None}
    name = _named("businessMetrics/", metric_id)
    with changed_books(source, "goal metric set", name) as books:
        try:
            known = books.get_business_metric(name)
        except NotFoundError:
            fresh = BusinessMetric(
                name.partition("/")[2],
                given.get("display_name", ""),
                given.get("unit", ""),
                tuple(sorted(numbers.items())),
                given.get("source", ""),
            )
            booked = books.create_business_metric(fresh, reason=reason)
        else:
            whole = tuple(sorted((dict(known.values) | numbers).items()))
            booked = books.update_business_metric(replace(known, values=whole, **given), etag=known.etag, reason=reason)
    click.echo(f"{booked.name} is booked, revision {booked.revision}", err=True)


@metric.command(name="list")
@source_options
@output_options("table", "json")
def list_metrics(source: Source, output: Output) -> None:
    """List all business metrics with their values.

    \b
    Example:
      greencloud goal metric list --data ./data
    """
    import json

    from greencloud.cli._books import provider_books
    from greencloud.report.goals import metric_document, metrics_table

    with provider_books(source) as books:
        metrics = list(books.list_business_metrics())
    if output.format == "json":
        output.write(json.dumps([metric_document(each) for each in metrics], indent=2, ensure_ascii=False) + "\n")
    else:
        output.write(metrics_table(metrics))


def _fields(typed: dict[str, Any]) -> dict[str, Any]:
    """Fields of a goal, of the options that were typed."""
    fields = {key.removeprefix("goal_"): value for key, value in typed.items() if value not in (None, ())}
    kinds: dict[str, Any] = {
        "kind": GoalKind,
        "path": GoalPath,
        "milestones": milestones_of,
        "categories": _categories,
        "metric": lambda text: _named("businessMetrics/", text),
    }
    return {key: kinds[key](value) if key in kinds else value for key, value in fields.items()}


def _categories(names: tuple[str, ...]) -> tuple[int, ...]:
    wrong = [name for name in names if not (name.isascii() and name.isdigit() and len(name) < 4)]
    if wrong:
        raise click.UsageError(f"Scope 3 has no category {wrong[0]!r}: use 1 to 15.")
    return tuple(int(name) for name in names)


def _named(prefix: str, text: str) -> str:
    """A resource name, of the name or of the id."""
    return text if text.startswith(prefix) else prefix + text
