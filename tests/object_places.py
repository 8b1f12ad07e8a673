"""Several machines on one object store, and what somebody does to the store behind their backs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from greencloud.errors import StoreUnavailableError
from greencloud.objects.bucket import Bucket

FOLDERS = ("audit", "books", "closes")


def nothing(_: Path) -> None:
    """What most do before something is created."""


class Watched(Bucket):
    """A store of which somebody knows what is created, and does ``before`` it what they like.

    ``lost``: it takes what is created under a name with this in it, and its answer never comes.
    """

    lost = ""
    before: Callable[[Path], None] = staticmethod(nothing)

    def create(self, path: Path, content: bytes) -> bool:
        self.before(path)
        made = super().create(path, content)
        if self.lost and self.lost in path.as_posix():
            raise StoreUnavailableError("the answer is lost")
        return made


def machine(folder: Path, uri: str) -> Watched:
    """The store as a machine sees it whose copies are in that folder."""
    return Watched(uri, folder, folders=FOLDERS)


def raw(uri: str) -> Any:
    """The store without us."""
    from obstore.store import S3Store

    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    return S3Store(bucket, prefix=prefix, client_options={"allow_http": True})


def kept(uri: str) -> dict[str, bytes]:
    """Every object, by its key."""
    import obstore

    store = raw(uri)
    return {meta["path"]: bytes(obstore.get(store, meta["path"]).bytes()) for meta in obstore.list(store).collect()}


def put_over(uri: str, key: str, content: bytes) -> None:
    import obstore

    obstore.put(raw(uri), key, content, use_multipart=False)


def take_out(uri: str, key: str) -> None:
    import obstore

    obstore.delete(raw(uri), key)
