"""FacilityService: the facility books, as they were put in force. For the provider."""

from __future__ import annotations

import re
import threading
from typing import Any, Final

from greencloud.errors import FacilityError
from greencloud.server.auth import require
from greencloud.server.checks import Checks
from greencloud.server.errors import BusyError, RequestError
from greencloud.server.paging import Cursor, Pages, fill
from greencloud.server.roles import Permission
from greencloud.server.services import ApplyOrder, Services
from greencloud.server.uploads import check_files
from greencloud.v1 import facility_service_pb2 as messages
from greencloud.v1 import facility_service_pb2_grpc as stubs
from greencloud.wire import applied_book_to_message, facility_book_to_message

__all__ = ["FacilityServicer"]

_REVISION: Final = "[0-9a-f]{64}"
_NAME: Final = re.compile(f"facilityBooks/(-|{_REVISION})")
_DEFAULT_BOOKS: Final = 100
_MOST_BOOKS: Final = 1_000
_MOST_NOTES: Final = 100


class FacilityServicer(stubs.FacilityServiceServicer):
    def __init__(self, services: Services, pages: Pages) -> None:
        self._services = services
        self._pages = pages
        self._reading = threading.Lock()

    def GetFacilityBook(self, request: messages.GetFacilityBookRequest, context: Any) -> messages.FacilityBook:  # noqa: N802
        require(Permission.FACILITY_READ)
        checks = Checks()
        if not (named := _NAME.fullmatch(request.name)):
            checks.fault(
                "name", "must be facilityBooks/REVISION, or facilityBooks/- for the one in force" if request.name else "is required"
            )
        checks.done()
        assert named
        return facility_book_to_message(self._services.facility_book(named[1].removeprefix("-")))

    def ListFacilityBooks(  # noqa: N802
        self, request: messages.ListFacilityBooksRequest, context: Any
    ) -> messages.ListFacilityBooksResponse:
        principal = require(Permission.FACILITY_READ)
        checks = Checks()
        size = checks.page_size(request.page_size, default=_DEFAULT_BOOKS, most=_MOST_BOOKS)
        checks.done()
        cursor = self._pages.open(request, principal)
        books = self._services.facility_books()
        count = len(books) if cursor.version is None else cursor.version  # the list only grows, at its end
        left = [books[place] for place in range(min(count, len(books)) - cursor.offset - 1, -1, -1)]
        page = fill(left, size, facility_book_to_message)
        response = messages.ListFacilityBooksResponse(facility_books=page)
        if len(page) < len(left):
            response.next_page_token = self._pages.seal(Cursor(count, cursor.offset + len(page)), request, principal)
        return response

    def ApplyFacilityBook(  # noqa: N802
        self, request: messages.ApplyFacilityBookRequest, context: Any
    ) -> messages.ApplyFacilityBookResponse:
        principal = require(Permission.FACILITY_WRITE)
        checks = Checks()
        files = tuple((file.path, file.content) for file in request.files)
        check_files(files, checks)
        expected = request.expected_revision
        if expected and not re.fullmatch(_REVISION, expected):
            checks.fault("expected_revision", "must be a revision, as in facilityBooks/REVISION")
        checks.done()
        order = ApplyOrder(files, principal.subject, expected, request.validate_only)
        if not self._reading.acquire(blocking=False):
            raise BusyError("another facility book is being read", cause="facility books")
        try:
            applied = self._services.apply_facility(order)
        except FacilityError as error:
            raise RequestError([("files", " ".join(str(error).split()))]) from error
        finally:
            self._reading.release()
        response = applied_book_to_message(applied)
        del response.notes[_MOST_NOTES:]
        kept = fill(response.changes, len(response.changes), lambda change: change)
        if len(kept) < len(applied.changes):
            response.changes_left_out_count += len(applied.changes) - len(kept)
            del response.changes[len(kept) :]
        return response
