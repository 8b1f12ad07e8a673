"""Messages of the API made from its descriptors: whatever method is added, requests for it are there at once."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor, FileDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import strategies as st

import greencloud.v1

MODULES = [
    importlib.import_module(f"greencloud.v1.{found.name}")
    for found in pkgutil.iter_modules(greencloud.v1.__path__)
    if found.name.endswith("_pb2")
]
FILES: list[FileDescriptor] = [module.DESCRIPTOR for module in MODULES]


def methods() -> list[MethodDescriptor]:
    """Every method of every service."""
    return [method for file in FILES for service in file.services_by_name.values() for method in service.methods]


def served(method: MethodDescriptor) -> bool:
    """Whether a class of this release implements the method."""
    import greencloud.server.app  # noqa: F401 - which imports every servicer

    file = method.containing_service.file.name.removesuffix(".proto").replace("/", ".")
    stubs = importlib.import_module(f"{file}_pb2_grpc")
    base = getattr(stubs, f"{method.containing_service.name}Servicer")
    # A servicer may be put together from several classes.
    return any(getattr(kind, method.name) is not getattr(base, method.name) for kind in base.__subclasses__())


def path_of(method: MethodDescriptor) -> str:
    return f"/{method.containing_service.full_name}/{method.name}"


def messages_in(file: FileDescriptor) -> list[Descriptor]:
    """Those of a file and those inside of them, but the entries of maps."""
    found: list[Descriptor] = []
    waiting = list(file.message_types_by_name.values())
    while waiting:
        one = waiting.pop()
        waiting += one.nested_types
        if not one.GetOptions().map_entry:
            found.append(one)
    return found


@dataclass(frozen=True)
class Pool:
    """What fields are filled from. ``by_name``: of fields of that name, or ``Message.field``; else ``texts`` and ``instants``."""

    texts: st.SearchStrategy[str]
    instants: st.SearchStrategy[Timestamp]
    by_name: Mapping[str, st.SearchStrategy[Any]]
    numbers: st.SearchStrategy[int]
    always: frozenset[str] = frozenset()  # fields that are set whatever happens


def filled(kind: Descriptor, pool: Pool, depth: int = 0) -> st.SearchStrategy[Message]:
    """Messages of a kind with any of their fields set."""

    @st.composite
    def made(draw: st.DrawFn) -> Message:
        message: Message = GetMessageClass(kind)()
        for field in kind.fields:
            if field.name in pool.always or draw(st.booleans()):
                _set(draw, message, field, pool, depth)
        return message

    return made()


def _set(draw: st.DrawFn, message: Message, field: FieldDescriptor, pool: Pool, depth: int) -> None:
    own = pool.by_name.get(f"{message.DESCRIPTOR.name}.{field.name}", pool.by_name.get(field.name))
    if field.message_type and field.message_type.GetOptions().map_entry:
        return  # no request has one
    one = own if own is not None else _values(field, pool, depth)
    if one is None:
        return
    if field.is_repeated:
        target = getattr(message, field.name)
        for value in draw(st.lists(one, max_size=4)):
            target.append(value)
    elif field.message_type:
        getattr(message, field.name).CopyFrom(draw(one))
    else:
        setattr(message, field.name, draw(one))


def _values(field: FieldDescriptor, pool: Pool, depth: int) -> st.SearchStrategy[Any] | None:
    if field.message_type:
        if field.message_type.full_name == "google.protobuf.Timestamp":
            return pool.instants
        return filled(field.message_type, pool, depth + 1) if depth < 3 else None
    kinds: dict[int, Callable[[], st.SearchStrategy[Any]]] = {
        FieldDescriptor.TYPE_STRING: lambda: pool.texts,
        FieldDescriptor.TYPE_BYTES: lambda: st.binary(max_size=40) | pool.texts.map(lambda text: text.encode(errors="replace")),
        FieldDescriptor.TYPE_BOOL: st.booleans,
        FieldDescriptor.TYPE_INT32: lambda: pool.numbers.map(lambda number: (number + 2**31) % 2**32 - 2**31),
        FieldDescriptor.TYPE_INT64: lambda: pool.numbers,
        FieldDescriptor.TYPE_ENUM: lambda: st.sampled_from(
            [*(value.number for value in (field.enum_type.values if field.enum_type else [])), 99, -1]
        ),
    }
    return kinds[field.type]()
