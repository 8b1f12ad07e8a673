"""The files of a facility book that somebody sends: what their names may be, how many and how large, and what is wrong in them.

A name is a relative path in UTF-8 with forward slashes. It may not leave the folder that the book is put in, nor be read
differently by another system; the book itself may name no file that was not sent (``examine_facility``, confined).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from greencloud.errors import FacilityError
from greencloud.server.checks import Checks
from greencloud.server.errors import RequestError

if TYPE_CHECKING:
    from greencloud.facility import Examined

__all__ = ["MOST_BYTES", "MOST_FILES", "check_files", "mistakes_in"]

MOST_FILES: Final = 256
MOST_BYTES: Final = 32 << 20
_LONGEST_PATH: Final = 200
_LONGEST_NAME: Final = 100
_DEEPEST: Final = 8


def check_files(files: Sequence[tuple[str, bytes]], checks: Checks) -> None:
    """Faults of ``files``, (path, content) each: not what they say, but where they lie and how much they are."""
    if not files:
        checks.fault("files", "is required: the book itself first")
    elif len(files) > MOST_FILES:
        checks.fault("files", f"has more than {MOST_FILES} files")
    elif sum(len(content) for _, content in files) > MOST_BYTES:
        checks.fault("files", f"has more than {MOST_BYTES} bytes")
    elif not files[0][0].endswith(".toml"):
        checks.fault("files[0].path", "must be the book itself, and end in .toml")
    else:
        seen: set[str] = set()
        for place, (path, _) in enumerate(files):
            if trouble := _trouble(path, seen):
                checks.fault(f"files[{place}].path", trouble)
            seen.add(path)


def mistakes_in(folder: Path, examined: Examined) -> RequestError:
    """The mistakes of a book that lies in ``folder`` for now: by file, line and key, in words that do not name the folder."""
    found = [(_field(folder, error), _text(folder, error)) for error in examined.errors]
    if examined.untold:
        found.append(("files", f"{examined.untold} more mistakes like these"))
    return RequestError(found)


def _trouble(path: str, seen: set[str]) -> str:
    parts = path.split("/")
    if not path or not path.isprintable() or len(path) > _LONGEST_PATH or len(parts) > _DEEPEST:
        return f"must be a path of at most {_LONGEST_PATH} printable characters"
    if any(part in ("", ".", "..") or part != part.strip() or len(part.encode()) > _LONGEST_NAME for part in parts):
        return "must be relative, without empty parts, '.' and '..'"
    if any(letter in path for letter in '\\:<>|"?*'):
        return "must be of letters that every system takes in names of files"
    if path in seen or any(other.startswith(f"{path}/") or path.startswith(f"{other}/") for other in seen):
        return "is where another file lies"
    return ""


def _field(folder: Path, error: FacilityError) -> str:
    place = error.path.removeprefix(f"{folder}/")
    return " ".join(filter(None, (f"{place}:{error.line}" if error.line else place, error.key))) or "files"


def _text(folder: Path, error: FacilityError) -> str:
    where = f"{error.path}:{error.line}: " if error.path and error.line else f"{error.path}: "
    said = "; ".join(filter(None, (error.message.removeprefix(where), error.advice)))
    return " ".join(said.replace(f"{folder}/", "").split())
