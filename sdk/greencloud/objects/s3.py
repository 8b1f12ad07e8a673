"""An object store of the S3 kind, asked for objects by their keys under one ``s3://BUCKET/PREFIX``.

A put only creates (``If-None-Match: *``), so nothing is ever changed. One whose answer is lost is sent again, and meets itself.
With each object goes the SHA-256 of its content.

**Faults.** Who asks for an object that is not there is told so. Everything else (no route, no answer, no leave) is
StoreUnavailableError and says nothing of any object.

Endpoint, region and credentials come from the usual variables of the environment (``AWS_ENDPOINT_URL``, ``AWS_REGION``,
``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``, ``AWS_SESSION_TOKEN``, ``AWS_ALLOW_HTTP``), from the profile of static keys that
``AWS_PROFILE`` names, or from the machine's role. They are held in memory only.
"""

from __future__ import annotations

import configparser
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from greencloud.errors import MissingExtraError, StoreError, StoreUnavailableError

__all__ = ["S3", "Found", "checked_uri", "unavailable"]

_DIGEST: Final = "sha256"
_TRIES: Final = 3
_ANSWER: Final = timedelta(seconds=120)  # for the whole of a large segment
_CONNECT: Final = timedelta(seconds=5)
_RETRY: Final = timedelta(seconds=10)
_URI: Final = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])((?:/[A-Za-z0-9_=.-]+)*)")


@dataclass(frozen=True, slots=True)
class Found:
    """An object that is there. ``digest``: the SHA-256 that was put with it; "" where there was none. ``content``: its parts."""

    size: int
    modified: datetime
    digest: str
    content: Iterator[bytes] = field(repr=False)


class S3:
    """The objects under ``uri``. Raises StoreUnavailableError from everything."""

    def __init__(self, uri: str) -> None:
        _obstore()
        self.uri = checked_uri(uri)
        self._made: tuple[int, Any] | None = None

    @property
    def delta_options(self) -> dict[str, str]:
        """What Delta is told beside the environment."""
        return {
            "timeout": f"{_ANSWER.seconds}s",
            "connect_timeout": f"{_CONNECT.seconds}s",
            "max_retries": str(_TRIES),
            "retry_timeout": f"{_RETRY.seconds}s",
            "aws_conditional_put": "etag",
            **_profile(),
        }

    @contextmanager
    def get(self, key: str) -> Iterator[Found | None]:
        """An object, to be read within the context. Errors of the file system there are StoreUnavailableError as well: a copy that
        cannot be kept says nothing of the object."""
        with self._asking() as (obs, store):
            try:
                found = obs.get(store, key)
            except FileNotFoundError:
                found = None
            yield found and _found(found)

    def content(self, key: str) -> bytes | None:
        """A small object whole; None where there is none."""
        with self.get(key) as found:
            return b"".join(found.content) if found else None

    def tail(self, key: str, length: int) -> tuple[bytes, int] | None:
        """The end of an object, and its whole size."""
        with self._asking() as (obs, store):
            try:
                found = obs.get(store, key, options={"range": {"suffix": length}})
            except FileNotFoundError:
                return None
            return bytes(found.bytes()), int(found.meta["size"])

    def digest(self, key: str) -> str | None:
        """The SHA-256 that was put with an object, "" where there was none; None: there is no object."""
        with self._asking() as (obs, store):
            try:
                return _found(obs.get(store, key, options={"head": True})).digest
            except FileNotFoundError:
                return None

    def create(self, key: str, content: bytes) -> bool:
        """Put a new object. False, with nothing changed: another one has its key."""
        digest = sha256(content).hexdigest()
        with self._asking() as (obs, store):
            try:
                obs.put(store, key, content, mode="create", use_multipart=False, attributes={_DIGEST: digest})
            except obs.exceptions.AlreadyExistsError:
                return self.digest(key) == digest
        return True

    def listed(self, folder: str, prefix: str = "", *, below: bool = False) -> Iterator[tuple[str, int, datetime]]:
        """Name, size and time of the objects of a folder whose names begin so, in order of name; with ``below`` of those in folders
        of it too, named by their paths in it."""
        with self._asking() as (obs, store):
            # Listings know whole folders only; what lies before the first name that is wanted is left out by its offset.
            listing = obs.list(store, prefix=folder, offset=f"{folder}/{prefix}" if prefix else None)
            for metas in listing:
                for meta in metas:
                    name = meta["path"].removeprefix(f"{folder}/")
                    if not name.startswith(prefix):
                        return
                    if below or "/" not in name:
                        yield name, meta["size"], meta["last_modified"]

    def under(self, folder: str = "") -> Iterator[tuple[str, int, datetime]]:
        """Key, size and time of the objects of a folder and all below it, in order of key."""
        with self._asking() as (obs, store):
            for metas in obs.list(store, prefix=folder or None):
                for meta in metas:
                    yield meta["path"], meta["size"], meta["last_modified"]

    def delete(self, key: str) -> None:
        with self._asking() as (obs, store):
            obs.delete(store, key)

    @contextmanager
    def _asking(self) -> Iterator[tuple[Any, Any]]:
        """The library and the store, which does not outlive a fork."""
        obs = _obstore()
        try:
            if self._made is None or self._made[0] != os.getpid():
                self._made = os.getpid(), _store(self.uri)
            yield obs, self._made[1]
        except (obs.exceptions.BaseError, OSError) as error:
            refused = isinstance(error, (obs.exceptions.PermissionDeniedError, obs.exceptions.UnauthenticatedError))
            raise unavailable(self.uri, str(error), refused=refused) from error


def checked_uri(uri: str) -> str:
    """``s3://BUCKET/PREFIX`` as it is kept. Raises StoreError, which does not repeat what may hold a password."""
    wanted = uri.rstrip("/")
    if not _URI.fullmatch(wanted) or {".", ".."} & set(wanted.split("/")):
        raise StoreError(
            "the place is not of the form s3://BUCKET/PREFIX",
            advice="a prefix has letters, digits, and any of _ = . - /; credentials and endpoint come from AWS_ variables",
        )
    return wanted


def unavailable(where: str, told: str, *, refused: bool = False) -> StoreUnavailableError:
    """What is raised for a fault that says nothing of the objects. Of a library's text the first line tells."""
    text = re.sub(r"<\?xml.*|Debug source:.*", "", told.partition("\n")[0])[:500].strip(" :-")
    text = re.sub(r"//[^/@\s]*@", "//", text)  # of an endpoint that somebody put a password into
    if refused or "403 Forbidden" in text or "401 Unauthorized" in text:
        advice = "check the credentials, and that they may get, put, delete and list there"
    elif os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://") and not _plain():
        advice = "AWS_ENDPOINT_URL is without TLS: set AWS_ALLOW_HTTP=true if that is meant, else give an address of https://"
    else:
        advice = (
            "check the network, AWS_ENDPOINT_URL and the credentials, then do it again: what was acknowledged is kept, and what is "
            "posted twice counts once"
        )
    return StoreUnavailableError(f"{where}: {text}", path=where, advice=advice)


def _found(found: Any) -> Found:
    meta = found.meta
    return Found(meta["size"], meta["last_modified"], str(found.attributes.get(_DIGEST, "")), found.stream())


def _store(uri: str) -> Any:
    matched = _URI.fullmatch(uri)
    assert matched, "checked before"
    client: dict[str, Any] = {"timeout": _ANSWER, "connect_timeout": _CONNECT}
    if _plain():
        client["allow_http"] = True
    backoff = {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=2), "base": 2}
    return _obstore().store.S3Store(
        matched[1],
        prefix=matched[2].removeprefix("/") or None,
        client_options=client,
        retry_config={"max_retries": _TRIES, "retry_timeout": _RETRY, "backoff": backoff},
        **_profile(),
    )


def _plain() -> bool:
    return os.environ.get("AWS_ALLOW_HTTP", "").lower() in {"1", "true"}


def _obstore() -> Any:
    try:
        import obstore
        import obstore.exceptions
        import obstore.store
    except ModuleNotFoundError as error:
        raise MissingExtraError("object storage", extra="s3") from error
    return obstore


def _profile() -> dict[str, str]:
    """The static keys of the profile that ``AWS_PROFILE`` names, where the environment has none itself.

    Raises:
        StoreUnavailableError: there is no such profile, or it has no keys of its own.
    """
    name = os.environ.get("AWS_PROFILE")
    if not name or os.environ.get("AWS_ACCESS_KEY_ID"):
        return {}
    path = Path(os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or Path.home() / ".aws" / "credentials")
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(path)
        keys = dict(parser[name])
        found = {key: keys[key] for key in ("aws_access_key_id", "aws_secret_access_key")}
    except (configparser.Error, KeyError, OSError, UnicodeDecodeError):
        raise StoreUnavailableError(
            f"{path}: the profile {name!r} has no keys",
            path=str(path),
            advice="of other profiles, put their keys into the environment: aws configure export-credentials --format env",
        ) from None
    return found | ({"aws_session_token": keys["aws_session_token"]} if "aws_session_token" in keys else {})
