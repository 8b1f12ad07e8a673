"""A lake of raw telemetry: files that nobody has laid out by site and window, in a folder or under ``s3://BUCKET/PREFIX``.

::

    …/role=provider/…/*.jsonl                     OTLP of the provider's agents
    …/role=tenant/account=ACCOUNT/…/*.binpb.gz    OTLP of a tenant
    …/*.wal                                       segments of a log of ours, of which each record says whose it is

Whose a file of OTLP is follows from where the operator's own intake put it, never from what is in it. So a log may not lie in a
place that says whose it is: what a tenant can put there would speak for anybody. The kinds of files are those
of ``greencloud ingest``. Names that begin with ``_`` or ``.``, and folders of such names, are left alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from greencloud.engine.ingest import OTLP_SUFFIXES
from greencloud.errors import UsageDataError
from greencloud.objects.tree import tree_at
from greencloud.telemetry import Record, records_from_file
from greencloud.telemetry.admission import account_fault
from greencloud.telemetry.segment import SUFFIX, read_segment
from greencloud.telemetry.take import judged
from greencloud.telemetry.tidings import Tidings

__all__ = ["RawFile", "raw_files", "raw_records"]

_ADVICE: Final = "put it under role=provider/ or role=tenant/account=ACCOUNT/, as the intake that took it knows whose it is"

_LOG_ADVICE: Final = "put logs of servers where nobody but they can write, outside of role= and account= folders"


@dataclass(frozen=True, slots=True, order=True)
class RawFile:
    """``name``: in the lake. ``role`` "" is of a log, whose records say it themselves."""

    name: str
    size: int
    role: str = ""
    account: str = ""


def raw_files(uri: str) -> tuple[list[RawFile], list[str]]:
    """The files of a raw lake in order of name, and the names of those that are neither OTLP nor a log.

    Raises:
        UsageDataError: it cannot be told whose a file is.
        StoreError, StoreUnavailableError: the lake cannot be read.
    """
    found, others = [], []
    for name, size in sorted(tree_at(uri).files()):
        parts = name.split("/")
        if any(part.startswith(("_", ".")) for part in parts):
            continue
        kind = parts[-1].lower().removesuffix(".gz")
        if parts[-1].endswith(SUFFIX):
            if _said(parts[:-1]):  # its records would say of themselves whose they are, in a place that says it
                raise UsageDataError("a log lies in the place of one sender", path=f"{uri}/{name}", advice=_LOG_ADVICE)
            found.append(RawFile(name, size))
        elif kind.endswith(OTLP_SUFFIXES):
            found.append(RawFile(name, size, *_owner(uri, name, parts[:-1])))
        else:
            others.append(name)
    return found, others


def raw_records(uri: str, file: RawFile, tidings: Tidings) -> Iterator[Record]:
    """The records of a file, as intake would have taken them; what is rejected is counted.

    Raises:
        DecodeError: a file is not what its name says.
        StoreError: a log is damaged.
        NotFoundError, StoreUnavailableError: the file cannot be read.
    """
    tidings.add("files", 1)
    with tree_at(uri).local(file.name) as path:
        if not file.role:
            for record in read_segment(path).records():
                tidings.add("requests", 1)
                yield record
            return
        for sent in records_from_file(path, role=file.role, account=file.account, received_ns=0):
            admission, kept = judged(sent.signal, sent.payload, role=file.role, account=file.account, received_ns=0, live=False)
            tidings.add("requests", 1)
            if admission.rejected:
                tidings.dead("").add_many("items rejected", admission.rejected, f"{file.name}: {admission.message}")
            if kept:
                yield kept


def _said(folders: list[str]) -> list[tuple[str, ...]]:
    """What a place says of whose a file is."""
    return [tuple(folder.split("=", 1)) for folder in folders if folder.startswith(("role=", "account="))]


def _owner(uri: str, name: str, folders: list[str]) -> tuple[str, str]:
    match _said(folders):
        case [("role", "provider")]:
            return "provider", ""
        case [("role", "tenant"), ("account", text)]:
            account = unquote(text)
            if not (fault := account_fault(account)):
                return "tenant", account
            raise UsageDataError(fault, path=f"{uri}/{name}", advice=_ADVICE)
        case _:
            raise UsageDataError("whose telemetry a file holds is not told by its place", path=f"{uri}/{name}", advice=_ADVICE)
