"""The rows of a query: a list that becomes a table, or a total."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from greencloud.client.answers import rows_of
from greencloud.client.pages import AsyncPager, Pager
from greencloud.client.tables import library, pandas_frame, polars_frame, rows_table, total_of
from greencloud.results import FootprintRow
from greencloud.v1 import footprint_service_pb2 as footprint
from greencloud.wire import instant_from_message

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow as pa

__all__ = ["AsyncFootprintRows", "FootprintRows"]


class FootprintRows(Pager[FootprintRow]):
    """Rows of a query. Each of the methods asks for all pages; columns of tables: ``greencloud.client.tables``."""

    def __init__(self, ask: Callable[[Any], Any], request: footprint.QueryFootprintRequest) -> None:
        super().__init__(ask, request, rows_of(request.group_by))
        self._names: Sequence[str] = tuple(request.group_by)
        self._period = (instant_from_message(request.start_time), instant_from_message(request.end_time))

    def to_arrow(self) -> pa.Table:
        """A table with exact amounts, in millijoules and micrograms. Raises MissingExtraError."""
        library("pyarrow")  # before any call is made
        return rows_table(self, self._names)

    def to_pandas(self) -> pandas.DataFrame:
        """The same as a pandas data frame of Arrow types. Raises MissingExtraError."""
        library("pandas")
        return pandas_frame(self.to_arrow())

    def to_polars(self) -> polars.DataFrame:
        """The same as a polars data frame. Raises MissingExtraError."""
        library("polars")
        return polars_frame(self.to_arrow())

    def total(self) -> FootprintRow:
        """The sum of all rows, exact, over the whole time asked for and without dimensions."""
        return total_of(self, *self._period)


class AsyncFootprintRows(AsyncPager[FootprintRow]):
    """Rows of a query. Each of the methods asks for all pages; columns of tables: ``greencloud.client.tables``."""

    def __init__(self, ask: Callable[[Any], Any], request: footprint.QueryFootprintRequest) -> None:
        super().__init__(ask, request, rows_of(request.group_by))
        self._names: Sequence[str] = tuple(request.group_by)
        self._period = (instant_from_message(request.start_time), instant_from_message(request.end_time))

    async def to_arrow(self) -> pa.Table:
        """A table with exact amounts, in millijoules and micrograms. Raises MissingExtraError."""
        library("pyarrow")  # before any call is made
        return rows_table(await self.to_list(), self._names)

    async def to_pandas(self) -> pandas.DataFrame:
        """The same as a pandas data frame of Arrow types. Raises MissingExtraError."""
        library("pandas")
        return pandas_frame(await self.to_arrow())

    async def to_polars(self) -> polars.DataFrame:
        """The same as a polars data frame. Raises MissingExtraError."""
        library("polars")
        return polars_frame(await self.to_arrow())

    async def total(self) -> FootprintRow:
        """The sum of all rows, exact, over the whole time asked for and without dimensions."""
        return total_of(await self.to_list(), *self._period)
