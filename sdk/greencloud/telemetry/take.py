"""Taking a request: admitted, then appended to the log, and only then may it be acknowledged."""

from __future__ import annotations

from greencloud.telemetry.admission import Admission, admit
from greencloud.telemetry.record import Record
from greencloud.telemetry.shared_log import RecordLog

__all__ = ["judged", "take"]


def take(log: RecordLog, signal: str, payload: bytes, *, role: str, account: str, received_ns: int, live: bool) -> Admission:
    """Judge a request and keep what is ours of it; when this returns that is durable.

    Raises:
        DecodeError: the bytes are not an OTLP export request of that signal, or a tenant has no account.
        StorageFullError, StoreError: it could not be kept; nothing of it was.
        LogUnavailableError: a shared log did not answer; it may have been kept.
    """
    admission, record = judged(signal, payload, role=role, account=account, received_ns=received_ns, live=live)
    if record:
        log.append(record)
    return admission


def judged(
    signal: str, payload: bytes, *, role: str, account: str, received_ns: int, live: bool
) -> tuple[Admission, Record | None]:
    """What to answer to a request, and its record where there is anything to keep.

    Raises:
        DecodeError: as ``take``.
    """
    admission = admit(signal, payload, role=role, account=account, received_ns=received_ns, live=live)
    if not admission.kept:
        return admission, None
    late = admission.late > 0
    return admission, Record(signal, role, account, received_ns, payload, live, admission.first_ns, admission.last_ns, late)
