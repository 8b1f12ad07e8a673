"""``greencloud help``: of a verb, or of what all verbs have in common."""

from __future__ import annotations

import click

from greencloud.cli._help_topics import TOPICS

__all__ = ["command"]


def _completed(ctx: click.Context, _parameter: click.Parameter, text: str) -> list[str]:
    root = ctx.find_root()
    assert isinstance(root.command, click.Group)
    return [name for name in (*TOPICS, *root.command.list_commands(root)) if name.startswith(text)]


@click.command(name="help")
@click.argument("names", nargs=-1, metavar="[VERB|TOPIC]...", shell_complete=_completed)
@click.pass_context
def command(ctx: click.Context, names: tuple[str, ...]) -> None:
    """Show the help of a verb, or of a topic: exit-codes, periods, formats, environment.

    \b
    Examples:
      greencloud help exit-codes
      greencloud help ledger close
    """
    root = ctx.find_root()
    if len(names) == 1 and names[0] in TOPICS:
        click.echo(TOPICS[names[0]], nl=False)
        return
    found: click.Command = root.command
    context = root
    for name in names:
        child = found.get_command(context, name) if isinstance(found, click.Group) else None
        if child is None:
            raise click.UsageError(f"There is no verb or topic {' '.join(names)!r}. Topics: {', '.join(TOPICS)}.")
        context = click.Context(child, info_name=name, parent=context)
        found = child
    click.echo(found.get_help(context))
    if not names:
        click.echo(f"\nTopics of greencloud help: {', '.join(TOPICS)}.")
