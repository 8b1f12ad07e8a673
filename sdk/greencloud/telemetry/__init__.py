"""Telemetry: OTLP admitted, logged before it is acknowledged, and collected into usage."""

from greencloud.telemetry.admission import HORIZON_NS, Admission, admit
from greencloud.telemetry.collect import Collected, collect
from greencloud.telemetry.deadletter import DeadLetter
from greencloud.telemetry.files import records_from_file
from greencloud.telemetry.record import Record
from greencloud.telemetry.store import SHORTEST, TelemetryState, TelemetryStore
from greencloud.telemetry.take import take
from greencloud.telemetry.wal import LogState, WriteAheadLog, read_log, scan_log

__all__ = [
    "HORIZON_NS",
    "SHORTEST",
    "Admission",
    "Collected",
    "DeadLetter",
    "LogState",
    "Record",
    "TelemetryState",
    "TelemetryStore",
    "WriteAheadLog",
    "admit",
    "collect",
    "read_log",
    "records_from_file",
    "scan_log",
    "take",
]
