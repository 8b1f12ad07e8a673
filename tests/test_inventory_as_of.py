"""Books as they were after a record: the same as books that never had more, and closed to whoever would write to them."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greencloud.errors import ConflictError
from greencloud.inventory import Books, Change, Draft, Journal

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def step(state: tuple[str, ...], change: Change) -> tuple[str, ...]:
    return (*state, change.body)


def books(folder: Path) -> Books:
    return Books(Journal(folder), actor="me", clock=lambda: NOW)


def write(books: Books, *words: str) -> None:
    for word in words:
        books.transact(lambda _, word=word: Draft("test.word", word))  # type: ignore[misc]


def state(books: Books) -> tuple[str, ...]:
    nothing: tuple[str, ...] = ()
    return books.fold(nothing, step).latest()


def test_earlier_books_say_what_they_said(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("books")

    @settings(max_examples=30)
    @given(st.lists(st.sampled_from("abc"), max_size=6), st.data())
    def law(words: list[str], data: st.DataObject) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        now = books(folder)
        for word in words:
            write(now, word)
            if data.draw(st.booleans()):
                state(now)  # what is folded already is no matter
        number = data.draw(st.integers(0, len(words)))
        then = now.as_of(number)
        assert state(then) == tuple(words[:number])
        assert [change.body for change in then.journal.changes()] == words[:number]
        write(now, "later")
        assert state(then) == tuple(words[:number])
        assert state(now) == (*words, "later")

    law()


@pytest.mark.parametrize("number", [1, 2])
def test_earlier_books_cannot_be_written_to(tmp_path: Path, number: int) -> None:
    now = books(tmp_path)
    write(now, "a", "b")
    with pytest.raises(ConflictError):
        write(now.as_of(number), "c")
    assert state(now) == ("a", "b")


def test_a_document_is_there_at_any_time(tmp_path: Path) -> None:
    now = books(tmp_path)
    write(now, "a")
    digest = now.journal.put_evidence(b"x")
    assert now.as_of(0).journal.evidence(digest) == b"x"
