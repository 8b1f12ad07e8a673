"""``greencloud demo``: the whole job once on this machine, from telemetry to report.

A server, four services of a shop under stock OpenTelemetry auto-instrumentation, the host agent and a load generator run as real
processes; then the allocation runs, and everything shown is asked for over gRPC. Nothing is simulated except the customers.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from greencloud.cli._demo.children import Child, Children
from greencloud.cli._demo.page import page_links
from greencloud.cli._demo.shop import SERVICES, Service, Shop, book_for, find_shop, require_libraries, workloads_toml
from greencloud.cli._demo.steps import Steps
from greencloud.cli._demo.telling import conservation, next_commands, operation_costs, problems
from greencloud.units import Window

__all__ = ["command"]

CUSTOMERS = ("acme", "globex")
RATE = 20  # requests per second: about half of two cores
SEED = 7
KEPT_LOAD_SECONDS = 600.0
KEPT_ALLOCATE_SECONDS = 60.0
PAGE_LIBRARIES = ("jinja2", "vl_convert", "werkzeug")
IDLE_WATTS, MAX_WATTS = Decimal("0.64"), Decimal("3.97")  # per vCPU, as in the shop's facility book


@dataclass(frozen=True, slots=True)
class Setting:
    """What the steps share: the data directory, the server, and who may speak to it."""

    data: Path
    folder: Path  # where the demo's own files lie, within the data directory
    target: str
    tokens: Mapping[str, str]  # by account; "" is the provider
    host_id: str
    vcpu: int
    environment: Mapping[str, str]
    page: str = ""  # its address, if there is one


@click.command(name="demo")
@click.option(
    "--data", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="Data directory; a new one if left out."
)
@click.option("--keep", is_flag=True, help="Leave the server, its page and the load running until Ctrl-C.")
@click.option("--seconds", type=click.FloatRange(5, 3600), default=30.0, help="How long the load lasts.")
@click.option("--shop", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="Folder of the example shop.")
def command(data: Path | None, keep: bool, seconds: float, shop: Path | None) -> None:
    """Run the whole job once on this machine, in about a minute: real services, real telemetry, balanced books.

    Progress goes to standard error, the result to standard output. Ends with 0 only if every window balances.
    """
    require_libraries()
    folder = find_shop(shop)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda signum, _: sys.exit(128 + signum))
    steps = Steps()
    path = (data or Path(tempfile.mkdtemp(prefix="greencloud-demo-"))).resolve()
    try:
        with Children() as children:
            setting = prepare(children, steps, folder, path, page=keep)
            begin = datetime.now(UTC)
            shop_of = Shop(
                folder,
                host_id=setting.host_id,
                endpoint=f"http://{setting.target}",
                tokens=setting.tokens,
                environment=setting.environment,
            )
            work(children, steps, setting, shop_of, seconds)
            wrong = tell(steps, setting, begin)
            if keep and not wrong:
                stay(children, steps, setting, shop_of)
    except KeyboardInterrupt:
        steps.say("interrupted; everything that was started has been ended")
        sys.exit(130)
    for problem in wrong:
        click.echo(f"greencloud demo: {problem}", err=True)
    sys.exit(1 if wrong else 0)


def prepare(children: Children, steps: Steps, folder: Path, path: Path, *, page: bool) -> Setting:
    """The data directory with book, credentials and goal, and a server on it, with its ``page`` or without."""
    from greencloud.agent import machine
    from greencloud.cli._books import provider_books
    from greencloud.cli._source import Source
    from greencloud.engine import DataDirectory
    from greencloud.goal import apply_goals
    from greencloud.server import KeyStore

    steps.say(f"data directory {path}")
    data = DataDirectory.open(path, create=True)
    here = machine()
    own = path / "demo"
    own.mkdir(exist_ok=True)
    book = own / "facility.toml"
    template = (folder / "facility.toml").read_text(encoding="utf-8")
    book.write_text(book_for(template, host_id=here.host_id, vcpu=here.vcpu, memory_bytes=here.memory_bytes), encoding="utf-8")
    steps.say(f"facility book for host {here.host_id}: {here.vcpu} vCPU, {here.memory_bytes / (1 << 30):.1f} GiB")

    environment = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "GREENCLOUD_"))}
    page = page and all(find_spec(name) for name in PAGE_LIBRARIES)
    more = ("--page", "127.0.0.1:0") if page else ()
    serve = ("serve", "--data", str(path), "--facility", str(book), "--listen", "127.0.0.1:0", *more)
    server = children.start("server", [sys.executable, "-m", "greencloud", *serve], environment=environment, directory=own)
    target = server.wait_for_line(r"listening on (\S+)", timeout=30)[1]
    steps.say(f"server listens on {target}")
    shown = server.wait_for_line(r"page on (\S+)", timeout=30)[1] if page else ""

    keys = KeyStore(data.keys_directory)
    now = datetime.now(UTC)
    accounts = sorted({service.account for service in SERVICES})
    tokens = {account: keys.issue("tenant", account, ttl=timedelta(hours=12), now=now) for account in accounts}
    tokens[""] = keys.issue("provider", "", ttl=timedelta(hours=12), now=now)
    for account in accounts:
        _write_private(own / f"{account}.token", tokens[account])
    with provider_books(Source(path)) as books:
        (goal,) = apply_goals(books, folder / "goal.toml").goals
    steps.say(f"credentials for {', '.join(accounts)} and the provider; goal {goal.name!r} is in force")
    return Setting(path, own, target, tokens, here.host_id, here.vcpu, environment, shown)


def work(children: Children, steps: Steps, setting: Setting, shop: Shop, seconds: float) -> None:
    """Services, agent and load, until the load has ended and everything has been exported."""
    running, agent = start(children, steps, setting, shop)
    requests = int(RATE * seconds)
    load = shop.start_load(children, seed=SEED, requests=requests, seconds=seconds)
    steps.say(f"load: {requests} requests of customers within {seconds:g} s")
    children.watch(load, timeout=seconds + 60)
    counts = json.loads(load.lines[-1]) if load.lines else {}
    answered = ", ".join(f"{name} {count['answered']}" for name, count in counts.items())
    failed = sum(count["failed"] for count in counts.values())
    steps.say(f"answered: {answered or 'nothing'}" + (f"; FAILED: {failed}" if failed else ""))
    children.stop(load, agent)  # the agent first: its last look must find the services alive
    children.stop(*running.values())
    steps.say("services and agent have ended, their exporters are flushed")


def start(children: Children, steps: Steps, setting: Setting, shop: Shop) -> tuple[dict[Service, Child], Child]:
    """The services and the agent that watches them, ready."""
    if find_spec("greencloud_otel") is None:
        steps.say("greencloud-otel is not installed: operations will be weighted by time instead of CPU (pip install ./plugins)")
    running = shop.start(children)
    workloads = setting.folder / "workloads.toml"
    workloads.write_text(workloads_toml({service: child.pid for service, child in running.items()}), encoding="utf-8")
    watts = (f"--curve-idle-watts={IDLE_WATTS * setting.vcpu}", f"--curve-max-watts={MAX_WATTS * setting.vcpu}")
    options = ("--server", setting.target, "--host-id", setting.host_id, "--interval", "2", "--workloads", str(workloads), *watts)
    agent = children.start(
        "agent",
        [sys.executable, "-m", "greencloud", "agent", *options],
        environment={**setting.environment, "GREENCLOUD_TOKEN": setting.tokens[""]},
        directory=setting.folder,
    )
    shop.wait_until_ready(running, timeout=30)
    agent.wait_for_line("greencloud agent: host", timeout=30)
    steps.say(f"{len(running)} services under opentelemetry-instrument, and the host agent, are up")
    return running, agent


def tell(steps: Steps, setting: Setting, begin: datetime) -> list[str]:
    """Allocate, and show what came of it; what is wrong, if anything."""
    from greencloud.client import Client
    from greencloud.report import balance_table, footprint_table, goal_table

    with Client(setting.target, token=setting.tokens[""]) as provider:
        run = provider.run_allocation()
        steps.say(f"allocation: {len(run.posted)} batches posted, {run.unchanged_count} unchanged, {len(run.refused)} refused")
        batches = list(provider.list_batches(*(period := _period(begin))))
        progress = provider.get_goal_progress()
    rows: dict[str, Any] = {}
    for account in CUSTOMERS:
        # Each customer asks with its own credential, and gets its own figures only.
        with Client(setting.target, token=setting.tokens[account]) as customer:
            by = ("service", "component")
            rows[account] = list(customer.query_footprint(start=period[0], end=period[1], group_by=by))
            operations = list(customer.query_footprint(start=period[0], end=period[1], group_by=("service", "operation")))
        click.echo(footprint_table(rows[account], by, title=f"Footprint of {account}", now=datetime.now(UTC)))
        click.echo(f"What one operation of {account} costs (CO2e, location-based):\n{operation_costs(operations, most=5)}")
    click.echo(f"Conservation (exact):\n{conservation(batches)}")
    if any("modelled" in row.quality_flags for own in rows.values() for row in own):
        click.echo("No meter can be read on this machine: its energy is modelled from how busy it was (flag modelled).")
    click.echo("(unattributed) is what ran here for no account: the server, the load, and all else on this machine.\n")
    click.echo(balance_table(batches))
    click.echo(goal_table(progress))
    click.echo(f"Next:\n{next_commands(str(setting.data), CUSTOMERS[0])}", nl=False)
    return problems(run, batches, rows)


def stay(children: Children, steps: Steps, setting: Setting, shop: Shop) -> None:
    """Go on with server, services, agent and load until Ctrl-C, allocate now and then, and say where to look."""
    from greencloud.client import Client
    from greencloud.server.schedule import allocating_every

    start(children, steps, setting, shop)
    steps.say(f"kept running until Ctrl-C: server {setting.target}, shop {shop.url('storefront')}/browse?q=oak+lamp")
    token = setting.folder / f"{CUSTOMERS[0]}.token"
    steps.say(f"ask it: greencloud report --server {setting.target} --token-file {token} --account {CUSTOMERS[0]}")
    for line in page_links(setting.page, setting.tokens, (*CUSTOMERS, "")):
        steps.say(line)
    seed = SEED
    try:
        with (
            Client(setting.target, token=setting.tokens[""]) as provider,
            allocating_every(KEPT_ALLOCATE_SECONDS, provider.run_allocation),
        ):
            while True:
                seed += 1
                load = shop.start_load(children, seed=seed, requests=int(RATE * KEPT_LOAD_SECONDS), seconds=KEPT_LOAD_SECONDS)
                children.watch(load, timeout=KEPT_LOAD_SECONDS + 60)
                children.stop(load)
    except KeyboardInterrupt:
        steps.say("ending")


def _period(begin: datetime) -> tuple[datetime, datetime]:
    """From the window in which the demo began to the end of the present one, in windows of the shop's book (5 min)."""
    return Window.at(begin, 300).start, Window.at(datetime.now(UTC), 300).end


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text + "\n", encoding="utf-8")
