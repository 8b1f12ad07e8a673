"""``greencloud serve``: OTLP intake and the API, from a data directory."""

from __future__ import annotations

import logging
import re
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import click

from greencloud.cli._ledger_copy import serving_copy as checked_copy
from greencloud.cli._options import DURATION, data_option, facility_option, log_option

__all__ = ["command"]

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


class Rate(click.ParamType[int]):
    """Bytes a second: 500kB/s, 50MB/s, 1GB/s; none (0) for no limit."""

    name = "rate"
    units: ClassVar = {"kB": 10**3, "MB": 10**6, "GB": 10**9}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        if value == "none":
            return 0
        found = re.fullmatch(r"(\d{1,6})(kB|MB|GB)/s", value)
        if not found or not int(found[1]):
            self.fail(f"{value!r} is not a rate: write 500kB/s, 50MB/s, 1GB/s or none", param, ctx)
        return int(found[1]) * self.units[found[2]]


@click.command(name="serve")
@data_option
@facility_option
@click.option("--listen", default="127.0.0.1:4317", metavar="HOST:PORT", help="Where to listen; port 0 takes a free one.")
@click.option("--tls-cert", type=_FILE, metavar="FILE", help="Certificate chain (PEM).")
@click.option("--tls-key", type=_FILE, metavar="FILE", help="Its private key (PEM).")
@click.option("--tls-client-ca", type=_FILE, metavar="FILE", help="Ask clients for a certificate of one of these (PEM).")
@click.option("--auth", type=_FILE, metavar="FILE", help="Who else vouches for callers, and limits (TOML): docs/access.md.")
@click.option(
    "--allocate-every", type=DURATION, default="0s", metavar="T", help="Run the allocation at this interval: 5m, 1h; 0s never."
)
@click.option("--workers", type=click.IntRange(1, 256), default=1, metavar="N", help="Processes that share the port.")
@click.option("--quota", type=Rate(), default="50MB/s", metavar="RATE", help="What a tenant may send, in each worker; none: any.")
@click.option("--provider-quota", type=Rate(), default="500MB/s", metavar="RATE", help="The same for the provider and its agents.")
@click.option("--largest-message", type=click.IntRange(1, 1024), default=64, metavar="MIB", help="Largest request, decompressed.")
@click.option("--metrics", default="", metavar="HOST:PORT", help="Show the server's own metrics (Prometheus) at /metrics.")
@click.option(
    "--account-metrics", default="", metavar="HOST:PORT", help="Show what each account emits (Prometheus) at /metrics there."
)
@click.option("--http", default="", metavar="HOST:PORT", help="Serve product footprints (PACT) at /3/footprints.")
@click.option("--page", default="", metavar="HOST:PORT", help="Serve the live page for browsers: docs/page.md.")
@click.option(
    "--serving-copy",
    envvar="GREENCLOUD_SERVING_COPY",
    show_envvar=True,
    callback=checked_copy,
    metavar="postgresql://…",
    help="Answer look-ups by account from a copy in PostgreSQL, and keep it up to date: docs/serving-copy.md.",
)
@log_option
@click.option(
    "--log-from", type=click.IntRange(0), metavar="N", help="Go on there, and leave out what the log has lost; give it once."
)
@click.option("--no-follow", is_flag=True, help="Only put into the shared log; other servers allocate.")
@click.option(
    "--lease-term", type=DURATION, default="2m", metavar="T", help="When another server may allocate after one that died."
)
@click.option("--insecure", is_flag=True, help="Allow no TLS, and metrics, on an address that other machines can reach.")
def command(
    *,
    data: Path,
    facility: Path | None,
    listen: str,
    tls_cert: Path | None,
    tls_key: Path | None,
    tls_client_ca: Path | None,
    auth: Path | None,
    allocate_every: timedelta,
    workers: int,
    quota: int,
    provider_quota: int,
    largest_message: int,
    metrics: str,
    account_metrics: str,
    http: str,
    page: str,
    serving_copy: str,
    log: str,
    log_from: int | None,
    no_follow: bool,
    lease_term: timedelta,
    insecure: bool,
) -> None:
    """Take telemetry by OTLP and answer questions on one port, until SIGTERM or Ctrl-C.

    Prints one line on standard output when it is ready, "listening on HOST:PORT"; the log goes to standard error.
    """
    from greencloud.server import serve

    if (log_from is not None or no_follow) and not log:
        raise click.UsageError("--log-from and --no-follow are for a shared log: name it with --log")
    if no_follow and allocate_every:
        raise click.UsageError("a server that allocates follows the shared log: leave out --no-follow or --allocate-every")
    if lease_term < timedelta(seconds=1):
        raise click.BadParameter("a second at the least", param_hint="--lease-term")
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    serve(
        data,
        facility=facility,
        listen=listen,
        tls_cert=tls_cert,
        tls_key=tls_key,
        tls_client_ca=tls_client_ca,
        auth=auth,
        insecure=insecure,
        allocate_every=allocate_every,
        workers=workers,
        quota=quota,
        provider_quota=provider_quota,
        largest_message=largest_message << 20,
        metrics=metrics,
        account_metrics=account_metrics,
        http=http,
        page=page,
        serving_copy=serving_copy,
        log=log,
        log_from=-1 if log_from is None else log_from,
        follow=not no_follow,
        lease_term=lease_term,
        ready=lambda target: click.echo(f"listening on {target}"),
    )
