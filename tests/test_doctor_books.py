"""``greencloud doctor`` examines the provider's books: each record, and each document of evidence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from greencloud.cli._doctor_books import books_findings
from greencloud.cli._finding import guarded
from greencloud.inventory import InventoryBooks, Journal
from inventory_world import books, entry
from serving import greencloud


@pytest.fixture
def there(tmp_path: Path) -> InventoryBooks:
    """Books with two records, of which the second names a document."""
    made = books(tmp_path)
    made.create_inventory_entry(entry("scope1"))
    digest = made.upload_evidence(b"invoice")
    made.create_inventory_entry(entry("scope2_market_based", evidence=(digest,)))
    return made


def statuses(folder: Path) -> list[tuple[str, str]]:
    return [(found.topic, found.status) for found in guarded("books", books_findings(Journal(folder)))]


def fault(folder: Path) -> str:
    [found] = [found for found in guarded("books", books_findings(Journal(folder))) if found.status == "fault"]
    return f"{found.topic}: {found.text}"


def record(folder: Path, number: int) -> Path:
    return folder / "changes" / f"{number:012d}.json"


def test_sound_books_are_said_to_be(there: InventoryBooks, tmp_path: Path) -> None:
    assert statuses(tmp_path) == [("books", "ok"), ("evidence", "ok")]
    texts = [found.text for found in books_findings(Journal(tmp_path))]
    assert texts == [
        f"2 records, each bound to the one before; the last is {there.journal.head()[1][:16]}",
        "1 documents, each as its name says",
    ]


def test_no_books_are_no_fault(tmp_path: Path) -> None:
    assert statuses(tmp_path / "none") == [("books", "ok")]


@pytest.mark.usefixtures("there")
def test_a_record_that_was_changed_removed_or_moved_is_a_fault(tmp_path: Path) -> None:
    first, second = record(tmp_path, 1), record(tmp_path, 2)
    whole = first.read_bytes()

    first.write_bytes(whole.replace(b"amy", b"bob"))
    assert fault(tmp_path).startswith("books: record 2 of the provider's books was damaged or changed")
    first.unlink()
    assert fault(tmp_path) == "books: record 1 of the provider's books is missing, though record 2 is there"
    second.rename(first)
    assert fault(tmp_path).startswith("books: record 1 of the provider's books was damaged or changed")


@pytest.mark.usefixtures("there")
def test_a_record_whose_content_is_not_of_its_kind_is_a_fault(tmp_path: Path) -> None:
    last = record(tmp_path, 2)
    document = json.loads(last.read_bytes())
    last.write_text(json.dumps({**document, "kind": "instrument.use", "body": {}}))
    assert fault(tmp_path).startswith("books: a record is not what it should be")


@pytest.mark.usefixtures("there")
def test_evidence_that_was_swapped_or_removed_is_a_fault(tmp_path: Path) -> None:
    [document] = (tmp_path / "evidence").iterdir()
    document.chmod(0o644)
    document.write_bytes(b"another invoice")
    assert fault(tmp_path) == f"evidence: a document of evidence was changed: {document.name}"
    document.unlink()
    assert fault(tmp_path) == f"evidence: evidence {document.name[:16]} is missing, and records name it"


def test_the_verb_examines_the_books_of_a_data_directory(tmp_path: Path) -> None:
    data = tmp_path / "data"
    greencloud("init", "--data", data)
    for scope in ("scope1", "scope3"):
        greencloud("inventory", "add", "--data", data, "--year", "2020", "--scope", scope, "--amount", "1t", "--source", "s")
    assert "2 records" in greencloud("doctor", "--data", data).stdout

    record(data / "books", 1).unlink()
    done = greencloud("doctor", "--data", data, check=False)

    assert done.returncode == 1
    assert "record 1 of the provider's books is missing" in done.stdout
