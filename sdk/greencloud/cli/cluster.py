"""``greencloud cluster``: what the machines of a cluster need before they can work for a run."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["command"]


@click.group(name="cluster")
def command() -> None:
    """What the machines of a cluster need: an archive for workers."""


@command.command()
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    default=Path("greencloud-workers.zip"),
    show_default=True,
    metavar="FILE",
    help="Where to write it.",
)
def archive(output: Path) -> None:
    """Pack this installation, with its compiled kernels and what it depends on, for workers on which it is not installed.

    It fits workers of this Python's minor version and this platform. Hand it to greencloud allocate --archive.

    \b
    Example:
      greencloud cluster archive -o greencloud-workers.zip
    """
    from greencloud.engine.worker_archive import write_archive

    manifest = write_archive(output)
    mebibytes = output.stat().st_size / 2**20
    count = len(manifest.distributions) + 1
    click.echo(f"{output}: greencloud {manifest.greencloud} for {manifest.made_for}; {count} distributions, {mebibytes:,.0f} MiB")
