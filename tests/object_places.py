"""Several machines on one object store, and what somebody does to the store behind their backs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from greencloud.errors import StoreUnavailableError
from greencloud.objects.bucket import Bucket

FOLDERS = ("audit", "books", "closes")


class Unanswered(Bucket):
    """A store that takes what is created under a name with ``lost`` in it, and whose answer never comes."""

    lost = ""

    def create(self, path: Path, content: bytes) -> bool:
        made = super().create(path, content)
        if self.lost and self.lost in path.as_posix():
            raise StoreUnavailableError("the answer is lost")
        return made


def machine(folder: Path, uri: str) -> Unanswered:
    """The store as a machine sees it whose copies are in that folder."""
    return Unanswered(uri, folder, folders=FOLDERS)


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
