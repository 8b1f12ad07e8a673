"""Calls of GoalService: disclosures and product footprints, sync and async."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from greencloud.client import answers
from greencloud.client.pages import AsyncPager, Pager
from greencloud.client.provider_calls import AsyncProviderCalls, ProviderCalls

if TYPE_CHECKING:
    from greencloud.results.disclosures import DisclosureFile, DisclosureFormat, DisclosureStandard
    from greencloud.results.product_footprints import ProductFootprint

__all__ = ["AsyncDisclosureCalls", "DisclosureCalls"]


class DisclosureCalls(ProviderCalls):
    """Disclosures and product footprints."""

    def generate_disclosure(
        self,
        year: str,
        standard: DisclosureStandard | str,
        *,
        format: DisclosureFormat | str = "json",  # noqa: A002  as the field
        timeout: float | None = None,
    ) -> DisclosureFile:
        """A disclosure of a reporting year (``2025``, ``FY2025``) as a file; every figure names its evidence."""
        from greencloud.wire.disclosures import disclosure_file_from_message

        request = _generate(year, standard, format)
        return disclosure_file_from_message(self._call(self.raw.goal.GenerateDisclosure, request, timeout))

    def list_product_footprints(
        self, *, year: str = "", page_size: int = 0, timeout: float | None = None
    ) -> Pager[ProductFootprint]:
        """What each SKU in each region emitted over a reporting year, by the ledger; by default over every year that it holds."""
        request, reader = _list(year, page_size)
        return Pager(self._asker(self.raw.goal.ListProductFootprints, timeout), request, reader)


class AsyncDisclosureCalls(AsyncProviderCalls):
    """Disclosures and product footprints."""

    async def generate_disclosure(
        self,
        year: str,
        standard: DisclosureStandard | str,
        *,
        format: DisclosureFormat | str = "json",  # noqa: A002  as the field
        timeout: float | None = None,
    ) -> DisclosureFile:
        """A disclosure of a reporting year (``2025``, ``FY2025``) as a file; every figure names its evidence."""
        from greencloud.wire.disclosures import disclosure_file_from_message

        request = _generate(year, standard, format)
        return disclosure_file_from_message(await self._call(self.raw.goal.GenerateDisclosure, request, timeout))

    def list_product_footprints(
        self, *, year: str = "", page_size: int = 0, timeout: float | None = None
    ) -> AsyncPager[ProductFootprint]:
        """What each SKU in each region emitted over a reporting year, by the ledger; by default over every year that it holds."""
        request, reader = _list(year, page_size)
        return AsyncPager(self._asker(self.raw.goal.ListProductFootprints, timeout), request, reader)


def _generate(year: str, standard: DisclosureStandard | str, form: DisclosureFormat | str) -> Any:
    from greencloud.results.disclosures import DisclosureFormat, DisclosureStandard
    from greencloud.v1 import disclosure_pb2
    from greencloud.wire.disclosures import DISCLOSURE_FORMATS, DISCLOSURE_STANDARDS

    return disclosure_pb2.GenerateDisclosureRequest(
        year=year, standard=DISCLOSURE_STANDARDS[DisclosureStandard(standard)], format=DISCLOSURE_FORMATS[DisclosureFormat(form)]
    )


def _list(year: str, page_size: int) -> tuple[Any, Any]:
    from greencloud.v1 import disclosure_pb2
    from greencloud.wire.disclosures import product_footprint_from_message

    reader = answers.items_of("product_footprints", product_footprint_from_message)
    return disclosure_pb2.ListProductFootprintsRequest(year=year, page_size=page_size), reader
