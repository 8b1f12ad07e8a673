"""FacilityService: books are put in force whole or not at all, who did it when is not forgotten, uploads reach no other file."""

from __future__ import annotations

import errno
import gzip
import json
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from hypothesis import given, settings
from hypothesis import strategies as st

from api_world import NOW, TENANTS, Api, book_of, serving
from greencloud.engine import DataDirectory
from greencloud.engine.applied_books import CURRENT, HISTORY, AppliedBooks
from greencloud.engine.uploaded_book import uploaded
from greencloud.errors import ConflictError, NotFoundError
from greencloud.facility import read_facility, starter_facility
from greencloud.server.checks import Checks
from greencloud.server.errors import RequestError
from greencloud.server.uploads import MOST_BYTES, MOST_FILES, check_files
from greencloud.v1 import facility_service_pb2 as messages
from greencloud.v1 import facility_service_pb2_grpc as stubs
from strategies import START

BOOK, OTHER = book_of(TENANTS[:1]), book_of(TENANTS[:2], grams=300)
METERS = "window_start,window_s,site,host,energy_kwh\n2026-11-23T14:00:00Z,3600,hall,h1,0.15\n"
FILED = BOOK + '\n[files]\nmeters = "meters/{name}"\n'


@pytest.fixture
def data(tmp_path: Path) -> DataDirectory:
    return DataDirectory.open(tmp_path / "data", create=True)


@pytest.fixture
def api(data: DataDirectory) -> Iterator[Api]:
    with serving(data) as api:
        yield api


def ask(api: Api, method: str, request: Any, role: str = "provider", account: str = "") -> Any:
    metadata = (("authorization", f"Bearer {api.token(role, account)}"),)
    return getattr(stubs.FacilityServiceStub(api.channel), method)(request, metadata=metadata, timeout=20)


def apply(api: Api, *files: tuple[str, str | bytes], **fields: Any) -> messages.ApplyFacilityBookResponse:
    sent = [messages.FacilityFile(path=path, content=each.encode() if isinstance(each, str) else each) for path, each in files]
    answer: messages.ApplyFacilityBookResponse = ask(
        api, "ApplyFacilityBook", messages.ApplyFacilityBookRequest(files=sent, **fields)
    )
    return answer


def refusal(api: Api, *files: tuple[str, str | bytes], **fields: Any) -> tuple[grpc.StatusCode, dict[str, str]]:
    with pytest.raises(grpc.RpcError) as caught:
        apply(api, *files, **fields)
    status = rpc_status.from_call(caught.value)
    assert status is not None
    bad = error_details_pb2.BadRequest()
    for detail in status.details:
        if detail.Is(bad.DESCRIPTOR):
            detail.Unpack(bad)
    assert "greencloud-book-" not in f"{status.message}{bad}"
    return caught.value.code(), {each.field: each.description for each in bad.field_violations}


def listed(api: Api, size: int = 0) -> list[messages.FacilityBook]:
    found: list[messages.FacilityBook] = []
    token = ""
    while True:
        page = ask(api, "ListFacilityBooks", messages.ListFacilityBooksRequest(page_size=size, page_token=token))
        found += page.facility_books
        token = page.next_page_token
        if not token:
            return found


def get(api: Api, revision: str = "-") -> messages.FacilityBook:
    book: messages.FacilityBook = ask(api, "GetFacilityBook", messages.GetFacilityBookRequest(name=f"facilityBooks/{revision}"))
    return book


def test_a_directory_begins_with_the_starter(api: Api) -> None:
    book = get(api)
    assert book.name == f"facilityBooks/{starter_facility().revision}"
    assert (book.in_force, book.HasField("apply_time"), [file.path for file in book.files]) == (True, False, ["starter.toml"])
    assert [each.name for each in listed(api)] == [book.name]


def test_a_book_with_its_files_goes_in_and_comes_out(api: Api, data: DataDirectory) -> None:
    files = [("facility.toml", FILED.format(name="north.csv")), ("meters/north.csv", METERS)]
    shown = apply(api, *files, validate_only=True)
    assert get(api).display_name == starter_facility().name

    applied = apply(api, *files)

    assert applied.facility_book.in_force
    assert applied.facility_book.applied_by == "provider"
    assert applied.facility_book.apply_time.ToDatetime(tzinfo=NOW.tzinfo) == NOW
    assert (applied.facility_book.site_count, applied.facility_book.host_count, applied.facility_book.account_count) == (2, 2, 1)
    assert applied.changes == shown.changes
    assert any("hosts.h1" in change.path for change in applied.changes)
    assert data.facility().revision == applied.facility_book.name.removeprefix("facilityBooks/")
    book = get(api)
    assert [(file.path, file.content.decode()) for file in book.files] == files
    assert get(api, data.facility().revision) == book


def test_the_history_has_every_book_that_was_in_force(api: Api, data: DataDirectory) -> None:
    for book in (BOOK, OTHER, OTHER, BOOK):  # the second of the same changes nothing
        apply(api, ("facility.toml", book))

    found = listed(api)

    assert [each.site_count for each in found[:-1]] == [2, 3, 2]
    assert [each.in_force for each in found] == [True, False, False, False]
    assert found[-1].name.endswith(starter_facility().revision)
    assert not any(each.files for each in found)
    assert listed(api, 1) == listed(api, 3) == found
    assert len(data.remembered(HISTORY)) == 3


def test_a_list_goes_on_where_it_was_while_books_are_applied(api: Api) -> None:
    apply(api, ("facility.toml", BOOK))
    request = messages.ListFacilityBooksRequest(page_size=1)
    first = ask(api, "ListFacilityBooks", request)
    apply(api, ("facility.toml", OTHER))
    request.page_token = first.next_page_token
    second = ask(api, "ListFacilityBooks", request)
    assert [first.facility_books[0].site_count, second.facility_books[0].name] == [
        2,
        f"facilityBooks/{starter_facility().revision}",
    ]
    assert not second.next_page_token


def test_of_two_that_change_the_book_at_once_one_is_told(api: Api, data: DataDirectory) -> None:
    before = data.facility().revision
    apply(api, ("facility.toml", BOOK), expected_revision=before)
    for only in (True, False):
        code, _ = refusal(api, ("facility.toml", OTHER), expected_revision=before, validate_only=only)
        assert code is grpc.StatusCode.ABORTED
    assert data.facility().revision != before

    apply(api, ("facility.toml", OTHER), expected_revision=data.facility().revision)


def test_both_at_once_in_one_directory(data: DataDirectory, tmp_path: Path) -> None:
    before, outcomes = data.facility().revision, []
    books = []
    for at in range(6):
        (tmp_path / str(at)).mkdir()
        books.append(tmp_path / str(at) / "facility.toml")
        books[-1].write_text(book_of(TENANTS[:1], grams=100 + at), encoding="utf-8")

    def one(book: Path) -> None:
        with suppress(ConflictError):
            data.apply_facility(book, expected=before, now=NOW)
            outcomes.append(book)

    threads = [threading.Thread(target=one, args=(book,)) for book in books]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 1
    assert data.facility().revision == read_facility(outcomes[0]).revision


def test_mistakes_are_told_by_file_line_and_key_and_nothing_is_put_in_force(api: Api, data: DataDirectory) -> None:
    wrong = FILED.format(name="north.csv").replace("pue = 1.5", "pue = -1", 1)
    for only in (True, False):
        code, found = refusal(api, ("facility.toml", wrong), ("meters/north.csv", METERS.replace("h1", "h9")), validate_only=only)
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        line = wrong[: wrong.index("pue = -1")].count("\n") + 1
        assert f"facility.toml:{line} sites.pue" in found
        assert any(place.startswith("meters/north.csv:2 meters") for place in found)
    assert data.facility() == starter_facility()


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../../secret.csv", "../x", "a/../../x", "absent.csv", "a\\u0000b", "meters/../../x"]
)
def test_a_book_reaches_no_file_that_was_not_sent(api: Api, data: DataDirectory, tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.csv").write_text("a-secret-word\n")
    code, found = refusal(api, ("facility.toml", BOOK + f'\n[files]\nmeters = "{name}"\n'))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert not any("secret-word" in text or "root:" in text for text in found.values())
    assert not (data.path / "facility" / "books").exists()


@pytest.mark.parametrize(
    ("paths", "field"),
    [
        ([], "files"),
        (["facility.csv"], "files[0].path"),
        (["/facility.toml"], "files[0].path"),
        (["../facility.toml"], "files[0].path"),
        (["a//facility.toml"], "files[0].path"),
        (["a\\facility.toml"], "files[0].path"),
        (["c:facility.toml"], "files[0].path"),
        (["facility.toml", "facility.toml"], "files[1].path"),
        (["facility.toml", "facility.toml/a"], "files[1].path"),
        (["facility.toml", "a/b", "a"], "files[2].path"),
        (["facility.toml", "x\ny"], "files[1].path"),
        (["facility.toml", "x" * 201], "files[1].path"),
        (["facility.toml", ""], "files[1].path"),
        (["facility.toml", " a"], "files[1].path"),
        ([f"{at}.toml" for at in range(MOST_FILES + 1)], "files"),
    ],
)
def test_names_of_files_that_lead_elsewhere_are_refused(paths: list[str], field: str) -> None:
    checks = Checks()
    check_files([(path, b"") for path in paths], checks)
    with pytest.raises(RequestError) as caught:
        checks.done()
    assert {each for each, _ in caught.value.violations} == {field}


def test_files_are_as_many_bytes_as_they_may_be() -> None:
    half = bytes(MOST_BYTES // 2)
    checks = Checks()
    check_files([("a.toml", half), ("b.csv", half)], checks)
    checks.done()
    check_files([("a.toml", half), ("b.csv", half + b"x")], checks)
    with pytest.raises(RequestError, match="bytes"):
        checks.done()


names = st.text(st.sampled_from("ab./\\ \0:*\u202e~") | st.characters(codec="utf-8"), min_size=1, max_size=12)


@settings(max_examples=60)
@given(st.lists(names | st.sampled_from(["a.toml", "b/a.toml", "b/c.csv", "../a.toml"]), min_size=1, max_size=4))
def test_what_is_let_through_lies_in_its_folder_and_nowhere_else(paths: list[str]) -> None:
    files = tuple((path, b"x = 1") for path in paths)
    checks = Checks()
    check_files(files, checks)
    try:
        checks.done()
    except RequestError:
        return
    with uploaded(files) as sent:
        inside = {path.relative_to(sent.folder).as_posix() for path in sent.folder.rglob("*") if path.is_file()}
        assert inside == set(paths)
    assert not sent.folder.exists()


def test_a_file_that_unpacks_to_very_much_is_refused(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("greencloud.facility.reading._MOST_BYTES", 1000)
    packed = gzip.compress(METERS.encode() + b" " * 2000)
    code, found = refusal(api, ("facility.toml", FILED.format(name="m.csv.gz")), ("meters/m.csv.gz", packed))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert any("more than 1000 bytes" in text for text in found.values())


@pytest.mark.parametrize("role", ["tenant", "customer.viewer"])
def test_tenants_have_no_business_here(api: Api, role: str) -> None:
    for method, request in (
        ("GetFacilityBook", messages.GetFacilityBookRequest()),
        ("ListFacilityBooks", messages.ListFacilityBooksRequest(page_size=-1)),
        ("ApplyFacilityBook", messages.ApplyFacilityBookRequest()),
    ):
        with pytest.raises(grpc.RpcError) as caught:
            ask(api, method, request, "tenant", TENANTS[0].account)
        assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED


@pytest.mark.parametrize(
    "name", ["", "facilityBooks/", "facilityBooks/..", f"facilityBooks/{'A' * 64}", f"facilityBooks/{'a' * 63}"]
)
def test_what_is_no_name_of_a_book_is_refused(api: Api, name: str) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        ask(api, "GetFacilityBook", messages.GetFacilityBookRequest(name=name))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_book_that_is_not_kept_is_not_found(data: DataDirectory) -> None:
    with pytest.raises(NotFoundError):
        AppliedBooks(data).find("a" * 64)


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("dies_at", range(12))
def test_a_crash_leaves_one_book_or_the_other_and_no_hole_in_the_history(
    data: DataDirectory, tmp_path: Path, dies_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = tmp_path / "first.toml", tmp_path / "second.toml"
    first.write_text(BOOK, encoding="utf-8")
    second.write_text(OTHER, encoding="utf-8")
    old = data.apply_facility(first, applied_by="a", now=START).revision
    new = read_facility(second).revision
    left, fsync = dies_at, os.fsync

    def dying(descriptor: int) -> None:
        nonlocal left
        if left == 0:
            raise Killed
        left -= 1
        fsync(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", dying)
        with suppress(Killed):
            data.apply_facility(second, applied_by="b", now=NOW)

    in_force = data.facility().revision
    assert in_force in (old, new)
    history = AppliedBooks(data).all()
    assert [book.revision for book in history if book.applied] == ([old] if in_force == old else [old, new])
    assert [book.in_force for book in history][-1]

    data.apply_facility(first, applied_by="c", now=NOW + timedelta(hours=1))
    applied = [(book.revision, book.applied_by) for book in AppliedBooks(data).all() if book.applied]
    assert applied == ([(old, "a")] if in_force == old else [(old, "a"), (new, "b"), (old, "c")])


@pytest.mark.parametrize("trouble", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_does_not_take_a_book_leaves_the_one_in_force(
    api: Api, data: DataDirectory, trouble: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply(api, ("facility.toml", BOOK))
    before = get(api)

    def failing(_descriptor: int) -> None:
        raise OSError(trouble, os.strerror(trouble))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", failing)
        code, _ = refusal(api, ("facility.toml", OTHER))
    assert code is grpc.StatusCode.UNAVAILABLE
    assert get(api) == before
    assert apply(api, ("facility.toml", OTHER)).facility_book.in_force


def test_a_directory_of_the_release_before_tells_what_it_knows(data: DataDirectory, tmp_path: Path, api: Api) -> None:
    source = tmp_path / "facility.toml"
    for book in (BOOK, OTHER):
        source.write_text(book, encoding="utf-8")
        applied = data.apply_facility(source)
    (data.path / HISTORY).unlink()
    (data.path / CURRENT).write_text(json.dumps({"revision": applied.revision, "file": "facility.toml"}))

    found = listed(api)

    assert {each.site_count for each in found[:-1]} == {2, 3}
    assert (found[0].name, found[0].in_force) == (f"facilityBooks/{applied.revision}", True)
    assert not any(each.HasField("apply_time") or each.applied_by for each in found)
    apply(api, ("facility.toml", BOOK))
    assert listed(api)[0].HasField("apply_time")
    assert get(api).in_force


def test_damage_to_what_names_the_book_in_force_is_repaired_by_applying_one(data: DataDirectory, tmp_path: Path) -> None:
    source = tmp_path / "facility.toml"
    source.write_text(BOOK, encoding="utf-8")
    data.apply_facility(source, applied_by="a", now=START)
    (data.path / CURRENT).write_text("{")
    data.apply_facility(source, applied_by="b", now=NOW)
    assert [book.applied_by for book in AppliedBooks(data).all()] == ["", "a", "b"]
