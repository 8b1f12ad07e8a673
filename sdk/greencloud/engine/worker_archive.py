"""What an engine's workers need of greencloud, as one zip file: for clusters on whose machines it is not installed.

In it lie the package with its compiled kernels and every distribution that its ``server`` and ``s3`` extras bring, as they are
installed here, in the layout of ``site-packages``; so a worker unpacks it and puts it on its path. Compiled code fits one Python
and one platform: ``manifest.json`` names them (``made_for``), and every side that reads it compares.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

import greencloud
from greencloud.errors import ConfigError, MissingExtraError

__all__ = ["MANIFEST", "NAME", "Manifest", "checked_archive", "this_python", "write_archive"]

NAME: Final = "greencloud-workers"
"""The folder that workers unpack it into."""

MANIFEST: Final = "manifest.json"

_ROOT: Final = "greencloud[server,s3]"
_SKIPPED: Final = {"__pycache__", "tests", "include"}  # a fifth of the files, and no worker reads one
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)  # the same files make the same archive


@dataclass(frozen=True, slots=True)
class Manifest:
    """``greencloud``: the release; ``made_for``: as ``this_python``; ``distributions``: versions by name."""

    greencloud: str
    made_for: str
    distributions: dict[str, str]


def this_python() -> str:
    """The Python and the platform that compiled code must fit, as "Python 3.11 on linux x86_64"."""
    return f"Python {sys.version_info[0]}.{sys.version_info[1]} on {sys.platform} {platform.machine()}"


def write_archive(path: Path) -> Manifest:
    """Write the archive of this installation to ``path``.

    Raises:
        MissingExtraError: what reads requirements is not installed.
    """
    found = sorted(_needed(), key=lambda each: each.name.lower())
    manifest = Manifest(greencloud.__version__, this_python(), {each.name: each.version for each in found})
    files: dict[str, Path] = {}
    for each in found:
        files |= dict(_files_of(each))
    home = Path(greencloud.__file__).parent
    files |= {str(file.relative_to(home.parent)): file for file in home.rglob("*") if file.is_file() and _wanted(file)}
    partial = path.with_name(f"{path.name}.partial")
    try:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            _add(archive, MANIFEST, json.dumps(asdict(manifest), indent=1, sort_keys=True).encode())
            for name, file in sorted(files.items()):
                _add(archive, name, file.read_bytes())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return manifest


def checked_archive(path: Path) -> Manifest:
    """What an archive says of itself.

    Raises:
        ConfigError: it is none, or of another release, Python or platform than this driver's.
    """
    again = f"make it again with greencloud cluster archive -o {path}"
    try:
        with zipfile.ZipFile(path) as archive:
            manifest = Manifest(**json.loads(archive.read(MANIFEST)))
    except (OSError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise ConfigError(f"{path} is no archive of greencloud for workers", path=str(path), advice=again) from error
    here = f"greencloud {greencloud.__version__} and {this_python()}"
    there = f"greencloud {manifest.greencloud} and {manifest.made_for}"
    if here != there:
        raise ConfigError(f"{path} is of {there}, and the driver has {here}", path=str(path), advice=again)
    return manifest


def _needed() -> Iterator[Distribution]:
    """Every distribution that the root requires, as installed here, without the root itself."""
    try:
        from packaging.requirements import Requirement
    except ImportError as error:
        raise MissingExtraError("an archive", extra="spark") from error

    seen: set[tuple[str, frozenset[str]]] = set()
    names: set[str] = set()
    waiting = [Requirement(_ROOT)]
    while waiting:
        wanted = waiting.pop()
        key = wanted.name.lower().replace("_", "-"), frozenset(wanted.extras)
        if key in seen:
            continue
        seen.add(key)
        try:
            found = distribution(wanted.name)
        except PackageNotFoundError:  # an optional one, as obstore where nothing lies in object storage
            continue
        extras = wanted.extras or {""}
        waiting += [
            requirement
            for requirement in map(Requirement, found.requires or ())
            if requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in extras)
        ]
        if key[0] not in names | {"greencloud"}:
            names.add(key[0])
            yield found


def _files_of(found: Distribution) -> Iterable[tuple[str, Path]]:
    for file in found.files or ():
        here = Path(os.path.normpath(str(file.locate())))
        if ".." not in file.parts and _wanted(Path(file)) and here.is_file():
            yield str(file), here


def _wanted(file: Path) -> bool:
    return not _SKIPPED & set(file.parts) and file.suffix not in {".a", ".pyc", ".pyi", ".pth"}


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, content, compresslevel=1)
