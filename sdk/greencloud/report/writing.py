"""A data set in the format that is asked for by name."""

from __future__ import annotations

from typing import Final

from greencloud.report.dataset import Dataset

__all__ = ["DATA_FORMATS", "write_dataset"]

DATA_FORMATS: Final = ("csv", "tsv", "jsonl", "parquet", "arrow")


def write_dataset(data: Dataset, output: str) -> str | bytes:
    """Text of ``csv tsv jsonl``, bytes of ``parquet arrow``.

    Raises:
        MissingExtraError: the format needs a library that is not installed.
        ValueError: there is no such format.
    """
    match output:
        case "csv":
            from greencloud.report.delimited import csv_text

            return csv_text(data)
        case "tsv":
            from greencloud.report.delimited import tsv_text

            return tsv_text(data)
        case "jsonl":
            from greencloud.report.json_lines import json_lines

            return json_lines(data)
        case "parquet":
            from greencloud.report.columnar import parquet_bytes

            return parquet_bytes(data)
        case "arrow":
            from greencloud.report.columnar import arrow_bytes

            return arrow_bytes(data)
    raise ValueError(f"there is no format {output!r} of a data set")
