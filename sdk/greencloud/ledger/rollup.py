"""A roll-up as it is read: mapped into memory, one file for one site and one day or month (``rollup_table.py`` says what is in it).

A file is whole before it has its name: written aside, synced, renamed. Its metadata say what it was made from, and a digest of its
content, which is compared when a process opens it for the first time. What a file is damaged to after that is read within bounds.
"""

from __future__ import annotations

import json
import os
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal, Self, overload

import pyarrow as pa

from greencloud._sums import Columns
from greencloud.errors import StoreError
from greencloud.ledger.header import canonical_json
from greencloud.ledger.query import FILTERS, LABEL
from greencloud.ledger.rollup_table import FOLDED, ROLLUP, TEXTS, digest_of
from greencloud.ledger.segments import sync
from greencloud.ledger.sums import SUMS, Partial
from greencloud.results import FootprintQuery

__all__ = ["Question", "Rollup", "label_value", "read_rollup", "write_rollup"]

FORMAT: Final = 1
_KEY: Final = b"greencloud.rollup"
MOST_GROUPS: Final = (1 << 31) - 1
_PLACE: Final = {name: place for place, name in enumerate(TEXTS)}
_SHORT: Final = 256
_EVIDENCE: Final = ("quality", "methodology_version")


@dataclass(frozen=True, slots=True)
class Question:
    """What a query asks of each roll-up: ``by`` which dimensions, under which filters; ``folded``: of the second batch."""

    names: tuple[str, ...]
    columns: tuple[int, ...]
    by: tuple[int, ...]
    accounts: tuple[str, ...] | None
    filters: tuple[tuple[int, tuple[str, ...]], ...]
    folded: bool

    @classmethod
    def of(cls, query: FootprintQuery, names: tuple[str, ...]) -> Self:
        columns = ["labels" if name.startswith(LABEL) else name for name in names]
        by = tuple(dict.fromkeys(columns))
        filters = {column: getattr(query, field) for column, field in FILTERS.items() if column != "account"}
        filters = {column: values for column, values in filters.items() if values}
        touched = {*by, *filters, *(("account",) if query.accounts is not None else ())}
        return cls(
            names,
            tuple(by.index(column) for column in columns),
            tuple(_PLACE[name] for name in (*by, *_EVIDENCE)),
            query.accounts,
            tuple((_PLACE[column], values) for column, values in filters.items()),
            touched.isdisjoint(FOLDED),
        )


class Texts(Sequence[str]):
    """A sorted dictionary, of which each text is read when it is asked for."""

    __slots__ = ("_data", "_offsets", "_size")

    def __init__(self, texts: pa.StringArray) -> None:
        self._size = len(texts)
        _, offsets, data = texts.buffers()
        self._offsets = memoryview(offsets).cast("i") if self._size else memoryview(b"")
        self._data = memoryview(data or b"")

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[str]: ...
    def __getitem__(self, place: int | slice) -> str | Sequence[str]:
        if isinstance(place, slice):
            return [self[at] for at in range(*place.indices(self._size))]
        return str(self._data[self._offsets[place] : self._offsets[place + 1]], "utf-8")


def texts_of(texts: pa.StringArray) -> Sequence[str]:
    """The texts of a sorted dictionary; a short one is read at once."""
    return texts.to_pylist() if len(texts) <= _SHORT else Texts(texts)


def place_of(text: str, texts: Sequence[str]) -> int | None:
    """Where a text is among sorted texts."""
    place = bisect_left(texts, text)
    return place if place < len(texts) and texts[place] == text else None


class Rollup:
    """An open roll-up: ``made_from`` (kind, site, period, content), ``size`` in bytes, and its batches."""

    __slots__ = ("_accounts", "_columns", "_texts", "batches", "made_from", "size")

    def __init__(self, made_from: dict[str, str], batches: Sequence[pa.RecordBatch], size: int) -> None:
        self.made_from = made_from
        self.batches = batches
        self.size = size
        self._texts = [texts_of(batches[0][name].dictionary) for name in TEXTS]
        self._columns = [_columns(batch) for batch in batches]
        self._accounts = _buffer(batches[0]["account"].indices, "i")

    def partials(self, question: Question, start_us: int | None, most: int = MOST_GROUPS) -> Iterator[Partial]:
        """The partial sums that answer a question. ``start_us``: of their period, None where the query's time is the one period.

        Raises:
            ValueError: the file is damaged, or a label is not a text.
            OverflowError: the dimensions asked for have too many combinations, or more than ``most`` of them occur.
        """
        masks = []
        for column, values in question.filters:
            texts = self._texts[column]
            mask = bytearray(len(texts))
            for wanted in values:
                if (place := place_of(wanted, texts)) is not None:
                    mask[place] = 1
            masks.append((column, bytes(mask)))
        columns = self._columns[question.folded]
        bounds = array("q", (0, columns.rows)) if question.accounts is None else self._rows_of(question.accounts)
        texts_by = [self._texts[column] for column in question.by]
        for codes, flags, posted_us, amounts in columns.sums(question.by, masks, bounds, most):
            *own, quality, version = [texts[code] for texts, code in zip(texts_by, codes, strict=True)]
            told = [own[column] for column in question.columns]
            for place, name in enumerate(question.names):
                if name.startswith(LABEL):
                    told[place] = label_value(told[place], name)
            yield Partial(start_us, None, tuple(told), quality, version, flags, posted_us, amounts)

    def _rows_of(self, accounts: tuple[str, ...]) -> array[int]:
        places = {place for account in accounts if (place := place_of(account, self._texts[0])) is not None}
        bounds = array("q")
        for place in sorted(places):
            start = bisect_left(self._accounts, place)
            bounds.extend((start, bisect_right(self._accounts, place, start)))
        return bounds


def write_rollup(path: Path, made_from: dict[str, str], batches: Sequence[pa.RecordBatch], *, token: str) -> None:
    """Write a roll-up durably under its name. ``token`` makes the name that it is written aside under unique. Raises OSError."""
    description = canonical_json({**made_from, "format": FORMAT, "digest": digest_of(batches)})
    aside = path.parent / f".{path.name}-{token}.part"
    try:
        with aside.open("xb") as file:
            with pa.ipc.new_file(file, ROLLUP.with_metadata({_KEY: description})) as writer:
                for batch in batches:
                    writer.write_batch(batch)
            file.flush()
            os.fsync(file.fileno())
        aside.rename(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    sync(path.parent)


def read_rollup(path: Path, *, check: bool = False) -> Rollup:
    """Map a roll-up into memory.

    Raises:
        StoreError: missing, torn, not a roll-up, of another format; or, with ``check``, its content is not what was written.
    """
    try:
        with pa.memory_map(str(path)) as source:
            reader = pa.ipc.open_file(source)
            description = json.loads((reader.schema.metadata or {})[_KEY])
            batches = [reader.get_batch(place) for place in range(reader.num_record_batches)]
            if description.pop("format") != FORMAT or not reader.schema.equals(ROLLUP) or len(batches) != 2:
                raise StoreError(f"{path}: not a roll-up of format {FORMAT}", path=str(path), advice=_ADVICE)
            digest = description.pop("digest")
            if check:
                for batch in batches:
                    batch.validate(full=True)
            if check and digest != digest_of(batches):
                raise StoreError(f"{path}: the content is not what was written", path=str(path), advice=_ADVICE)
            return Rollup(description, batches, source.size())
    except (OSError, ValueError, KeyError, TypeError, AttributeError, pa.ArrowException) as error:
        raise StoreError(f"{path}: the roll-up cannot be read: {error}", path=str(path), advice=_ADVICE) from error


_ADVICE: Final = "delete the file: it is made again from the segments"


def _columns(batch: pa.RecordBatch) -> Columns:
    return Columns(
        [_buffer(batch[name].indices, "i") for name in TEXTS],
        [len(batch[name].dictionary) for name in TEXTS],
        [_buffer(batch[name], "q") for name in SUMS],
        _buffer(batch["flags"], "B"),
        _buffer(batch["posted"], "q"),
    )


def _buffer(values: Any, item: Literal["i", "q", "B"]) -> memoryview[int]:
    if not len(values):
        return memoryview(b"").cast(item)
    content: memoryview[int] = memoryview(values.buffers()[1]).cast("B").cast(item)
    return content[values.offset : values.offset + len(values)]


@lru_cache(maxsize=16_384)
def label_value(labels: str, name: str) -> str:
    """The value of the label that ``name`` (label:<key>) asks for, as SQL finds it in segments. Raises ValueError: no text."""
    value = json.loads(labels).get(name.removeprefix(LABEL), "")
    if not isinstance(value, str) or (not value.isascii() and not value.encode()):
        raise ValueError(f"label {value!r} is not a text")
    return value
