"""A shared log in NATS JetStream: one stream, on one subject, whose sequence numbers are the positions.

The stream is made where there is none: in files, with one replica, refusing what is new when it is full rather than dropping what
is old, keeping messages for a week. An operator may make it beforehand with other limits, more replicas above all. What it
acknowledges is durable if the server runs with ``sync_interval: always``, or with three replicas or more; by default NATS syncs
every two minutes.

A message is sent again under the same ``Nats-Msg-Id`` until it is acknowledged, for as long as the caller waits, which is far below
the time that the server remembers those ids for. Messages are read by number ("direct get", NATS 2.11 and later), so nothing of a
reader is kept at the broker; what a replica that lags does not have yet, is asked of the leader before it is called lost. A stream
may have other subjects: what came by those has a position, and no content here.

Credentials come from the variables that the ``nats`` tool has: ``NATS_CREDS`` (a file), ``NATS_NKEY`` (a file), ``NATS_TOKEN``, or
``NATS_USER`` and ``NATS_PASSWORD``; TLS by ``tls://`` or ``NATS_CA``, with ``NATS_CERT`` and ``NATS_KEY`` for the client's own.
"""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
import threading
import time
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

from greencloud.errors import ConfigError, GreencloudError, LogUnavailableError, MissingExtraError, StorageFullError
from greencloud.telemetry.shared_log import Bounds

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.js import JetStreamContext
    from nats.js.api import StreamInfo

__all__ = ["NatsLog"]

_LOG: Final = logging.getLogger("greencloud.telemetry")
_T = TypeVar("_T")

_ANSWER_S: Final = 5.0
_PUT_S: Final = 10.0  # exporters wait as long
_TRY_S: Final = 3.0
_AWAY_S: Final = 1.0  # who takes telemetry holds a thread meanwhile, and others wait for one
_IDLE_S: Final = 0.2
_KEPT_S: Final = 7 * 86_400.0
_TWICE_S: Final = 120.0
_BATCH: Final = 256
_BATCH_BYTES: Final = 16 << 20
_LARGEST_PART: Final = 1 << 20
_HEADERS: Final = 1 << 10
_FULL: Final = frozenset({10047, 10023, 10054, 10077})  # no storage left, no resources, the stream's most messages and bytes


class NatsLog:
    """The stream ``stream`` of the servers, whose addresses are without credentials. It connects when it is first asked."""

    def __init__(self, servers: Sequence[str], stream: str, environment: Mapping[str, str]) -> None:
        _nats()
        self._part_bytes = 0
        self.subject = f"greencloud.log.{stream}"
        self._stream = stream
        self._servers = list(servers)
        self._environment = environment
        self._name = ""
        self._client: Client | None = None
        self._connecting: asyncio.Lock | None = None
        self._closed = False
        self._refused_at = -_AWAY_S
        self._credentials_refused = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="greencloud-nats", daemon=True)
        self._thread.start()

    @property
    def name(self) -> str:
        if not self._name:
            self._ask(self._js(), _ANSWER_S)
        return self._name

    @property
    def part_bytes(self) -> int:
        return self._part_bytes if self.name else 0  # what the server takes is known once it was asked

    def put(self, message: bytes, number: str) -> int:
        return self._ask(self._put(message, number), _PUT_S)

    def get(self, position: int) -> bytes | None:
        return self._ask(self._get(position), _ANSWER_S)

    def bounds(self) -> Bounds:
        state = self._ask(self._info(), _ANSWER_S).state
        return Bounds(state.first_seq or 1, state.last_seq)

    def read(self, after: int) -> Iterator[list[tuple[int, bytes]]]:
        while True:
            found = self._ask(self._batch(after + 1), _ANSWER_S)
            if found:
                after = found[-1][0]
            yield found

    def close(self) -> None:
        """Closing twice is no error."""
        if self._closed:
            return
        self._closed = True
        try:
            asyncio.run_coroutine_threadsafe(self._leave(), self._loop).result(_ANSWER_S)
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def _ask(self, question: Coroutine[Any, Any, _T], seconds: float) -> _T:
        nats = _nats()
        if self._closed:
            question.close()
            raise self._silent("it was closed")
        future = asyncio.run_coroutine_threadsafe(question, self._loop)
        try:
            return future.result(seconds + _ANSWER_S)
        except GreencloudError:
            raise
        except (FutureTimeoutError, TimeoutError):
            future.cancel()
            raise self._silent("no answer in time") from None
        except (nats.errors.AuthorizationError, nats.errors.InvalidUserCredentialsError) as error:
            raise self._unauthorised() from error
        except nats.errors.NoServersError as error:
            if self._credentials_refused:
                raise self._unauthorised() from error
            raise self._silent("no broker takes the connection") from error
        except (nats.errors.Error, OSError) as error:
            raise self._silent(f"{type(error).__name__}") from error

    def _unauthorised(self) -> GreencloudError:
        return self._silent("it refuses our credentials", advice="check NATS_CREDS, or NATS_USER and NATS_PASSWORD")

    def _silent(
        self, why: str, advice: str = "see that the broker runs and can be reached; senders will try again"
    ) -> GreencloudError:
        return LogUnavailableError(f"the shared log {self._stream} at {', '.join(self._servers)}: {why}", advice=advice)

    async def _js(self) -> JetStreamContext:
        """The connection, made where there is none, to a stream that will do."""
        if self._connecting is None:
            self._connecting = asyncio.Lock()
        async with self._connecting:
            if self._client is None or self._client.is_closed:
                if time.monotonic() - self._refused_at < _AWAY_S:  # all who waited for that try are answered by it
                    raise _nats().errors.NoServersError
                try:
                    self._client = await self._connected()
                except BaseException:
                    self._refused_at = time.monotonic()
                    raise
            context = self._client.jetstream(timeout=_ANSWER_S)
            if not self._name:
                info = await self._made(context)
                created = info.created
                limits = (_LARGEST_PART, self._client.max_payload, info.config.max_msg_size or 0)
                self._part_bytes = min(limit for limit in limits if limit > 0) - _HEADERS
                self._name = f"nats/{self._stream}/{created:%Y-%m-%dT%H:%M:%S.%fZ}" if created else f"nats/{self._stream}"
            return context

    def _connected_now(self) -> bool:
        return self._client is not None and self._client.is_connected

    async def _connected(self) -> Client:
        nats, environment = _nats(), self._environment

        async def down() -> None:
            if not self._closed:
                _LOG.warning("the shared log's broker is gone; connecting again")

        async def back() -> None:
            _LOG.info("the shared log's broker is back")

        async def failed(error: Exception) -> None:
            # The library tries the next server whatever the answer was, and ends with "no servers".
            self._credentials_refused = "authorization violation" in str(error).lower()
            _LOG.debug("the shared log's broker: %s", type(error).__name__)

        options: dict[str, Any] = {
            "reconnect_time_wait": 0.2,
            "user_credentials": environment.get("NATS_CREDS"),
            "nkeys_seed": environment.get("NATS_NKEY"),
            "token": environment.get("NATS_TOKEN"),
            "user": environment.get("NATS_USER"),
            "password": environment.get("NATS_PASSWORD"),
        }
        client: Client = nats.aio.client.Client()
        await client.connect(
            servers=self._servers,
            name="greencloud",
            connect_timeout=2,
            max_reconnect_attempts=-1 if self._name else 1,
            error_cb=failed,
            disconnected_cb=down,
            reconnected_cb=back,
            tls=_tls(self._servers, environment),
            **{key: value for key, value in options.items() if value},
        )
        # The first connection is to fail soon, later ones are to be sought for ever.
        client.options["max_reconnect_attempts"] = -1
        return client

    async def _made(self, context: JetStreamContext) -> StreamInfo:
        nats = _nats()
        try:
            info: StreamInfo = await context.stream_info(self._stream)
        except nats.js.errors.NotFoundError:
            config = nats.js.api.StreamConfig(
                name=self._stream,
                subjects=[self.subject],
                description="greencloud: telemetry that was taken and not allocated yet",
                retention=nats.js.api.RetentionPolicy.LIMITS,
                storage=nats.js.api.StorageType.FILE,
                discard=nats.js.api.DiscardPolicy.NEW,
                max_age=_KEPT_S,
                duplicate_window=_TWICE_S,
                deny_delete=True,
                allow_direct=True,
            )
            info = await context.add_stream(config)
        wrong = _unfit(info, self.subject)
        if wrong:
            raise ConfigError(
                f"the stream {self._stream} {wrong}", key="--log", advice="docs/several-servers.md has the command that makes one"
            )
        return info

    async def _put(self, message: bytes, number: str) -> int:
        nats = _nats()
        began = time.monotonic()
        while True:
            passed = time.monotonic() - began
            try:
                context = await self._js()
                if not self._connected_now():
                    raise nats.errors.ConnectionReconnectingError
                ack = await context.publish(
                    self.subject, message, timeout=_TRY_S, stream=self._stream, headers={"Nats-Msg-Id": number}
                )
            except nats.js.errors.APIError as error:
                if error.err_code in _FULL:
                    raise StorageFullError(
                        f"the stream {self._stream} is full",
                        path=self._stream,
                        advice="raise its limits, or see why servers do not follow it; senders will try again",
                    ) from error
                if passed > _PUT_S:
                    raise
            except (nats.errors.Error, nats.js.errors.Error, OSError, TimeoutError):
                if passed > (_PUT_S if self._connected_now() else _AWAY_S):
                    raise
            else:
                return int(ack.seq)
            await asyncio.sleep(0.05)

    async def _info(self) -> StreamInfo:
        return await (await self._js()).stream_info(self._stream)

    async def _get(self, position: int) -> bytes | None:
        context = await self._js()
        for direct in (True, False):  # what a replica does not have yet, the leader has
            with suppress(_nats().js.errors.NotFoundError):
                found = await context.get_msg(self._stream, seq=position, direct=direct)
                return self._ours(found.subject, found.data)
        return None

    async def _batch(self, first: int) -> list[tuple[int, bytes]]:
        """Messages from a position on, or none after a moment's wait."""
        await self._js()
        client = self._client
        assert client
        inbox = client.new_inbox()
        answers = await client.subscribe(inbox)
        found: list[tuple[int, bytes]] = []
        try:
            asked = {"seq": first, "batch": _BATCH, "max_bytes": _BATCH_BYTES, "next_by_subj": ">"}
            await client.publish(f"$JS.API.DIRECT.GET.{self._stream}", json.dumps(asked).encode(), reply=inbox)
            while True:
                answer = await answers.next_msg(timeout=_ANSWER_S)
                headers = answer.headers or {}
                if "Nats-Sequence" not in headers:
                    if headers.get("Status") not in {"204", "404"}:
                        raise self._silent(f"no direct get: {headers.get('Status', 'no status')}")
                    break
                found.append((int(headers["Nats-Sequence"]), self._ours(headers.get("Nats-Subject"), answer.data)))
        finally:
            await answers.unsubscribe()
        if not found:
            await asyncio.sleep(_IDLE_S)
        return found

    def _ours(self, subject: str | None, message: bytes | None) -> bytes:
        """A message; nothing where it came by another subject of the stream, whose writers are none of ours whatever it says."""
        return message or b"" if subject == self.subject else b""

    async def _leave(self) -> None:
        if self._client is not None:
            with suppress(_nats().errors.Error, OSError):  # the server may be gone already
                await self._client.close()
        while tasks := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _unfit(info: StreamInfo, subject: str) -> str:
    """Why a stream cannot be a shared log; "" when it can."""
    config = info.config
    if subject not in (config.subjects or []):
        return f"does not take {subject}"
    if str(config.retention or "limits") != "limits" or str(config.storage or "file") != "file":
        return "keeps messages in memory, or only until somebody has read them"
    if not config.allow_direct:
        return "does not allow direct get"
    limited = max(config.max_bytes or 0, config.max_msgs or 0) > 0
    if limited and str(config.discard or "old") != "new":
        return "drops old messages when it is full, which nobody may have followed yet"
    return ""


def _tls(servers: Sequence[str], environment: Mapping[str, str]) -> ssl.SSLContext | None:
    authority = environment.get("NATS_CA")
    if not authority and not any(server.startswith("tls://") for server in servers):
        return None
    try:
        context = ssl.create_default_context(cafile=authority)
        if certificate := environment.get("NATS_CERT"):
            context.load_cert_chain(certificate, environment.get("NATS_KEY"))
    except OSError as error:
        raise ConfigError(
            f"TLS to the shared log: {error.strerror}", key="NATS_CA", advice="check NATS_CA, NATS_CERT, NATS_KEY"
        ) from error
    return context


def _nats() -> Any:
    try:
        import nats
        import nats.errors
        import nats.js.api
        import nats.js.errors
    except ImportError as error:
        raise MissingExtraError("--log nats://", extra="nats") from error
    return nats
