"""``greencloud agent``: report this host's CPU, memory and energy, and those of its workloads, to a server."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import Any

import click

from greencloud.agent import PowerModel, Reporter, Sender, WorkloadFile, is_loopback, machine
from greencloud.errors import GreencloudError, UnauthenticatedError
from greencloud.units import parse_rational

__all__ = ["command"]

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class Watts(click.ParamType[Any]):
    name = "watts"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return parse_rational(value, what="watts")
        except GreencloudError as error:
            return self.fail(error.message, param, ctx)


class _Token:
    """The token as it is now. A file that cannot be read for a moment, while it is written anew, does not end the agent."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.last = os.environ.get("GREENCLOUD_TOKEN", "") if path is None else path.read_text(encoding="utf-8").strip()

    def __call__(self) -> str:
        if self.path is not None:
            with suppress(OSError):
                self.last = self.path.read_text(encoding="utf-8").strip() or self.last
        return self.last


@click.command()
@click.option("--server", required=True, metavar="HOST:PORT", help="Where OTLP is taken.")
@click.option("--token-file", type=_FILE, help="A file with the provider's token; read again when it changes.")
@click.option("--host-id", help="The host.id to report.", show_default="/etc/machine-id, else the host's name")
@click.option("--interval", type=click.FloatRange(0.05, 300), default=5.0, help="Seconds between looks.")
@click.option("--workloads", type=_FILE, help="TOML: which process belongs to which account and service.")
@click.option("--curve-idle-watts", type=Watts(), help="Watts of the idle host, where RAPL cannot be read.")
@click.option("--curve-max-watts", type=Watts(), help="Watts of the fully busy host.")
@click.option("--insecure", is_flag=True, help="Without TLS (loopback is always without).")
@click.option("--root-certificates", type=_FILE, help="PEM of the authorities to trust, instead of the usual ones.")
def command(
    *,
    server: str,
    token_file: Path | None,
    host_id: str | None,
    interval: float,
    workloads: Path | None,
    curve_idle_watts: Any,
    curve_max_watts: Any,
    insecure: bool,
    root_certificates: Path | None,
) -> None:
    """Report this host's CPU, memory and energy to a server, until SIGTERM or Ctrl-C.

    The token is that of a provider: by --token-file, or in the environment variable GREENCLOUD_TOKEN.
    """
    if token_file is None and not os.environ.get("GREENCLOUD_TOKEN"):
        raise UnauthenticatedError("no token", advice="give --token-file, or set GREENCLOUD_TOKEN; 'greencloud token' issues one")
    if (curve_idle_watts is None) != (curve_max_watts is None):
        raise click.UsageError("--curve-idle-watts and --curve-max-watts go together")

    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())

    def say(text: str) -> None:
        click.echo(f"greencloud agent: {text}", err=True)

    here = machine(host_id or "")
    sender = Sender(
        server,
        token=_Token(token_file),
        say=say,
        insecure=insecure or is_loopback(server),
        root_certificates=root_certificates.read_bytes() if root_certificates else None,
        timeout=min(max(interval, 1.0), 10.0),
    )
    reporter = Reporter(
        here,
        say=say,
        workloads=WorkloadFile(workloads) if workloads else None,
        model=PowerModel(curve_idle_watts, curve_max_watts) if curve_idle_watts is not None else None,
    )
    say(
        f"host {here.host_id} ({here.vcpu} vCPU) to {server} every {interval:g} s,"
        f" {reporter.workload_count} workloads, energy {reporter.energy_source}"
    )
    reporter.run(sender, stop, interval=interval)
