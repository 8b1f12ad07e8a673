"""From a gRPC status back to our errors, so that a caller catches the same class on both sides of the wire.

The rich status (``grpc-status-details-bin``) is a ``google.rpc.Status``. Its few fields are described here, in a descriptor pool
of our own and under names of our own, so that the client needs no further distribution and clashes with none.
"""

from __future__ import annotations

from typing import Any, Final

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError as ProtobufDecodeError

from greencloud.errors import (
    GreencloudError,
    NotFoundError,
    PermissionDeniedError,
    RemoteError,
    UnauthenticatedError,
    UnavailableError,
)

__all__ = ["error_from"]

_ADVICE: Final = {
    grpc.StatusCode.UNAVAILABLE: "check the address and that the server runs, or try again later",
    grpc.StatusCode.DEADLINE_EXCEEDED: "try again, or allow more time with timeout=",
}


def _message_classes() -> tuple[Any, Any]:
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="greencloud/client/status.proto", package="greencloud.client", syntax="proto3")

    def message(name: str, *fields: tuple[str, int, int, str]) -> descriptor_pb2.DescriptorProto:
        added = file.message_type.add(name=name)
        for label, number, kind, of in fields:
            repeated = field.LABEL_REPEATED if of else field.LABEL_OPTIONAL
            added.field.add(name=label, number=number, type=kind, label=repeated, type_name=of or None)
        return added

    text, octets, nested = field.TYPE_STRING, field.TYPE_BYTES, field.TYPE_MESSAGE
    message("Packed", ("type_url", 1, text, ""), ("value", 2, octets, ""))
    message(
        "Status", ("code", 1, field.TYPE_INT32, ""), ("message", 2, text, ""), ("details", 3, nested, ".greencloud.client.Packed")
    )
    message("Entry", ("key", 1, text, ""), ("value", 2, text, ""))
    message("ErrorInfo", ("reason", 1, text, ""), ("domain", 2, text, ""), ("metadata", 3, nested, ".greencloud.client.Entry"))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    status, info = (pool.FindMessageTypeByName(f"greencloud.client.{name}") for name in ("Status", "ErrorInfo"))
    return message_factory.GetMessageClass(status), message_factory.GetMessageClass(info)


_STATUS, _ERROR_INFO = _message_classes()


def error_from(error: Any) -> GreencloudError:
    """The error that the status stands for."""
    assert hasattr(error, "code"), "errors of a call have a status"
    code, text = error.code(), error.details() or ""
    reason, fields = _error_info(error)
    advice = fields.get("advice") or _ADVICE.get(code, "")
    message = text.removesuffix("; " + "; ".join(advice.splitlines())) or code.name
    if code is grpc.StatusCode.UNAUTHENTICATED:
        return UnauthenticatedError(message, advice=advice)
    if code is grpc.StatusCode.PERMISSION_DENIED:
        return PermissionDeniedError(message, advice=advice)
    if code is grpc.StatusCode.NOT_FOUND:
        return NotFoundError(message, advice=advice)
    kind = UnavailableError if code in _ADVICE else RemoteError
    return kind(message, code=code.name, remote_reason=reason, advice=advice)


def _error_info(call: Any) -> tuple[str, dict[str, str]]:
    for key, value in call.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            try:
                for detail in _STATUS.FromString(value).details:
                    if detail.type_url.endswith("/google.rpc.ErrorInfo"):
                        info = _ERROR_INFO.FromString(detail.value)
                        return info.reason, {entry.key: entry.value for entry in info.metadata}
            except ProtobufDecodeError:  # a proxy's own idea of details; the code and the text still count
                return "", {}
    return "", {}
