"""The API keeps to the AIPs that it relies on, and to what was released: looked up in its descriptors, whatever they grow to.

Numbers are those of https://google.aip.dev. What ``buf lint`` checks (names, packages, comments) is not checked again, but for
comments, which must say of each field of a request whether it is required (203).
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor, MethodDescriptor

from api_messages import FILES, messages_in, methods

ROOT = Path(__file__).parents[1]
PROTO = ROOT / "proto"
RELEASED = PROTO / "greencloud-0.1.0.binpb"
"""What the last release had: ``protoc --include_imports --descriptor_set_out`` of its proto folder."""

METHODS = methods()
MESSAGES = [message for file in FILES for message in messages_in(file)]
ENUMS = [
    *(enum for file in FILES for enum in file.enum_types_by_name.values()),
    *(enum for message in MESSAGES for enum in message.enum_types),
]
FIELDS = [field for message in MESSAGES for field in message.fields]
UNSIGNED = {
    FieldDescriptor.TYPE_UINT32,
    FieldDescriptor.TYPE_UINT64,
    FieldDescriptor.TYPE_FIXED32,
    FieldDescriptor.TYPE_FIXED64,
}
FLOATING = {FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT}
WHOLE = {FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_INT64, FieldDescriptor.TYPE_SINT32, FieldDescriptor.TYPE_SINT64}

# Whole numbers that count nothing: sizes and places of pages, versions, revisions, serials, years, categories, rows and the two
# parts of an amount (142, 158).
NO_COUNTS = re.compile(
    r"page_size|total_size|offset|(ledger|statement|format)?_?version|revision|serial_(first|last)|shares?|(.*_)?index|row|depth|"
    r"(.*_)?category|categories|.*year|.*month|.*seconds|.*(megajoules|millijoules|kilograms|micrograms)"
)


def name_of(thing: Descriptor | FieldDescriptor | EnumDescriptor | MethodDescriptor) -> str:
    return str(thing.full_name).removeprefix("greencloud.v1.")


@pytest.mark.parametrize("enum", ENUMS, ids=name_of)
def test_the_zero_of_an_enum_is_unspecified(enum: EnumDescriptor) -> None:
    prefix = re.sub(r"(?<!^)(?=[A-Z])", "_", enum.name).upper()
    assert enum.values_by_number[0].name == f"{prefix}_UNSPECIFIED"  # 126
    assert all(value.name.startswith(f"{prefix}_") for value in enum.values)


@pytest.mark.parametrize("method", METHODS, ids=name_of)
def test_each_method_has_a_request_of_its_own(method: MethodDescriptor) -> None:
    assert method.input_type.name == f"{method.name}Request"
    assert Counter(each.input_type.full_name for each in METHODS)[method.input_type.full_name] == 1
    own = (
        {f"{method.name}Response"}
        if not method.name.startswith("Get")
        else {method.name.removeprefix("Get"), method.output_type.name}
    )
    assert method.output_type.name in own  # 131: a Get returns the resource itself
    assert not method.client_streaming


@pytest.mark.parametrize("method", [each for each in METHODS if not each.name.startswith("Get")], ids=name_of)
def test_a_method_that_answers_in_pages_is_a_pager(method: MethodDescriptor) -> None:
    asked, told = method.input_type.fields_by_name, method.output_type.fields_by_name
    paged = {"page_size", "page_token"} & set(asked) or "next_page_token" in told
    assert bool(paged) or not method.name.startswith(("List", "Query"))  # 158: it cannot be added later
    if paged:
        assert (asked["page_size"].type, asked["page_token"].type) == (FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_STRING)
        assert told["next_page_token"].type == FieldDescriptor.TYPE_STRING
        assert not method.server_streaming
        assert any(field.is_repeated for field in method.output_type.fields)
    if method.name.startswith(("List", "Query")):
        assert method.output_type.fields_by_number[1].is_repeated


@pytest.mark.parametrize("field", FIELDS, ids=name_of)
def test_a_field_says_by_its_name_what_it_is(field: FieldDescriptor) -> None:
    assert field.type not in UNSIGNED  # 141
    assert field.type not in FLOATING, "amounts are exact"
    kind = field.message_type.full_name if field.message_type else ""
    assert (kind == "google.protobuf.Timestamp") == field.name.endswith("_time")  # 142
    if field.type in WHOLE and not NO_COUNTS.fullmatch(field.name):
        assert field.name.endswith("_count")  # 141
    assert not field.name.startswith("is_")  # 140


@pytest.mark.parametrize("field", [each for each in FIELDS if each.name.endswith("_half_width")], ids=name_of)
def test_what_may_be_unknown_is_optional(field: FieldDescriptor) -> None:
    assert field.has_presence
    assert _source(field).strip().startswith("optional ")


@pytest.mark.parametrize("field", [each for method in METHODS for each in method.input_type.fields], ids=name_of)
def test_a_field_of_a_request_says_whether_it_is_required(field: FieldDescriptor) -> None:
    comment = comment_of(field)
    assert re.match(r"(Required|Optional)\. |.*[Rr]equired", comment, re.DOTALL), comment  # 203


def _source(field: FieldDescriptor) -> str:
    """The line of the .proto that declares a field."""
    return _declared(field)[1]


def comment_of(field: FieldDescriptor) -> str:
    return _declared(field)[0]


def _declared(field: FieldDescriptor) -> tuple[str, str]:
    """The comment above a field, and its line."""
    holder = field.containing_type
    assert holder
    text = (PROTO / holder.file.name).read_text(encoding="utf-8")
    body = text[text.index(f"message {holder.name} {{") :]
    found = re.search(rf"((?:\n *//[^\n]*)+)\n([^\n/]* {field.name} = {field.number};)", body)
    assert found, f"{field.full_name} has no comment"
    return " ".join(line.strip().removeprefix("//").strip() for line in found[1].splitlines()).strip(), found[2]


def breaking(folder: Path) -> subprocess.CompletedProcess[str]:
    buf = Path(sys.executable).parent / "buf"
    assert buf.exists(), "it comes with the extra `test`"
    return subprocess.run([buf, "breaking", "--against", str(RELEASED)], cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    shutil.copytree(PROTO, tmp_path / "proto")
    shutil.copy(ROOT / "buf.yaml", tmp_path)
    return tmp_path


def test_clients_of_the_last_release_go_on_working(copied: Path) -> None:
    done = breaking(copied)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("int32 page_size = 6;", "int32 page_size = 60;"),
        ("string page_token = 7;", "bytes page_token = 7;"),
        ("rpc QueryFootprint(QueryFootprintRequest)", "rpc QueryFootprints(QueryFootprintRequest)"),
        ("GRANULARITY_DAY = 3;", "GRANULARITY_DAY = 30;"),
    ],
)
def test_and_a_change_that_they_would_notice_is_noticed(copied: Path, old: str, new: str) -> None:
    path = copied / "proto" / "greencloud" / "v1" / "footprint_service.proto"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    done = breaking(copied)
    assert done.returncode == 100
    assert "footprint_service.proto" in done.stdout
