"""A question of the ledger as one value, asked of a server: in pages, or as a stream where there are more rows than pages hold."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from greencloud.client.client import Client
from greencloud.errors import InvalidArgumentError, TooLargeError
from greencloud.results import FootprintQuery, FootprintRow

__all__ = ["arguments_of", "footprint_rows"]

_FILTERS: Final = ("accounts", "services", "regions", "sites", "skus", "operations", "components")


def arguments_of(query: FootprintQuery) -> dict[str, Any]:
    """What ``Client.query_footprint`` and ``Client.stream_footprint`` are called with."""
    asked: dict[str, Any] = {field: getattr(query, field) or () for field in _FILTERS}
    if query.methodology_versions:
        asked["methodology_versions"] = query.methodology_versions
    if query.fiscal_year_start_month != 1:
        asked["fiscal_year_start_month"] = query.fiscal_year_start_month
    return asked | {"start": query.start, "end": query.end, "group_by": query.group_by, "granularity": query.granularity}


def footprint_rows(client: Client, query: FootprintQuery) -> list[FootprintRow]:
    """All rows of a query.

    Raises:
        MissingExtraError: there are more rows than pages hold, and pyarrow is not installed.
        GreencloudError: what the server answered.
    """
    asked = arguments_of(query)
    rows: Iterable[FootprintRow] = client.query_footprint(**asked)
    try:
        return list(rows)
    except InvalidArgumentError as error:
        if error.reason != TooLargeError.reason:
            raise
    from greencloud.client.tables import rows_of_batch  # needs Arrow, as an answer of a few rows does not

    return [row for batch in client.stream_footprint(**asked) for row in rows_of_batch(batch, query.group_by)]
