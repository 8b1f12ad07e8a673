"""``greencloud page``: the live page in front of a server that runs elsewhere."""

from __future__ import annotations

import logging
import sys
import threading
from pathlib import Path

import click

__all__ = ["command"]

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command(name="page")
@click.option("--server", metavar="HOST:PORT", help="Ask this server.  [env var: GREENCLOUD_SERVER]")
@click.option("--profile", metavar="NAME", help="By this profile of greencloud config.  [env var: GREENCLOUD_PROFILE]")
@click.option("--server-insecure", is_flag=True, help="Ask it without TLS: tokens of readers then travel in the clear.")
@click.option("--listen", default="127.0.0.1:8080", metavar="HOST:PORT", help="Where browsers ask; port 0 takes a free one.")
@click.option("--tls-cert", type=_FILE, metavar="FILE", help="Certificate chain of the page (PEM).")
@click.option("--tls-key", type=_FILE, metavar="FILE", help="Its private key (PEM).")
@click.option("--insecure", is_flag=True, help="Allow no TLS on an address that other machines can reach: a proxy in front has it.")
def command(
    *,
    server: str | None,
    profile: str | None,
    server_insecure: bool,
    listen: str,
    tls_cert: Path | None,
    tls_key: Path | None,
    insecure: bool,
) -> None:
    """Serve the live page until SIGTERM or Ctrl-C: its readers log in with tokens of their own, and see what those may see.

    Prints one line on standard output when it is ready, "page on URL". A token of the profile is never used. One machine needs
    no process of its own for this: greencloud serve --page HOST:PORT.

    \b
    Examples:
      greencloud page --server footprint.example:4317 --listen 127.0.0.1:8080
      greencloud page --profile prod --listen 0.0.0.0:8443 --tls-cert tls.crt --tls-key tls.key
    """
    from greencloud.client import ClientConfig
    from greencloud.server.page_process import serving_page
    from greencloud.server.process import on_signals
    from greencloud.server.settings import tls_of

    tls_of(listen, tls_cert, tls_key, insecure=insecure)
    config = ClientConfig.load(profile).with_values(server=server)
    if not config.server:
        raise click.UsageError("Give --server HOST:PORT, or a profile that names one (greencloud config).")
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    stopping = threading.Event()
    on_signals(stopping)
    connection = config.arguments() | {"insecure": server_insecure or None}
    with serving_page(connection, listen, tls_cert=tls_cert, tls_key=tls_key) as web:
        click.echo(f"page on {web.url}")
        stopping.wait()
