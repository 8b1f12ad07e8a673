"""``greencloud credits``: instruments, neutrality and avoided emissions, with the same output from either source."""

from __future__ import annotations

import click

from greencloud.cli import _credits_claims, _credits_file, _credits_initiatives, _credits_instruments, _credits_uses

__all__ = ["command"]


@click.group(name="credits")
def command() -> None:
    """Record, retire and use energy certificates, removals and offset credits; show what neutrality rests on."""


for _part in (_credits_file, _credits_instruments, _credits_uses, _credits_claims, _credits_initiatives):
    for _verb in _part.COMMANDS:
        command.add_command(_verb)
