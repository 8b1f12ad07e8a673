"""Statements, and the entries of the log of roots that they are verified against."""

from __future__ import annotations

from greencloud.results import RootLogEntry, Statement
from greencloud.v1 import statement_pb2
from greencloud.wire.quantities import instant_from_message, instant_to_message

__all__ = ["log_entry_from_message", "log_entry_to_message", "statement_from_message", "statement_to_message"]


def statement_to_message(statement: Statement) -> statement_pb2.Statement:
    return statement_pb2.Statement(
        account=statement.account, period=statement.period, statement=statement.statement, root=statement.root
    )


def statement_from_message(message: statement_pb2.Statement) -> Statement:
    return Statement(message.account, message.period, message.statement, message.root)


def log_entry_to_message(entry: RootLogEntry) -> statement_pb2.RootLogEntry:
    return statement_pb2.RootLogEntry(
        index=entry.index,
        period=entry.period,
        start_time=None if entry.start is None else instant_to_message(entry.start),
        end_time=None if entry.end is None else instant_to_message(entry.end),
        create_time=instant_to_message(entry.created),
        restates_index=entry.restates,
        key_fingerprint=entry.key_fingerprint,
        entry=entry.entry,
    )


def log_entry_from_message(message: statement_pb2.RootLogEntry) -> RootLogEntry:
    return RootLogEntry(
        index=message.index,
        created=instant_from_message(message.create_time),
        key_fingerprint=message.key_fingerprint,
        entry=message.entry,
        period=message.period,
        start=instant_from_message(message.start_time) if message.HasField("start_time") else None,
        end=instant_from_message(message.end_time) if message.HasField("end_time") else None,
        restates=message.restates_index if message.HasField("restates_index") else None,
    )
