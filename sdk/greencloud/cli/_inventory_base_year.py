"""``greencloud inventory policy, change, base-year``: how the inventory is drawn up, and when its base year is recalculated."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import click

from greencloud.cli._books import provider_books
from greencloud.cli._inventory import AMOUNT, PERCENT, evidence_digests, show, writing
from greencloud.cli._options import INSTANT
from greencloud.cli._output import Output, output_options
from greencloud.cli._source import Source, source_options

if TYPE_CHECKING:
    from greencloud.results.inventory import InventoryPolicy, StructuralChange, StructuralEffect

__all__ = ["COMMANDS"]

_APPROACHES: Final = ("operational_control", "financial_control", "equity_share")
_KINDS: Final = ("acquisition", "divestment", "merger", "outsourcing", "insourcing", "boundary")


@click.group()
def policy() -> None:
    """How the inventory is drawn up: show it, set it."""


@policy.command(name="show")
@source_options
@output_options("table", "json")
def policy_show(*, source: Source, output: Output) -> None:
    """Show the policy in force.

    \b
    Example:
      greencloud inventory policy show --data ./data
    """
    with provider_books(source) as books:
        found = books.get_inventory_policy()
    _show_policy(output, found)


def _show_policy(output: Output, found: InventoryPolicy) -> None:
    from greencloud.report.inventory_documents import policy_document
    from greencloud.report.inventory_year_tables import policy_table

    show(output, lambda: policy_table(found), lambda: policy_document(found))


@policy.command(name="set")
@source_options
@click.option("--base-year", metavar="Y", help="The base year: 2020 or FY2020.")
@click.option("--fiscal-year-start", "fiscal_year_start_month", type=click.IntRange(1, 12), metavar="MONTH", help="1 to 12.")
@click.option("--consolidation-approach", type=click.Choice(_APPROACHES), help="What is counted as the provider's.")
@click.option("--significance-threshold", type=PERCENT, help="From which the base year is recalculated: 5%.")
@click.option("--gwp-set", type=click.Choice(("AR4", "AR5", "AR6")), help="The potentials that apply to gases.")
@click.option("--organization", metavar="NAME", help="The organization that reports.")
@click.option("--etag", default="", metavar="ETAG", help="Only if the policy has this etag; by default the one that is read first.")
@click.option("--reason", default="", metavar="TEXT", help="In your words.")
@output_options("table", "json")
def policy_set(*, source: Source, base_year: str | None, etag: str, reason: str, output: Output, **more: Any) -> None:
    """Set what is typed, and leave the rest.

    \b
    Example:
      greencloud inventory policy set --data ./data --base-year 2020 --fiscal-year-start 4 --organization "Example Cloud"
    """
    from greencloud.results.reporting_year import ReportingYear

    said = {name: value for name, value in more.items() if value is not None}
    if base_year is not None:
        said["base_year"] = ReportingYear.parse(base_year)
    if not said:
        raise click.UsageError("Say what to set.")
    with writing(source, "policy set", "; ".join(f"{name}={value}" for name, value in said.items())) as books:
        before = books.get_inventory_policy()
        found = books.update_inventory_policy(replace(before, **said), etag=etag or before.etag, reason=reason)
    _show_policy(output, found)


@click.group()
def change() -> None:
    """Changes of structure: acquisitions, divestments and others."""


@change.command(name="add")
@source_options
@click.option("--kind", type=click.Choice(_KINDS), required=True, help="What kind of change it is.")
@click.option("--effective", type=INSTANT, required=True, metavar="T", help="From when on: a date, or a time with an offset.")
@click.option("--description", required=True, metavar="TEXT", help="What happened.")
@click.option(
    "--effect",
    "effects",
    multiple=True,
    required=True,
    metavar="SCOPE[:CATEGORY]=AMOUNT",
    help="What it does to the base year, signed: scope1=1200t, scope3:11=-300t (repeatable).",
)
@click.option("--evidence", multiple=True, metavar="FILE|SHA256", help="A document to keep, or one that is kept (repeatable).")
@click.option("--id", "change_id", default="", metavar="ID", help="Its id; derived by default.")
@output_options("table", "json")
def change_add(
    *,
    source: Source,
    kind: str,
    effective: datetime,
    description: str,
    effects: tuple[str, ...],
    evidence: tuple[str, ...],
    change_id: str,
    output: Output,
) -> None:
    """Tell of a change of what the inventory is of.

    \b
    Example:
      greencloud inventory change add --data ./data --kind acquisition --effective 2022-07-01 \\
        --description "Example Storage was bought" --effect scope1=1200t --effect scope3:1=90000t
    """
    from greencloud.results.inventory import StructuralChange

    told = tuple(_effect(text) for text in effects)
    with writing(source, "change add", f"kind={kind}; effective={effective.isoformat()}") as books:
        digests = evidence_digests(books, evidence)
        made = books.create_structural_change(StructuralChange(change_id, kind, effective, description, told, digests))
    _show_changes(output, [made])


def _effect(text: str) -> StructuralEffect:
    from greencloud.results.inventory import StructuralEffect
    from greencloud.units import Emissions

    where, _, amount = text.partition("=")
    scope, _, category = where.partition(":")
    if not amount or (category and not category.isdecimal()):
        raise click.UsageError(f"{text!r} is not an effect: write scope1=1200t or scope3:11=-300t.")
    sign = -1 if amount.startswith("-") else 1
    mass = AMOUNT.convert(amount.removeprefix("-").removeprefix("+"), None, click.get_current_context())
    return StructuralEffect(scope, int(category) if category else None, Emissions(sign * mass.micrograms))


@change.command(name="list")
@source_options
@output_options("table", "json")
def change_list(*, source: Source, output: Output) -> None:
    """List changes of structure, and whether the base year was recalculated for them.

    \b
    Example:
      greencloud inventory change list --data ./data
    """
    with provider_books(source) as books:
        found = list(books.list_structural_changes())
    _show_changes(output, found)


def _show_changes(output: Output, found: list[StructuralChange]) -> None:
    from greencloud.report.inventory_documents import changes_document
    from greencloud.report.inventory_year_tables import changes_table

    show(output, lambda: changes_table(found), lambda: changes_document(found))


@click.group(name="base-year")
def base_year() -> None:
    """Whether the base year must be recalculated, and doing so."""


@base_year.command()
@source_options
@click.option("--check", is_flag=True, help="End with exit code 3 if it must be recalculated.")
@output_options("table", "json")
def assess(*, source: Source, check: bool, output: Output) -> None:
    """Compare structural changes with the threshold of the policy.

    \b
    Example:
      greencloud inventory base-year assess --data ./data
    """
    from greencloud.report.inventory_documents import assessment_document
    from greencloud.report.inventory_year_tables import assessment_table

    with provider_books(source) as books:
        found = books.assess_base_year()
    show(output, lambda: assessment_table(found), lambda: assessment_document(found))
    if check and found.recalculation_required:
        raise SystemExit(3)


@base_year.command()
@source_options
@click.option("--reason", required=True, metavar="TEXT", help="In your words.")
@output_options("table", "json", "csv")
def recalculate(*, source: Source, reason: str, output: Output) -> None:
    """Restate the base year for every structural change that is not applied yet.

    \b
    Example:
      greencloud inventory base-year recalculate --data ./data --reason "Example Storage was bought in 2022"
    """
    from greencloud.report.inventory_documents import restatements_data, restatements_document
    from greencloud.report.inventory_tables import restatements_table

    with writing(source, "base-year recalculate") as books:
        found = books.recalculate_base_year(reason=reason)
    show(output, lambda: restatements_table(found), lambda: restatements_document(found), lambda: restatements_data(found))


COMMANDS: Final = (policy, change, base_year)
