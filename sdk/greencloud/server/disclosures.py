"""GoalService: disclosures and product footprints. For the provider."""

from __future__ import annotations

from typing import Any, Final

from greencloud.errors import QuantityError, TooLargeError
from greencloud.report.disclosures import write_disclosure
from greencloud.results.disclosures import DisclosureFormat
from greencloud.results.reporting_year import ReportingYear
from greencloud.server.auth import require
from greencloud.server.checks import Checks
from greencloud.server.paging import Cursor, fill
from greencloud.server.provider_methods import ProviderMethods
from greencloud.server.roles import Permission
from greencloud.v1 import disclosure_pb2 as messages
from greencloud.wire.disclosures import (
    DISCLOSURE_FORMATS,
    DISCLOSURE_STANDARDS,
    disclosure_file_to_message,
    product_footprint_to_message,
)

__all__ = ["DisclosureMethods"]

_STANDARDS: Final = {number: standard for standard, number in DISCLOSURE_STANDARDS.items()}
_FORMATS: Final = {number: form for form, number in DISCLOSURE_FORMATS.items()} | {0: DisclosureFormat.JSON}
_LARGEST: Final = 48 << 20
"""Bytes of a disclosure: 64 MiB is what a client takes in one message."""
_DEFAULT_PAGE: Final = 100
_MOST_PAGE: Final = 1_000


class DisclosureMethods(ProviderMethods):
    """Disclosures and product footprints."""

    def GenerateDisclosure(  # noqa: N802
        self, request: messages.GenerateDisclosureRequest, context: Any
    ) -> messages.GenerateDisclosureResponse:
        books = self._books(Permission.GOALS_READ)
        checks = Checks()
        _check_year(checks, request.year, required=True)
        standard, form = _STANDARDS.get(request.standard), _FORMATS.get(request.format)
        if standard is None:
            checks.fault("standard", "is required" if not request.standard else "is not one that this server knows")
        if form is None:
            checks.fault("format", "is not one that this server knows")
        checks.done()
        assert standard is not None
        assert form is not None
        file = write_disclosure(standard, books.disclosure_inputs(request.year, standard), form)
        if len(file.content) > _LARGEST:
            raise TooLargeError("the disclosure is larger than 48 MiB", advice="make it from the data directory: --data DIR")
        return disclosure_file_to_message(file)

    def ListProductFootprints(  # noqa: N802
        self, request: messages.ListProductFootprintsRequest, context: Any
    ) -> messages.ListProductFootprintsResponse:
        books = self._books(Permission.GOALS_READ)
        principal = require(Permission.GOALS_READ)
        checks = Checks()
        _check_year(checks, request.year, required=False)
        size = checks.page_size(request.page_size, default=_DEFAULT_PAGE, most=_MOST_PAGE)
        checks.done()
        cursor = self._pages.open(request, principal)
        left = books.list_product_footprints(year=request.year, ledger_version=cursor.version)[cursor.offset :]
        page = fill(left, size, product_footprint_to_message)
        response = messages.ListProductFootprintsResponse(product_footprints=page)
        if len(page) < len(left):
            response.next_page_token = self._pages.seal(
                Cursor(left[0].ledger_version, cursor.offset + len(page)), request, principal
            )
        return response


def _check_year(checks: Checks, year: str, *, required: bool) -> None:
    if not year:
        if required:
            checks.fault("year", "is required")
        return
    try:
        ReportingYear.parse(year)
    except QuantityError:
        checks.fault("year", "must be a reporting year, as 2025 or FY2025")
