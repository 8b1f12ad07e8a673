"""``greencloud completion``: a script by which a shell completes verbs, options and their values."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command(name="completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion script of SHELL.

    \b
    Examples:
      greencloud completion bash >> ~/.bashrc
      greencloud completion zsh > "${fpath[1]}/_greencloud"
      greencloud completion fish > ~/.config/fish/completions/greencloud.fish
    """
    from click.shell_completion import BashComplete, get_completion_class

    found = get_completion_class(shell)
    assert found is not None, "click has these shells"
    root = click.get_current_context().find_root().command
    script = found(root, {}, "greencloud", "_GREENCLOUD_COMPLETE")
    if isinstance(script, BashComplete):
        # click asks the bash of this machine for its version first; the script may be for another one.
        click.echo(script.source_template % script.source_vars())
    else:
        click.echo(script.source())
