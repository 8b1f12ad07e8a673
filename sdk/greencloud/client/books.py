"""The files of a facility book, to be sent: the book, and what its ``[files]`` name. What they say is for the server to judge."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

from greencloud.errors import FacilityError

__all__ = ["facility_files"]


def facility_files(path: Path | str) -> list[tuple[str, bytes]]:
    """(path relative to the book, content) of a book on this machine, the book first, each file once.

    Raises:
        FacilityError: the book is not TOML, or a file cannot be read or lies outside of the book's folder.
    """
    import tomllib  # where it is used: most clients send no book

    book = Path(path)
    content = _read(book, book)
    try:
        named = tomllib.loads(content.decode("utf-8")).get("files", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FacilityError(f"is not TOML: {error}", path=str(book)) from error
    names = [name for value in named.values() for name in _texts(value)] if isinstance(named, dict) else []
    found = {book.name: content}
    for name in names:
        inside = PurePosixPath(name)
        if inside.is_absolute() or ".." in inside.parts:
            raise FacilityError(
                f"{name!r} does not lie beside the book", path=str(book), key="files", advice="put it into the folder of the book"
            )
        found.setdefault(inside.as_posix(), _read(book.parent / inside, book))
    return list(found.items())


def _texts(value: Any) -> list[str]:
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str)]


def _read(path: Path, book: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise FacilityError(f"{path} cannot be read: {error.strerror}", path=str(book), advice="check its path and mode") from error
