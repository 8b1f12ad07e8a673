"""The client: light to import, TLS where it must be, pages and tokens without the caller's help, errors that can be caught."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, timedelta, timezone
from pathlib import Path

import pytest

from greencloud.client import Client, facility_files
from greencloud.client.channel import is_local
from greencloud.errors import FacilityError, QuantityError, UnauthenticatedError, UnavailableError
from greencloud.results import Granularity
from inprocess import NOW, START, World, goal, row, serving

PATHS = f"import sys; sys.path[:] = {sys.path!r}; "


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with serving(tmp_path_factory.mktemp("client")) as world:
        yield world


def test_importing_the_client_loads_grpc_and_protobuf_and_nothing_else() -> None:
    """Modules are counted rather than milliseconds: those are the machine's. ``benchmarks/client_import.py`` has them."""
    code = "import sys; bare = set(sys.modules); import greencloud.client; print(*(set(sys.modules) - bare))"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", PATHS + code], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()

    foreign = {name.partition(".")[0] for name in loaded} - sys.stdlib_module_names - {"greencloud"}
    # grpc takes its own add-ons where they are installed; its core brings a shim of Cython.
    assert {name for name in foreign if not name.startswith(("grpc", "_cython", "cython_runtime"))} <= {
        "google",
        "typing_extensions",
    }
    assert not [name for name in loaded if name.startswith("google.") and not name.startswith(("google.protobuf", "google._upb"))]
    own = {name.split(".")[1] for name in loaded if name.startswith("greencloud.")}
    assert own == {"client", "errors", "results", "units", "v1", "wire"}
    assert len(loaded) < 300


@pytest.mark.parametrize(
    ("target", "local"),
    [
        ("127.0.0.1:4317", True),
        ("localhost:4317", True),
        ("[::1]:4317", True),
        ("dns:///localhost:4317", True),
        ("unix:/run/greencloud.sock", True),
        ("footprint.example:4317", False),
        ("10.0.0.1:4317", False),
        ("[2001:db8::1]:4317", False),
        ("localhost.example:4317", False),
        ("127.0.0.1.example:4317", False),
        ("0.0.0.0:4317", False),
    ],
)
def test_only_this_machine_is_spoken_to_in_clear(target: str, local: bool) -> None:
    assert is_local(target) is local


def test_a_token_never_goes_out_in_clear_unless_it_was_asked_for(world: World) -> None:
    with Client(world.target, token=world.token(), insecure=False, timeout=1) as client, pytest.raises(UnavailableError):
        client.get_goal_progress()
    with Client(world.target, token=world.token(), insecure=True) as client:
        assert client.get_goal_progress() == goal()


def test_a_token_may_be_a_function_that_is_asked_for_each_call(world: World) -> None:
    asked: list[str] = []

    def token() -> str:
        asked.append(world.token())
        return asked[-1]

    with Client(world.target, token=token) as client:
        client.get_goal_progress()
        client.get_goal_progress()

    assert len(set(asked)) == 2


@pytest.mark.parametrize("token", [None, "", "nonsense"])
def test_no_token_or_a_wrong_one_is_unauthenticated_and_says_what_to_do(world: World, token: str | None) -> None:
    with Client(world.target, token=token) as client, pytest.raises(UnauthenticatedError) as caught:
        client.get_goal_progress()

    assert caught.value.exit_code == 4
    assert "greencloud token" in caught.value.advice


def test_a_server_that_is_not_there_is_unavailable(world: World) -> None:
    with serving(world.folder / "gone") as gone:
        target = gone.target
    with Client(target, token="t", timeout=2) as client, pytest.raises(UnavailableError) as caught:
        client.get_goal_progress()

    assert caught.value.exit_code == 6
    assert caught.value.advice


def test_pages_are_fetched_as_they_are_needed(world: World) -> None:
    world.post([row("acme", hour) for hour in range(10)])

    with world.client("acme") as client:
        rows = iter(client.query_footprint(start=START, end=START + timedelta(days=1), group_by=["service"], page_size=3))
        first = next(rows)
        world.post()
        rest = list(rows)

    assert [first.start, *(fact.start for fact in rest)] == [START + timedelta(hours=hour) for hour in range(10)]


@pytest.mark.parametrize("names", [("account", "service", "sku", "site"), ("site", "sku", "service", "account")])
def test_dimensions_come_in_the_order_asked_for(world: World, names: tuple[str, ...]) -> None:
    world.post([row("acme", hour) for hour in range(8)])

    with world.client("acme") as client:
        rows = list(client.query_footprint(start=START, end=NOW, group_by=iter(names)))

    assert {tuple(fact.dimensions) for fact in rows} == {names}


def test_times_of_any_offset_are_the_same_instant(world: World) -> None:
    world.post([row("acme", hour) for hour in range(4)])
    tokyo = timezone(timedelta(hours=9))

    with world.client("acme") as client:
        here, there = (
            list(client.query_footprint(start=(START + timedelta(hours=1)).astimezone(zone), end=NOW.astimezone(zone)))
            for zone in (UTC, tokyo)
        )

    assert len(here) == 3
    assert here == there


@pytest.mark.parametrize("granularity", [*Granularity, "day"])
def test_a_granularity_may_be_named(world: World, granularity: str) -> None:
    world.post([row("acme")])

    with world.client("acme") as client:
        assert len(list(client.query_footprint(start=START, end=NOW, granularity=granularity))) == 1


def test_a_granularity_that_is_not_there_is_refused_before_the_call(world: World) -> None:
    with world.client("acme") as client, pytest.raises(QuantityError, match="all, window, hour, day, month"):
        client.query_footprint(start=START, end=NOW, granularity="fortnight")


def test_a_deadline_that_passes_is_unavailable(world: World) -> None:
    world.held = threading.Event()
    try:
        with world.client("acme", timeout=0.2) as client, pytest.raises(UnavailableError) as caught:
            list(client.query_footprint(start=START, end=NOW))
    finally:
        world.held.set()
        world.held = None

    assert caught.value.code == "DEADLINE_EXCEEDED"


def test_a_time_without_a_zone_is_refused_rather_than_guessed(world: World) -> None:
    with world.client("acme") as client, pytest.raises(QuantityError, match="time zone"):
        client.query_footprint(start=START.replace(tzinfo=None), end=NOW)


def test_the_files_of_a_book_are_read_with_what_it_names(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    book = b'[files]\nmeters = "data/m.csv"\nfactors = ["f.csv", "data/m.csv"]\n'
    for name, content in {"book.toml": book, "data/m.csv": b"m", "f.csv": b"f", "other.csv": b"o"}.items():
        (tmp_path / name).write_bytes(content)

    assert facility_files(tmp_path / "book.toml") == [("book.toml", book), ("data/m.csv", b"m"), ("f.csv", b"f")]


@pytest.mark.parametrize(
    "text", ["[files]\nmeters = '../m.csv'", "[files]\nmeters = '/m.csv'", "[files]\nmeters = 'no.csv'", "[files"]
)
def test_a_book_whose_files_cannot_be_sent_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "book.toml").write_text(text)

    with pytest.raises(FacilityError, match=r"book\.toml"):
        facility_files(tmp_path / "book.toml")
