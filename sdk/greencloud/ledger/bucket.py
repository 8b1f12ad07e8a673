"""The objects of a ledger in an object store of the S3 kind, with the ledger's folder as a cache of them.

Objects lie at ``s3://BUCKET/PREFIX/`` under the paths that they have in the folder, beside the Delta table's log. A file that is not
in the folder is fetched when it is wanted: written aside, compared with the size and the SHA-256 that were put with it, renamed. What
is written goes the other way, by a put that only creates (``If-None-Match: *``) and so never changes anything. A put whose answer is
lost is sent again, and then meets itself.

Of Parquet segments that are not here only the footer is read for their headers, and these are kept beside the copies.

**Faults.** That an object is not there, or not what was put, is damage: StoreError, as for a local file. Everything else (no route, no
answer, no leave, no room for a copy) is StoreUnavailableError and says nothing of any object, so that nobody takes a window for lost
because the network was.

Endpoint, region and credentials come from the usual variables of the environment (``AWS_ENDPOINT_URL``, ``AWS_REGION``,
``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``, ``AWS_SESSION_TOKEN``, ``AWS_ALLOW_HTTP``), from the profile of static keys that
``AWS_PROFILE`` names, or from the machine's role. They are held in memory only.
"""

from __future__ import annotations

import configparser
import io
import os
import re
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import IO, Any, Final, TypeVar

from greencloud.errors import MissingExtraError, StoreError, StoreUnavailableError
from greencloud.ledger.cache import BOUND, Cache
from greencloud.ledger.objects import Objects, Stored

__all__ = ["Bucket", "checked_uri", "unavailable"]

T = TypeVar("T")

_FOLDERS: Final = ("segments", "rollups/day", "rollups/month", "restatements", "headers")
_HEADERS: Final = "headers"
_DIGEST: Final = "sha256"
_AT_ONCE: Final = 16
_FOOTER: Final = 1 << 16
_ABSENT_S: Final = 60.0  # so long an object that was not there is not asked for again
_FEW: Final = 32  # objects: more are looked up by listing their folder
_TRIES: Final = 3
_URI: Final = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])((?:/[A-Za-z0-9_=.-]+)*)")


def checked_uri(uri: str) -> str:
    """``s3://BUCKET/PREFIX`` as it is kept. Raises StoreError, which does not repeat what may hold a password."""
    wanted = uri.rstrip("/")
    if not _URI.fullmatch(wanted) or "/.." in wanted or "/./" in f"{wanted}/":
        raise StoreError(
            "the place of the ledger is not of the form s3://BUCKET/PREFIX",
            advice="a prefix has letters, digits, and any of _ = . - /; credentials and endpoint come from AWS_ variables",
        )
    return wanted


class Bucket(Objects):
    """The objects under ``uri``, with copies of them in the folder ``root``, of ``bound`` bytes at most (``greencloud.ledger.cache``)."""

    __slots__ = ("_absent", "_cache", "_made", "_root", "uri")

    remote = True

    def __init__(self, uri: str, root: Path, *, bound: int = BOUND, in_use_s: float = 60.0) -> None:
        _obstore()
        self.uri = checked_uri(uri)
        self._root = root.absolute()
        self._cache = Cache([self._root / folder for folder in _FOLDERS], bound, in_use_s=in_use_s)
        self._absent: dict[Path, float] = {}
        self._made: tuple[int, Any] | None = None

    @property
    def options(self) -> dict[str, str]:
        return {
            "timeout": "30s",
            "connect_timeout": "5s",
            "max_retries": str(_TRIES),
            "retry_timeout": "10s",
            "aws_conditional_put": "etag",
            **_profile(),
        }

    def read(self, paths: Sequence[Path], action: Callable[[], T]) -> T:
        with self._cache.holding(paths):
            self._fetch(paths)
            try:
                return action()
            except StoreError:
                if not self._mended(paths):
                    raise
            return action()

    def gather(self, paths: Sequence[Path]) -> bool:
        """Fetch what is in the store of these; whether all were."""
        lacking: list[Path] = []

        def fetch(path: Path) -> None:
            if not self._cache.has(path) and not self._get(path):
                self._absent[path] = time.monotonic() + _ABSENT_S
                lacking.append(path)

        self.each(fetch, paths)
        return not lacking

    def absent(self, path: Path) -> bool:
        """Whether an object was not there when it was last looked for, and that was lately."""
        until = self._absent.get(path)
        if until is not None and until < time.monotonic():
            self._absent.pop(path, None)
            return False
        return until is not None

    def header(self, path: Path, parse: Callable[[Path | IO[bytes], Path], bytes]) -> bytes:
        kept = self._root / _HEADERS / path.name
        with suppress(FileNotFoundError):
            if self._cache.has(kept):
                content = kept.read_bytes()
                if sha256(content[32:]).digest() == content[:32]:
                    return content[32:]
        content = self.read([path], lambda: parse(path, path)) if self._cache.has(path) else parse(self._footer(path), path)
        with self._asking():
            self._keep(kept, sha256(content).digest() + content)
        return content

    def each(self, action: Callable[[Path], object], paths: Iterable[Path]) -> None:
        wanted = list(paths)
        if len(wanted) < 2:
            super().each(action, wanted)
            return
        with ThreadPoolExecutor(min(_AT_ONCE, len(wanted))) as pool:
            for each in [pool.submit(action, path) for path in wanted]:
                each.result()

    def put(self, paths: Sequence[Path]) -> None:
        self.each(self._put, paths)

    def create(self, path: Path, content: bytes) -> bool:
        """Put an object that has no file here. False: another one has its name."""
        obs, store = self._store()
        with self._asking():
            try:
                obs.put(store, self._key(path), content, mode="create", use_multipart=False)
            except obs.exceptions.AlreadyExistsError:
                return self.content(path) == content  # of a put that was sent again
        return True

    def content(self, path: Path) -> bytes | None:
        """An object that is kept no copy of; None where there is none."""
        obs, store = self._store()
        with self._asking():
            try:
                return bytes(obs.get(store, self._key(path)).bytes())
            except FileNotFoundError:
                return None

    def exists(self, path: Path) -> bool:
        return self._digest(path) is not None

    def names(self, folder: Path, prefix: str = "") -> list[str]:
        found = []
        for path, _, _ in self._listed(folder, prefix):
            if not path.name.startswith(prefix):
                break
            found.append(path.name)
        return found

    def stored(self, folder: Path) -> list[Stored]:
        return [Stored(path, size, modified) for path, size, modified in self._listed(folder, "")]

    def missing(self, paths: Sequence[Path]) -> set[Path]:
        if len(paths) > _FEW:
            there = {folder: set(self.names(folder)) for folder in {path.parent for path in paths}}
            return {path for path in paths if path.name not in there[path.parent]}
        lacking: set[Path] = set()
        self.each(lambda path: None if self.exists(path) else lacking.add(path), paths)
        return lacking

    def remove(self, path: Path) -> None:
        obs, store = self._store()
        with self._asking():
            obs.delete(store, self._key(path))
            path.unlink(missing_ok=True)
            (self._root / _HEADERS / path.name).unlink(missing_ok=True)

    def _fetch(self, paths: Sequence[Path]) -> None:
        def fetch(path: Path) -> None:
            if not self._get(path):
                raise self._lost(path)

        self.each(fetch, [path for path in paths if not self._cache.has(path)])

    def _get(self, path: Path) -> bool:
        """Fetch an object. False: there is none. Raises StoreError where it is not what was put."""
        obs, store = self._store()
        with self._asking():
            try:
                found = obs.get(store, self._key(path))
            except FileNotFoundError:
                return False
            told, meta, digest, size = found.attributes.get(_DIGEST), found.meta, sha256(), 0
            path.parent.mkdir(parents=True, exist_ok=True)
            aside = path.parent / f".{path.name}.{secrets.token_hex(8)}.part"
            try:
                with aside.open("xb") as file:
                    for chunk in found.stream():
                        size += file.write(chunk)
                        digest.update(chunk)
                if size != meta["size"] or told not in {None, digest.hexdigest()}:
                    where = self._named(path)
                    raise StoreError(f"{where}: the content is not what was put", path=where, advice="restore it from a backup")
                os.utime(aside, (time.time(), meta["last_modified"].timestamp()))
                aside.rename(path)
            finally:
                aside.unlink(missing_ok=True)
        self._cache.added(size)
        return True

    def _mended(self, paths: Sequence[Path]) -> bool:
        """Fetch anew what was removed meanwhile, and copies that are not what was put; whether there were any."""
        mended: list[Path] = []

        def mend(path: Path) -> None:
            try:
                own = sha256(path.read_bytes()).hexdigest()
            except FileNotFoundError:
                own = ""
            told = self._digest(path)
            if told is None:
                raise self._lost(path)
            if not own or (told and told != own):
                path.unlink(missing_ok=True)
                self._get(path)
                mended.append(path)

        self.each(mend, paths)
        return bool(mended)

    def _put(self, path: Path) -> None:
        obs, store = self._store()
        with self._asking():
            content = path.read_bytes()
            digest = sha256(content).hexdigest()
            try:
                obs.put(store, self._key(path), content, mode="create", use_multipart=False, attributes={_DIGEST: digest})
            except obs.exceptions.AlreadyExistsError:
                if self._digest(path) != digest:
                    path.unlink(missing_ok=True)  # what is read here is what everybody reads
        self._absent.pop(path, None)
        self._cache.added(len(content))

    def _digest(self, path: Path) -> str | None:
        """The SHA-256 that was put with an object, "" where there was none; None: there is no object."""
        obs, store = self._store()
        with self._asking():
            try:
                found = obs.get(store, self._key(path), options={"head": True})
            except FileNotFoundError:
                return None
            return str(found.attributes.get(_DIGEST, ""))

    def _footer(self, path: Path) -> IO[bytes]:
        """A Parquet file of the object's footer alone."""
        obs, store = self._store()
        wanted = _FOOTER
        with self._asking():
            while True:
                try:
                    found = obs.get(store, self._key(path), options={"range": {"suffix": wanted}})
                except FileNotFoundError:
                    raise self._lost(path) from None
                content, whole = bytes(found.bytes()), found.meta["size"]
                length = int.from_bytes(content[-8:-4], "little") + 8
                if length <= len(content) or len(content) >= whole:
                    return io.BytesIO(b"PAR1" + content[-length:])
                wanted = min(length, whole)

    def _listed(self, folder: Path, prefix: str) -> Iterator[tuple[Path, int, Any]]:
        """Path, size and time of what lies in a folder from a prefix on, in order of name."""
        obs, store = self._store()
        key = self._key(folder)
        with self._asking():
            # The prefix of a listing is of whole folders; what lies before the wanted name is left out by its offset.
            listing = obs.list(store, prefix=key, offset=f"{key}/{prefix}" if prefix else None)
            found = sorted((meta["path"], meta["size"], meta["last_modified"]) for metas in listing for meta in metas)
        for path, size, modified in found:
            name = path.removeprefix(f"{key}/")
            if "/" not in name:
                yield folder / name, size, modified

    def _keep(self, path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.parent / f".{path.name}.{secrets.token_hex(8)}.part"
        aside.write_bytes(content)
        aside.rename(path)
        self._cache.added(len(content))

    def _key(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()

    def _named(self, path: Path) -> str:
        return f"{self.uri}/{self._key(path)}"

    def _lost(self, path: Path) -> StoreError:
        where = self._named(path)
        return StoreError(
            f"{where}: the object is missing", path=where, advice="restore it from a backup, or allocate its window again"
        )

    def _store(self) -> tuple[Any, Any]:
        """The library and the store, which does not outlive a fork."""
        obs = _obstore()
        if self._made is None or self._made[0] != os.getpid():
            bucket, prefix = _URI.fullmatch(self.uri).groups()  # type: ignore[union-attr] # checked when it was made
            client: dict[str, Any] = {"timeout": timedelta(seconds=30), "connect_timeout": timedelta(seconds=5)}
            if os.environ.get("AWS_ALLOW_HTTP", "").lower() in {"1", "true"}:
                client["allow_http"] = True
            backoff = {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=2), "base": 2}
            retry = {"max_retries": _TRIES, "retry_timeout": timedelta(seconds=10), "backoff": backoff}
            with self._asking():
                made = obs.store.S3Store(
                    bucket,
                    prefix=prefix.removeprefix("/") or None,
                    client_options=client,
                    retry_config=retry,
                    **_profile(),
                )
            self._made = os.getpid(), made
        return obs, self._made[1]

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Turn what the library and the system raise into StoreUnavailableError."""
        obs = _obstore()
        try:
            yield
        except (obs.exceptions.BaseError, OSError) as error:
            refused = isinstance(error, (obs.exceptions.PermissionDeniedError, obs.exceptions.UnauthenticatedError))
            raise unavailable(self.uri, str(error), refused=refused) from error


def unavailable(where: str, told: str, *, refused: bool = False) -> StoreUnavailableError:
    """What is raised for a fault that says nothing of the objects. Of a library's text the first line tells."""
    text = re.sub(r"<\?xml.*|Debug source:.*", "", told.partition("\n")[0])[:500].strip(" :-")
    if refused or "403 Forbidden" in text or "401 Unauthorized" in text:
        advice = "check the credentials, and that they may get, put, delete and list there"
    else:
        advice = (
            "check the network, AWS_ENDPOINT_URL and the credentials, then do it again: what was acknowledged is kept, and what is "
            "posted twice counts once"
        )
    return StoreUnavailableError(f"{where}: {text}", path=where, advice=advice)


def _obstore() -> ModuleType:
    try:
        import obstore
        import obstore.exceptions
        import obstore.store
    except ModuleNotFoundError as error:
        raise MissingExtraError("a ledger on object storage", extra="s3") from error
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
