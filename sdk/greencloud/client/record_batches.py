"""The record batches of a stream: gone through one by one in bounded memory, or made a table.

``greencloud.client.streaming`` reads the stream, and goes on where it was when it breaks off.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Any

from greencloud.client.tables import library, pandas_frame, polars_frame

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow as pa

__all__ = ["AsyncFootprintStream", "FootprintStream"]


class FootprintStream:
    """The answer to a query as Arrow record batches. Each time that it is gone through it asks anew."""

    def __init__(self, batches: Callable[[], Iterator[Any]]) -> None:
        self._batches = batches

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        library("pyarrow")
        return self._batches()

    def to_arrow(self) -> pa.Table:
        """All of it as one table. Raises MissingExtraError."""
        return _table(list(self))

    def to_pandas(self) -> pandas.DataFrame:
        """The same as a pandas data frame of Arrow types. Raises MissingExtraError."""
        library("pandas")
        return pandas_frame(self.to_arrow())

    def to_polars(self) -> polars.DataFrame:
        """The same as a polars data frame. Raises MissingExtraError."""
        library("polars")
        return polars_frame(self.to_arrow())


class AsyncFootprintStream:
    """The answer to a query as Arrow record batches. Each time that it is gone through it asks anew."""

    def __init__(self, batches: Callable[[], AsyncIterator[Any]]) -> None:
        self._batches = batches

    def __aiter__(self) -> AsyncIterator[pa.RecordBatch]:
        library("pyarrow")
        return self._batches()

    async def to_arrow(self) -> pa.Table:
        """All of it as one table. Raises MissingExtraError."""
        return _table([batch async for batch in self])

    async def to_pandas(self) -> pandas.DataFrame:
        """The same as a pandas data frame of Arrow types. Raises MissingExtraError."""
        library("pandas")
        return pandas_frame(await self.to_arrow())

    async def to_polars(self) -> polars.DataFrame:
        """The same as a polars data frame. Raises MissingExtraError."""
        library("polars")
        return polars_frame(await self.to_arrow())


def _table(batches: list[Any]) -> Any:
    pa = library("pyarrow")
    return pa.Table.from_batches(batches) if batches else pa.table({})
