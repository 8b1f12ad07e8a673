"""``greencloud inventory``: the provider's yearly inventory, in a data directory or behind a server, with the same output."""

from __future__ import annotations

import click

from greencloud.cli import (
    _inventory_base_year,
    _inventory_entries,
    _inventory_import,
    _inventory_records,
    _inventory_reviews,
    _inventory_years,
)

__all__ = ["command"]


@click.group(name="inventory")
def command() -> None:
    """Book, restate, approve and add up the provider's yearly inventory."""


for _part in (
    _inventory_import,
    _inventory_entries,
    _inventory_reviews,
    _inventory_years,
    _inventory_base_year,
    _inventory_records,
):
    for _verb in _part.COMMANDS:
        command.add_command(_verb)
