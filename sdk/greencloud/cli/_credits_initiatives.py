"""``greencloud credits initiative``: initiatives that avoid emissions of others ("Scope 3+")."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from greencloud.cli._books import provider_books
from greencloud.cli._credits import BIG_AMOUNT, writing
from greencloud.cli._inventory import evidence_digests, show
from greencloud.cli._output import Output, output_options
from greencloud.cli._source import Source, source_options
from greencloud.errors import QuantityError

if TYPE_CHECKING:
    from greencloud.results.instruments import Initiative
    from greencloud.units import Emissions

__all__ = ["COMMANDS"]

F = TypeVar("F", bound=Callable[..., Any])

_TEXTS: Final = {
    "display_name": (("--name", "--display-name"), "Its name for people."),
    "partner": (("--partner",), "With whom."),
    "baseline": (("--baseline",), "What would have happened without it."),
    "counterfactual": (("--counterfactual",), "Why that would have happened."),
    "methodology": (("--methodology",), "How the amounts are worked out."),
}


def _saying(*, required: bool) -> Callable[[F], F]:
    """What an initiative says; handed over as ``said``, without what was not typed."""

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def command(**more: Any) -> Any:
            said = {name: more.pop(name) for name in (*_TEXTS, "attribution")}
            return function(said={name: value for name, value in said.items() if value is not None}, **more)

        found: Any = click.option("--attribution", metavar="SHARE", callback=_share, help="The provider's share: 1/3 or 0.5.  [1]")(
            command
        )
        for name, (flags, text) in reversed(_TEXTS.items()):
            found = click.option(*flags, name, required=required, metavar="TEXT", help=text)(found)
        return found  # type: ignore[no-any-return]

    return decorate


def _share(_context: click.Context, _option: click.Parameter, text: str | None) -> Fraction | None:
    from greencloud.units import parse_rational

    try:
        return None if text is None else parse_rational(text, what="share")
    except QuantityError as error:
        raise click.BadParameter(f"{error.message}; {error.advice}") from error


@click.group()
def initiative() -> None:
    """Initiatives that avoid emissions of others (Scope 3+): a book of their own."""


@initiative.command()
@source_options
@click.argument("initiative_id", metavar="ID")
@_saying(required=True)
@output_options("table", "json")
def add(*, source: Source, initiative_id: str, said: dict[str, Any], output: Output) -> None:
    """Record an initiative; its amounts follow year by year.

    \b
    Example:
      greencloud credits initiative add heat --data ./data --name "Waste heat" --partner "City of Oslo" \\
        --baseline "District heat from gas" --counterfactual "No heat network was planned" \\
        --methodology "GHG Protocol for Project Accounting, ch. 8" --attribution 1/2
    """
    from greencloud.results.instruments import Initiative

    with writing(source, "initiative add", f"id={initiative_id}") as books:
        made = books.create_initiative(Initiative(initiative_id, **said))
    _show(output, made)


@initiative.command()
@source_options
@click.argument("name")
@_saying(required=False)
@click.option("--reason", default="", metavar="TEXT", help="Why, for an auditor; it is needed.")
@output_options("table", "json")
def update(*, source: Source, name: str, said: dict[str, Any], reason: str, output: Output) -> None:
    """Say something of an initiative anew.

    \b
    Example:
      greencloud credits initiative update heat --data ./data --attribution 1/3 --reason "a third partner joined"
    """
    with writing(source, "initiative update", f"name={name}") as books:
        held = books.get_initiative(name)
        made = books.update_initiative(replace(held, **said), etag=held.etag, reason=reason)
    _show(output, made)


@initiative.command()
@source_options
@click.argument("name")
@click.option("--year", required=True, metavar="Y", help="Reporting year: 2024, or FY2025.")
@click.option("--baseline", type=BIG_AMOUNT, required=True, help="What would have been emitted without it: 120kt, 1.5Mt.")
@click.option("--actual", type=BIG_AMOUNT, required=True, help="What was emitted.")
@click.option("--evidence", multiple=True, metavar="FILE|SHA256", help="A document to keep, or one that is kept (repeatable).")
@click.option("--reason", default="", metavar="TEXT", help="Why; needed where the year was said before.")
@output_options("table", "json")
def year(
    *,
    source: Source,
    name: str,
    year: str,
    baseline: Emissions,
    actual: Emissions,
    evidence: tuple[str, ...],
    reason: str,
    output: Output,
) -> None:
    """Say what an initiative avoided in a year.

    \b
    Example:
      greencloud credits initiative year heat --data ./data --year 2024 --baseline 120kt --actual 45kt --evidence study.pdf
    """
    from greencloud.results.instruments import AvoidedYear
    from greencloud.results.reporting_year import ReportingYear

    of_year = ReportingYear.parse(year)
    with writing(source, "initiative year", f"name={name}; year={of_year}") as books:
        held = books.get_initiative(name)
        told = AvoidedYear(of_year, baseline, actual, evidence_digests(books, evidence))
        years = sorted([*(each for each in held.years if each.year != of_year), told], key=lambda each: each.year)
        made = books.update_initiative(replace(held, years=tuple(years)), etag=held.etag, reason=reason)
    _show(output, made)


@initiative.command(name="list")
@source_options
@output_options("table", "json")
def list_(*, source: Source, output: Output) -> None:
    """List initiatives.

    \b
    Example:
      greencloud credits initiative list --data ./data
    """
    from greencloud.report.instruments import initiatives_document, initiatives_table

    with provider_books(source) as books:
        found = list(books.list_initiatives())
    show(output, lambda: initiatives_table(found), lambda: initiatives_document(found))


@initiative.command(name="show")
@source_options
@click.argument("name")
@output_options("table", "json")
def show_(*, source: Source, name: str, output: Output) -> None:
    """Show an initiative with its years.

    \b
    Example:
      greencloud credits initiative show heat --data ./data
    """
    with provider_books(source) as books:
        found = books.get_initiative(name)
    _show(output, found)


def _show(output: Output, made: Initiative) -> None:
    from greencloud.report.instruments import initiative_document, initiative_table

    show(output, lambda: initiative_table(made), lambda: initiative_document(made))


COMMANDS: Final = (initiative,)
