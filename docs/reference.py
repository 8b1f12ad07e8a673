"""Writes docs/api-reference.md from the comments of the protos: ``make reference``. A test holds the file against them.

python docs/reference.py > docs/api-reference.md
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from google.protobuf import descriptor_pb2

PROTO: Final = Path(__file__).parents[1] / "proto"
PACKAGE: Final = ".greencloud.v1."
SCALARS: Final = {
    descriptor_pb2.FieldDescriptorProto.TYPE_STRING: "string",
    descriptor_pb2.FieldDescriptorProto.TYPE_BYTES: "bytes",
    descriptor_pb2.FieldDescriptorProto.TYPE_BOOL: "bool",
    descriptor_pb2.FieldDescriptorProto.TYPE_INT32: "int32",
    descriptor_pb2.FieldDescriptorProto.TYPE_INT64: "int64",
    descriptor_pb2.FieldDescriptorProto.TYPE_DOUBLE: "double",
}
# descriptor.proto: numbers of the fields on the path to what a comment is of.
MESSAGES, ENUMS, SERVICES, MEMBERS = 4, 5, 6, 2


def image(buf: str = "buf") -> descriptor_pb2.FileDescriptorSet:
    """The protos with their comments, as ``buf build`` gives them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "image.binpb"
        subprocess.run([buf, "build", str(PROTO), "--as-file-descriptor-set", "-o", str(path)], check=True)
        return descriptor_pb2.FileDescriptorSet.FromString(path.read_bytes())


def reference(files: descriptor_pb2.FileDescriptorSet) -> str:
    """Every service, message and enum of the package, as Markdown."""
    own = sorted((file for file in files.file if file.package == PACKAGE.strip(".")), key=_order)
    lines = [
        "# API reference",
        "",
        "Package `greencloud.v1`, written from the comments in `proto/greencloud/v1` by `make reference`. How to call it, and what",
        "holds for all methods, is in [api.md](api.md).",
    ]
    for file in own:
        lines += _file(file)
    return "\n".join(lines) + "\n"


def _order(file: descriptor_pb2.FileDescriptorProto) -> tuple[bool, str]:
    """Files with services first."""
    return not file.service, file.name


def _file(file: descriptor_pb2.FileDescriptorProto) -> Iterator[str]:
    said = {tuple(place.path): _text(place.leading_comments) for place in file.source_code_info.location}
    for at, service in enumerate(file.service):
        yield from ("", f"## {service.name}", "", said[SERVICES, at])
        for number, method in enumerate(service.method):
            stream = "stream of " if method.server_streaming else ""
            asked, given = _link(method.input_type), _link(method.output_type)
            yield from ("", f"### {service.name}.{method.name}", "", f"{asked} → {stream}{given}", "")
            yield said[SERVICES, at, MEMBERS, number]
    if not file.service:
        yield from ("", f"## {Path(file.name).stem}")
    for at, message in enumerate(file.message_type):
        yield from ("", f"### {message.name}", "", said[MESSAGES, at])
        maps = {f".{file.package}.{message.name}.{each.name}": each for each in message.nested_type if each.options.map_entry}
        if message.field:
            yield from ("", "| field | type | |", "| --- | --- | --- |")
        for number, field in enumerate(message.field):
            yield f"| `{field.name}` | {_type(field, maps)} | {_cell(said[MESSAGES, at, MEMBERS, number])} |"
    for at, enum in enumerate(file.enum_type):
        yield from ("", f"### {enum.name}", "", said[ENUMS, at], "", "| value | number | |", "| --- | --- | --- |")
        for number, value in enumerate(enum.value):
            yield f"| `{value.name}` | {value.number} | {_cell(said[ENUMS, at, MEMBERS, number])} |"


def _type(field: descriptor_pb2.FieldDescriptorProto, maps: dict[str, descriptor_pb2.DescriptorProto]) -> str:
    if entry := maps.get(field.type_name):
        key, value = entry.field
        return f"map of {_type(key, {})} to {_type(value, {})}"
    name = SCALARS.get(field.type) or _link(field.type_name)
    repeated = field.label == descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED
    return f"repeated {name}" if repeated else f"optional {name}" if field.proto3_optional else name


def _link(name: str) -> str:
    if not name.startswith(PACKAGE):
        return f"`{name.strip('.')}`"
    short = name.removeprefix(PACKAGE)
    return f"[{short}](#{short.lower()})"


def _text(comment: str) -> str:
    return " ".join(comment.split())


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(reference(image()))
