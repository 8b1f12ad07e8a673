"""Example books, one that says little and one that says all that a book can, and the means to write them with changes."""

from __future__ import annotations

from pathlib import Path

BOOKS = Path(__file__).parent / "books"
BOOK = (BOOKS / "north.toml").read_text(encoding="utf-8")
SOUTH = (BOOKS / "south.toml").read_text(encoding="utf-8")

METERS = "window_start,window_s,site,host,energy_kwh,covered_s,busy_cpu_ns\n"


def write(folder: Path, book: str = BOOK, **csv: str) -> Path:
    """The book in a folder, with CSV files by section that it names."""
    listed = "".join(f'{name} = "{name}.csv"\n' for name in csv)
    path = folder / "facility.toml"
    path.write_text(book + (f"\n[files]\n{listed}" if csv else ""), encoding="utf-8")
    for name, text in csv.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return path


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1
