"""The server: a data directory in a temporary folder, seeded and allocated once, and ``greencloud serve`` over it in this process.

The seed is two accounts on two sites over two days, which lie in the past, so that every figure is final
(``greencloud.testing.seed``). Heavy libraries are loaded when a server starts, not when this is imported.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from greencloud.errors import GreencloudError, MissingExtraError

if TYPE_CHECKING:
    from greencloud.client import AsyncClient, Client

__all__ = ["ACCOUNTS", "END", "START", "Server"]

ACCOUNTS: Final = ("acme", "globex")
START: Final = datetime(2025, 1, 6, tzinfo=UTC)
END: Final = datetime(2025, 1, 8, tzinfo=UTC)


class Server:
    """A server while the ``with`` block lasts.

    Args:
        facility: a facility book of your own instead of the bundled one; nothing is seeded then but what ``files`` hold.
        files: usage tables or OTLP files to take and allocate instead of the seed (``greencloud ingest``).
        seed: False for an empty ledger.

    Raises, on entering:
        MissingExtraError: the libraries of the server are not installed.
    """

    accounts: tuple[str, ...] = ACCOUNTS
    """The accounts of the seed."""

    start: datetime = START
    end: datetime = END
    """The seed's windows lie in ``[start, end)``."""

    def __init__(self, *, facility: Path | None = None, files: tuple[Path, ...] = (), seed: bool = True) -> None:
        self._facility = facility
        self._files = files
        self._seed = seed and facility is None and not files
        self._stack = ExitStack()
        self._running: Any = None
        self._keys: Any = None

    def __enter__(self) -> Self:
        try:
            self._start()
        except ModuleNotFoundError as error:
            if error.name is None or error.name.partition(".")[0] == "greencloud":
                raise
            raise MissingExtraError("greencloud.testing.Server", extra="testing") from error
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._running = None
        self._stack.close()

    @property
    def target(self) -> str:
        """``HOST:PORT``, on this machine. Raises GreencloudError where the server does not run."""
        if self._running is None:
            raise GreencloudError("the server does not run", advice="use it within its with block")
        target: str = self._running.target
        return target

    def token(self, account: str = "", *, ttl: timedelta = timedelta(hours=1)) -> str:
        """A bearer token of the account; without one, of the provider."""
        role = "tenant" if account else "provider"
        token: str = self._keys.issue(role, account, ttl=ttl, now=datetime.now(UTC))
        return token

    def client(self, account: str = "", **options: Any) -> Client:
        """A client of the account, or of the provider; ``options`` are those of ``Client``."""
        from greencloud.client import Client

        return Client(self.target, token=self.token(account), **options)

    def async_client(self, account: str = "", **options: Any) -> AsyncClient:
        """The same for asyncio."""
        from greencloud.client import AsyncClient

        return AsyncClient(self.target, token=self.token(account), **options)

    def _start(self) -> None:
        from greencloud.engine import DataDirectory, ingest_file, run_allocation
        from greencloud.server import KeyStore
        from greencloud.server.process import prepare, run
        from greencloud.server.settings import Settings
        from greencloud.testing import seed

        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="greencloud-testing-")))
        try:
            settings = Settings(data=folder / "data", listen="127.0.0.1:0")
            prepare(settings, self._facility or seed.book(folder))
            data = DataDirectory.open(settings.data, create=False)
            for path in (seed.usage(folder),) if self._seed else self._files:
                ingest_file(data, path)
            if self._seed or self._files:
                run_allocation(data, now=datetime.now(UTC))
            self._keys = KeyStore(data.keys_directory)
            self._running = self._stack.enter_context(run(settings))
        except BaseException:
            self._stack.close()
            raise
