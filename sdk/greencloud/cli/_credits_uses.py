"""``greencloud credits use, cancel-use``: what serials count for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from greencloud.cli._credits import goal_named, writing
from greencloud.cli._inventory import show
from greencloud.cli._output import Output, output_options
from greencloud.cli._source import Source, source_options

if TYPE_CHECKING:
    from greencloud.results.instruments import InstrumentUse

__all__ = ["COMMANDS"]


@click.command()
@source_options
@click.argument("name")
@click.option("--year", required=True, metavar="Y", help="Reporting year: 2024, or FY2025 for the fiscal year that ends in 2025.")
@click.option("--units", type=click.IntRange(1, 10**18), required=True, metavar="N", help="Whole tonnes, or MWh.")
@click.option("--goal", default="", metavar="NAME", help="The goal that they are claimed for.  [the organization]")
@click.option("--market", default="", metavar="ZONE", help="Of a certificate: where the electricity was consumed.")
@click.option("--as", "claimed_as", default="", metavar="CLAIM", help="energy, removal or offset.  [what the kind stands for]")
@click.option("--etag", default="", metavar="ETAG", help="Refuse if it was changed since it was read.")
@output_options("table", "json")
def use(
    *, source: Source, name: str, year: str, units: int, goal: str, market: str, claimed_as: str, etag: str, output: Output
) -> None:
    """Let units of an instrument count for a year: the lowest free serials. Each serial counts once, for ever.

    \b
    Examples:
      greencloud credits use puro-earth-0f3a --data ./data --year 2024 --units 100 --goal goals/operations-2030
      greencloud credits use eecs-77c1 --data ./data --year 2024 --units 20 --market DE-LU
    """
    with writing(source, "use", f"name={name}; year={year}; units={units}") as books:
        made = books.use_instrument(
            name, year=year, units=units, goal=goal_named(goal), market=market, claimed_as=claimed_as, etag=etag
        )
    _show(output, made)


@click.command()
@source_options
@click.argument("name")
@click.option("--year", required=True, metavar="Y", help="The reporting year of the use.")
@click.option("--serial-first", type=click.IntRange(0, 10**18), required=True, metavar="N", help="Its first serial.")
@click.option("--reason", required=True, metavar="TEXT", help="Why, for an auditor.")
@click.option("--etag", default="", metavar="ETAG", help="Refuse if it was changed since it was read.")
@output_options("table", "json")
def cancel_use(*, source: Source, name: str, year: str, serial_first: int, reason: str, etag: str, output: Output) -> None:
    """Undo a use. Its serials are free again, and both steps stay on record.

    \b
    Example:
      greencloud credits cancel-use puro-earth-0f3a --data ./data --year 2024 --serial-first 1 --reason "meant for 2025"
    """
    with writing(source, "cancel-use", f"name={name}; year={year}; serial_first={serial_first}") as books:
        undone = books.cancel_instrument_use(name, year=year, serial_first=serial_first, reason=reason, etag=etag)
    _show(output, undone)


def _show(output: Output, made: InstrumentUse) -> None:
    from greencloud.report.instruments import use_document, use_table

    show(output, lambda: use_table(made), lambda: use_document(made))


COMMANDS: Final = (use, cancel_use)
