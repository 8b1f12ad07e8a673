"""Which processes belong to which account: the provider's own knowledge, as a file.

::

    [[workloads]]
    pid = 4711                  # this process and all that it starts
    account = "acme"            # cloud.account.id
    service = "storefront"      # service.name; optional

The file may be written anew while the agent runs (services restart); it is read again when it has changed.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from greencloud.errors import UsageDataError

__all__ = ["Workload", "WorkloadFile", "read_workloads"]

_KEYS = {"pid", "account", "service"}


@dataclass(frozen=True, slots=True, order=True)
class Workload:
    pid: int
    account: str
    service: str = ""


def read_workloads(path: Path) -> tuple[Workload, ...]:
    """Read and check the file.

    Raises:
        UsageDataError: not there, not TOML, an unknown key, a pid that is not one or is given twice.
    """

    def wrong(message: str, advice: str = "") -> UsageDataError:
        return UsageDataError(message, path=str(path), advice=advice)

    try:
        book = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise wrong(f"cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise wrong(f"is not TOML: {error}") from error
    rows = book.pop("workloads", [])
    if book or not isinstance(rows, list):
        raise wrong(f"has unknown keys: {', '.join(book) or 'workloads'}", "write one [[workloads]] block for each process")
    found: dict[int, Workload] = {}
    for number, row in enumerate(rows, 1):
        where = f"workload {number}"
        if not isinstance(row, dict):
            raise wrong(f"{where} is not a block", "write one [[workloads]] block for each process")
        if unknown := set(row) - _KEYS:
            raise wrong(f"{where}: unknown keys: {', '.join(sorted(unknown))}", f"the keys are {', '.join(sorted(_KEYS))}")
        pid, account, service = row.get("pid"), row.get("account"), row.get("service", "")
        if not isinstance(pid, int) or isinstance(pid, bool) or pid < 1:
            raise wrong(f"{where}: pid {pid!r} is not a process id", "write a whole number above 0")
        if not isinstance(account, str) or not account or not isinstance(service, str):
            raise wrong(f"{where}: account and service are names", 'write account = "acme"')
        if pid in found:
            raise wrong(f"{where}: pid {pid} is given twice", "a process belongs to one account")
        found[pid] = Workload(pid, account, service)
    return tuple(sorted(found.values()))


class WorkloadFile:
    """The file as it is now; read again when its time or size has changed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.workloads = read_workloads(path)
        self._stamp = self._look()

    def changed(self) -> bool:
        """Read the file again if it is not what it was; whether it gave anything new.

        Raises:
            UsageDataError: the new content is wrong. The old workloads stay in force.
        """
        stamp = self._look()
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        before, self.workloads = self.workloads, read_workloads(self.path)
        return self.workloads != before

    def _look(self) -> tuple[int, int, int]:
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return (0, 0, 0)
        return (found.st_mtime_ns, found.st_size, found.st_ino)
