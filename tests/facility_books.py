"""Example books, one that says little and one that says all that a book can, and the means to write them with changes."""

from __future__ import annotations

from collections.abc import Iterable
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


def one_host(accounts: Iterable[str], pue: str = "5/4") -> str:
    """A book of one metered host, h1, on which the accounts share the electricity of a site."""
    named = "".join(f'[[accounts]]\nid = "{account}"\n' for account in accounts)
    factors = "".join(
        f'[[factors]]\nzone = "Z"\nkind = "{kind}"\nstart = 2020-01-01\nend = 2100-01-01\ng_per_kwh = 400\nsource = "test"\n'
        for kind in ("location", "residual", "upstream")
    )
    return f"""
[facility]
name = "One host"
window = "1h"
default_site = "s1"
{named}
[[curves]]
name = "c"
points = [[0, 50], [1, 300]]
source = "test"
[[sites]]
id = "s1"
region = "r"
grid_zone = "Z"
pue = "{pue}"
scope1 = "none"
[[hosts]]
id = "h1"
site = "s1"
vcpu = 8
memory = "64 GiB"
curve = "c"
{factors}"""
