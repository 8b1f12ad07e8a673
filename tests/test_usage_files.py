"""The same usage comes out of every format, and a file that cannot be read says which row or why."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings

from greencloud.errors import UsageDataError
from greencloud.usage import ROWS, Usage, digest, read_usage
from profiles import examples
from usage_strategies import usages

CSV = """\
window_start,window_s,site,host,account,service,labels,cpu_ns
2026-01-01T00:00:00Z,60,s,h,pay,web,"{""b"":""2"",""a"":""1""}",5
2026-01-01T00:01:00Z,60,s,h,pay,web,,6
"""


@settings(max_examples=examples(10), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(usage=usages)
def test_usage_survives_parquet_and_arrow(usage: Usage, tmp_path: Path) -> None:
    rows = digest(Usage(usage.rows, usage.readings.slice(0, 0)))
    pq.write_table(usage.rows, tmp_path / "u.parquet")
    for name, opened in (("u.arrow", pa.ipc.new_file), ("u.arrows", pa.ipc.new_stream), ("u.feather", pa.ipc.new_file)):
        with opened(tmp_path / name, ROWS) as writer:
            writer.write_table(usage.rows)
        assert digest(read_usage(tmp_path / name)) == rows
    assert digest(read_usage(tmp_path / "u.parquet")) == rows


def test_csv_plain_and_compressed_is_the_same_usage(tmp_path: Path) -> None:
    (tmp_path / "u.csv").write_text(CSV)
    (tmp_path / "u.csv.gz").write_bytes(gzip.compress(b"\xef\xbb\xbf" + CSV.encode()))
    usage = read_usage(tmp_path / "u.csv")
    assert usage.rows["labels"].to_pylist() == ['{"a":"1","b":"2"}', "{}"]
    assert usage.rows["cpu_ns"].to_pylist() == [5, 6]
    assert digest(usage) == digest(read_usage(tmp_path / "u.csv.gz"))


@pytest.mark.parametrize(
    ("old", "new", "row", "says"),
    [
        (",6\n", ",\n", 1, "cpu_ns is null"),
        (",6\n", ",6.5\n", 1, "not an integer"),
        (",6\n", "\n", 1, "7 cells, the header 8"),
        ("00:01:00Z", "00:01:30Z", 1, "not a multiple of 60 s"),
        ("T00:00:00Z", "T00:00:00", 0, "not in UTC"),
        ("cpu_ns", "cpu_s", -1, "unknown column 'cpu_s'"),
        ("service", "site", -1, "names a column twice"),
        ('"{""b""', '"{""b', 0, "labels is not JSON"),
        ('""1""}"', '""1""}', -1, "cannot be read"),
    ],
)
def test_a_mistake_in_a_csv_file_is_told_with_path_and_row(old: str, new: str, row: int, says: str, tmp_path: Path) -> None:
    path = tmp_path / "u.csv"
    assert old in CSV
    path.write_text(CSV.replace(old, new))
    with pytest.raises(UsageDataError, match=says) as refused:
        read_usage(path)
    assert (refused.value.path, refused.value.row) == (str(path), row)


@pytest.mark.parametrize("name", ["u.parquet", "u.arrow", "u.arrows", "u.csv.gz", "u.csv", "u.xlsx"])
@pytest.mark.parametrize("content", [None, b"", b"\xff\xfenonsense"])
def test_a_file_that_is_not_what_its_name_says_is_refused(name: str, content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageDataError) as refused:
        read_usage(path)
    assert refused.value.path == str(path)
    assert refused.value.advice
