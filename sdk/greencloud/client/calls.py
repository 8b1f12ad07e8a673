"""What a call is made of, the same for both clients: stubs, metadata, time.

The request id is the client's own; the server's log and every error have it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypedDict

import grpc
import grpc.aio

from greencloud.client.channel import ChannelSettings
from greencloud.client.errors import REQUEST_ID
from greencloud.client.retry import Retry
from greencloud.errors import ConfigError, GreencloudError
from greencloud.v1 import (
    allocation_service_pb2_grpc,
    facility_service_pb2_grpc,
    footprint_service_pb2_grpc,
    goal_service_pb2_grpc,
    identity_service_pb2_grpc,
)

__all__ = [
    "LONG_TIMEOUT_S",
    "TIMEOUT_S",
    "UNSET",
    "AsyncConnection",
    "AwaitedStream",
    "Connection",
    "Options",
    "Stubs",
    "Unset",
    "metadata_of",
    "new_request_id",
    "positive",
]

TIMEOUT_S: Final = 30.0
LONG_TIMEOUT_S: Final = 600.0
"""Of calls that allocate, explain or stream: the work of minutes."""


class Unset:
    """The type of a value that was not given, where None means something."""


UNSET: Final = Unset()


@dataclass(frozen=True, slots=True)
class Stubs:
    """The generated stubs of every service, on the channel of a client."""

    footprint: Any
    allocation: Any
    goal: Any
    facility: Any
    identity: Any

    @classmethod
    def of(cls, channel: grpc.Channel | grpc.aio.Channel) -> Stubs:
        return cls(
            footprint_service_pb2_grpc.FootprintServiceStub(channel),
            allocation_service_pb2_grpc.AllocationServiceStub(channel),
            goal_service_pb2_grpc.GoalServiceStub(channel),
            facility_service_pb2_grpc.FacilityServiceStub(channel),
            identity_service_pb2_grpc.IdentityServiceStub(channel),
        )


class Connection:
    """A channel that was opened, with its stubs."""

    def __init__(self, settings: ChannelSettings, interceptors: Sequence[Any]) -> None:
        self.settings = settings
        self.interceptors = tuple(interceptors)
        self._channel = settings.open(interceptors)
        self._stubs = Stubs.of(self._channel)
        self._closed = False

    @property
    def stubs(self) -> Stubs:
        """Raises GreencloudError once it is closed."""
        if self._closed:
            raise _closed()
        return self._stubs

    @property
    def channel(self) -> grpc.Channel:
        """For methods without a stub. Raises GreencloudError once it is closed."""
        if self._closed:
            raise _closed()
        return self._channel

    def with_retry(self, retry: Retry) -> Connection:
        """Another connection to the same server."""
        return Connection(replace(self.settings, retry=retry), self.interceptors)

    def close(self) -> None:
        self._closed = True
        self._channel.close()


class AsyncConnection:
    """The same for asyncio. It opens at the first call, because a channel belongs to the event loop that it is made in."""

    def __init__(self, settings: ChannelSettings, interceptors: Sequence[Any]) -> None:
        self.settings = settings
        self.interceptors = tuple(interceptors)
        self._opened: tuple[asyncio.AbstractEventLoop, Any, Stubs] | None = None
        self._closed = False

    @property
    def stubs(self) -> Stubs:
        """Raises ConfigError in another event loop than that of the first call, GreencloudError once it is closed."""
        if self._closed:
            raise _closed()
        loop = asyncio.get_running_loop()
        if self._opened is None:
            channel = self.settings.open_async(self.interceptors)
            self._opened = (loop, channel, Stubs.of(channel))
        if self._opened[0] is not loop:
            raise ConfigError(
                "the client is at home in another event loop", key="loop", advice="make one AsyncClient for each event loop"
            )
        return self._opened[2]

    def with_retry(self, retry: Retry) -> AsyncConnection:
        """Another connection to the same server."""
        return AsyncConnection(replace(self.settings, retry=retry), self.interceptors)

    async def close(self) -> None:
        self._closed = True
        if self._opened is not None:
            await self._opened[1].close()


def _closed() -> GreencloudError:
    return GreencloudError("the client is closed", advice="ask within its with block, or make another one")


class AwaitedStream:
    """A streaming call that is made when it is gone through, because its credential may have to be awaited first."""

    def __init__(self, call: Callable[[], Awaitable[Any]]) -> None:
        self._make = call
        self._call: Any = None

    async def __aiter__(self) -> AsyncIterator[Any]:
        self._call = await self._make()
        async for message in self._call:
            yield message

    def cancel(self) -> None:
        """To a call that has ended it does nothing."""
        if self._call is not None:
            self._call.cancel()


class Options(TypedDict, total=False):
    """Arguments of a client that a profile does not know, or that code may say instead of it."""

    timeout: float
    root_certificates: bytes | None
    client_certificate: bytes | None
    client_key: bytes | None
    insecure: bool | None
    retry: Retry
    keepalive_s: float | None
    interceptors: Sequence[Any]
    app_info: str


def new_request_id() -> str:
    return os.urandom(16).hex()


def metadata_of(token: str | None, request_id: str) -> list[tuple[str, str]]:
    """The metadata of one call. Raises ConfigError where the token cannot stand in a header; the text does not show it."""
    metadata = [(REQUEST_ID, request_id)]
    if token is not None:
        if not token.isascii() or not token.isprintable():
            raise ConfigError("the token has characters that no token has", key="token", advice="a line break at its end, perhaps?")
        metadata.append(("authorization", f"Bearer {token}"))
    return metadata


def positive(timeout: float) -> float:
    """A timeout in seconds. Raises ConfigError."""
    if not timeout > 0:
        raise ConfigError(f"a call cannot take {timeout} s", key="timeout", advice="give the seconds that it may take, above 0")
    return timeout
