"""``greencloud serve``: OTLP intake and the API, from a data directory."""

from __future__ import annotations

import logging
import sys
from datetime import timedelta
from pathlib import Path

import click

from greencloud.cli._options import DURATION, data_option, facility_option

__all__ = ["command"]

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command(name="serve")
@data_option
@facility_option
@click.option("--listen", default="127.0.0.1:4317", metavar="HOST:PORT", help="Where to listen; port 0 takes a free one.")
@click.option("--tls-cert", type=_FILE, metavar="FILE", help="Certificate chain (PEM).")
@click.option("--tls-key", type=_FILE, metavar="FILE", help="Its private key (PEM).")
@click.option(
    "--allocate-every", type=DURATION, default="0s", metavar="T", help="Run the allocation at this interval: 5m, 1h; 0s never."
)
@click.option("--insecure", is_flag=True, help="Allow no TLS on an address that other machines can reach.")
def command(
    *,
    data: Path,
    facility: Path | None,
    listen: str,
    tls_cert: Path | None,
    tls_key: Path | None,
    allocate_every: timedelta,
    insecure: bool,
) -> None:
    """Take telemetry by OTLP and answer questions on one port, until SIGTERM or Ctrl-C.

    Prints one line on standard output when it is ready, "listening on HOST:PORT"; the log goes to standard error.
    """
    from greencloud.server import serve

    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    serve(
        data,
        facility=facility,
        listen=listen,
        tls_cert=tls_cert,
        tls_key=tls_key,
        insecure=insecure,
        allocate_every=allocate_every,
        ready=lambda target: click.echo(f"listening on {target}"),
    )
