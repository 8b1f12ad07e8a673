"""A book that is wrong is refused at its file, line and key, with a remedy: one example for each class of mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from facility_books import BOOK, METERS, line_of, write
from greencloud.errors import FacilityError
from greencloud.facility import examine_facility, read_facility

# Name, what is replaced in the book, by what, text on the line to be told, key, part of the message, part of the advice.
# fmt: off
MISTAKES = (
    ("no TOML", "[weights]", "[weights", "[weights", "", "not TOML", "toml.io"),
    ("unknown section", "[[hardware]]", "[[hardwear]]", "[[hardwear]]", "hardwear", "unknown section", "'hardware'"),
    ("table for tables", BOOK[BOOK.index("[[certificates]]") : BOOK.index("[[hardware]]")], '[certificates]\nid = "x"\n',
     "[certificates]", "certificates", "wrong shape", "[[certificates]]"),
    ("unknown key", "unlisted_hosts =", "unlisted_host =", "unlisted_host =", "sites.unlisted_host", "unknown key",
     "did you mean 'unlisted_hosts'"),
    ("unknown key in the head", "default_site =", "defaultsite =", "defaultsite", "facility.defaultsite", "unknown key",
     "'default_site'"),
    ("missing key", 'region = "eu-north"\n', "", "[[sites]]", "sites.region", "needs 'region'", "add region"),
    ("text wanted", 'name = "North"', "name = 7", "name = 7", "facility.name", "not text", 'name = "..."'),
    ("bad window", '"15min"', '"7min"', '"7min"', "facility.window", "not allowed", "15min"),
    ("window without unit", '"15min"', "15", "window = 15", "facility.window", "no unit", '"15min"'),
    ("unknown default site", '_site = "osl1"', '_site = "osl2"', '"osl2"', "facility.default_site", "not in sites", "'osl1'"),
    ("bad account id", '"payments"\nname', '"(unsold)"\nname', '"(unsold)"', "accounts.id", "not an account id", "letters"),
    ("bad account kind", '"internal"', '"intern"', '"intern"', "accounts.kind", "not known", "'internal'"),
    ("repeated id", 'id = "platform"', 'id = "payments"', 'id = "payments"\nkind', "accounts.id", "is there already", "its own"),
    ("points descend", "[1, 3.97]", "[0.5, 1], [0.25, 2], [1, 3]", "points", "curves.points", "do not ascend", "[[0, 0.64]"),
    ("points end early", "[1, 3.97]", "[0.9, 3.97]", "points", "curves.points", "do not cover", "share 1"),
    ("points start late", "[0, 0.64]", "[0.1, 0.64]", "points", "curves.points", "do not cover", "share 0"),
    ("negative watts", "[0, 0.64]", "[0, -0.64]", "points", "curves.points", "negative", "watts"),
    ("points that are not pairs", "[1, 3.97]", "[1]", "points", "curves.points", "pairs", "[[0, 0.64]"),
    ("pue below 1", "pue = 1.12", "pue = 0.98", "pue = 0.98", "sites.pue", "below 1", "1.15"),
    ("pue in percent", "pue = 1.12", "pue = 112", "pue = 112", "sites.pue", "above 10", "not a percentage"),
    ("pue not finite", "pue = 1.12", "pue = nan", "pue = nan", "sites.pue", "not a number", "decimal digits"),
    ("unknown curve", 'curve = "lake"', 'curve = "lakes"', '"lakes"', "hosts.curve", "not in curves", "'lake'"),
    ("curve of hosts", "per_vcpu = true", "per_vcpu = false", "unlisted_hosts", "sites.unlisted_hosts", "whole hosts",
     "per_vcpu = true"),
    ("scope 1 in numbers", 'scope1 = "none"', 'scope1 = "low"', '"low"', "sites.scope1", "not known", "none"),
    ("silent scope 1", 'scope1 = "none"\n', "", "[[sites]]", "sites.scope1", "says nothing", 'scope1 = "none"'),
    ("two truths of scope 1", 'pue = "9/8"', 'scope1 = "none"', 'scope1 = "none"\n\n[[hosts]]', "sites.scope1", "books some",
     "remove"),
    ("zone without factors", 'kind = "residual"', 'kind = "upstream"', 'grid_zone = "NO"', "sites.grid_zone",
     "no residual factor", 'kind = "residual"'),
    ("unknown site of a host", 'id = "n01"\nsite = "osl1"', 'id = "n01"\nsite = "osl"', 'site = "osl"\n', "hosts.site",
     "not in sites", "'osl1'"),
    ("no vcpu", "vcpu = 8\nmemory = \"16 GB\"", "vcpu = 0\nmemory = \"16 GB\"", "vcpu = 0", "hosts.vcpu", "not above 0",
     "more than 0"),
    ("memory without unit", '"16 GiB"', "16", "memory = 16", "hosts.memory", "no unit", '"16 GiB"'),
    ("memory in a wrong unit", '"16 GiB"', '"16 Gb"', '"16 Gb"', "hosts.memory", "'Gb'", "GiB"),
    ("negative idle", "52.5", "-52.5", "-52.5", "hosts.idle_watts", "negative", "zero or more"),
    ("unknown account", 'dedicated_to = "payments"', 'dedicated_to = "billing"', '"billing"', "hosts.dedicated_to",
     "not in accounts", "[[accounts]]"),
    ("alias of two hosts", "idle_watts", 'aliases = ["node-1"]\nidle_watts', 'aliases = ["node-1"]', "hosts.aliases", "is taken",
     "remove one"),
    ("alias that is a host", '"node-1"', '"n02"', "aliases", "hosts.aliases", "is taken", "remove one"),
    ("repeated host", 'id = "n02"', 'id = "n01"', 'id = "n01"\nsite = "osl1"\nvcpu = 8\nmemory = "16 GB"', "hosts.id",
     "there already", "its own"),
    ("no offset", "2026-07-01T02:00:00+02:00", "2026-07-01T02:00:00", "T02:00:00", "reservations.end", "no UTC offset", "Z if UTC"),
    ("no offset in text", "2026-07-01T02:00:00+02:00", '"2026-07-01T02:00"', "T02:00", "reservations.end", "no UTC offset",
     "Z if UTC"),
    ("end before start", "2026-07-01T02:00:00+02:00", "2026-01-01", "end = 2026-01-01", "reservations.end", "not after start",
     "[start, end)"),
    ("overlapping reservations", "[[factors]]",
     '[[reservations]]\naccount = "payments"\nsite = "osl1"\nvcpu = 1\nmemory = "1 GiB"\nstart = 2026-06-30\n\n[[factors]]',
     "start = 2026-06-30", "reservations.start", "overlaps the one at", "2026-06-30T00:00:00Z"),
    ("overlapping factors", "[[certificates]]",
     '[[factors]]\nzone = "NO"\nkind = "location"\nstart = 2026-12-31\ng_per_kwh = 1\nsource = "x"\n\n[[certificates]]',
     "start = 2026-12-31", "factors.start", "overlaps the one at", "2026-12-31T00:00:00Z"),
    ("factor without unit", "g_per_kwh = 17.2", "intensity = 17.2", "intensity", "factors.intensity", "unknown key",
     "g_per_kwh or kg_per_mwh"),
    ("factor in a wrong unit", "g_per_kwh = 17.2", "g_per_mwh = 17.2", "g_per_mwh", "factors.g_per_mwh", "unknown key",
     "write g_per_kwh or kg_per_mwh"),
    ("factor twice", "g_per_kwh = 17.2", "g_per_kwh = 17.2\nkg_per_mwh = 17.2", "kg_per_mwh = 17.2", "factors.kg_per_mwh",
     "twice", "keep one"),
    ("no factor", "g_per_kwh = 17.2\n", "", "[[factors]]", "factors", "no factor", "g_per_kwh or kg_per_mwh"),
    ("factor with its unit as text", "g_per_kwh = 17.2", 'g_per_kwh = "17.2 g"', "17.2 g", "factors.g_per_kwh", "not a number",
     "decimal"),
    ("factor beyond all grids", "g_per_kwh = 17.2", "g_per_kwh = 17200", "17200", "factors.g_per_kwh", "more than any grid",
     "kg per MWh"),
    ("negative factor", "g_per_kwh = 17.2", "g_per_kwh = -17.2", "-17.2", "factors.g_per_kwh", "negative", "zero or more"),
    ("unknown kind of factor", 'kind = "location"', 'kind = "lifecycle"', "lifecycle", "factors.kind", "not known",
     "location, residual, upstream"),
    ("certificate without energy", "mwh = 1.5", "mwh = 0", "mwh = 0", "certificates.mwh", "no energy", "megawatt hours"),
    ("certificate in a wrong unit", "mwh = 1.5", "kwh = 1500", "kwh = 1500", "certificates.kwh", "unknown key", "write mwh"),
    ("certificate for a day", "end = 2026-11-23T15:00:00Z", "end = 2026-11-24T15:00:00Z", "2026-11-24", "certificates.end",
     "not for one UTC hour", "each hour"),
    ("certificate below a millijoule", "mwh = 1.5", "mwh = 0.0000000000001", "mwh = 0.00", "certificates.mwh",
     "not a whole number of millijoules", "round"),
    ("mass below a microgram", "1344.25", "1344.2500000001", "1344.25", "hardware.embodied_kg",
     "not a whole number of micrograms", "round"),
    ("mass beyond int64", "1344.25", "1e10", "1e10", "hardware.embodied_kg", "too large", "9223372036854775807"),
    ("life in months", "life_years = 4", "life_months = 48", "life_months", "hardware.life_months", "not a fixed number",
     "life_years or life_days"),
    ("two lives", "life_years = 4", "life_years = 4\nlife_days = 9", "life_days", "hardware.life_days", "two lives",
     "life_years or life_days"),
    ("no life", "life_years = 4\n", "", "[[hardware]]", "hardware.life_days", "no service life", "life_years or life_days"),
    ("half a year", "life_years = 4", "life_years = 4.5", "4.5", "hardware.life_years", "not a whole number", "round"),
    ("unknown host", 'host = "n01"', 'host = "n03"', 'host = "n03"', "hardware.host", "not in hosts", "did you mean"),
    ("host of another site", 'site = "osl1"\nhost', 'site = "sto1"\nhost', 'host = "n01"', "hardware.host", "at site 'osl1'",
     "site"),
    ("in service at noon", "= 2024-02-29", "= 2024-02-29T12:00:00Z", "2024-02-29T12", "hardware.in_service", "as a date",
     "2026-01-01"),
    ("mass without unit", "kg = 5300", "tonnes = 5.3", "tonnes", "direct_emissions.tonnes", "unknown key", "write kg"),
    ("negative mass", "kg = 5300", "kg = -1", "kg = -1", "direct_emissions.kg", "negative", "zero or more"),
    ("unknown file", "[weights]", '[files]\nfactors = "no.csv"\n\n[weights]', 'factors = "no.csv"', "", "cannot be read",
     "beside the book"),
    ("unknown weight", "memory_gib = 0.05", "ram = 0.05", "ram", "weights.ram", "unknown key", "memory_gib"),
)
# fmt: on


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake[0])
def test_a_mistake_is_told_with_its_line_and_remedy(mistake: tuple[str, ...], tmp_path: Path) -> None:
    _, old, new, at, key, says, advises = mistake
    assert old in BOOK
    text = BOOK.replace(old, new, 1)
    path = write(tmp_path, text)
    examined = examine_facility(path)
    assert examined.facility is None
    error = next((error for error in examined.errors if says in error.message), examined.errors[0])
    assert says in error.message
    assert advises in error.advice
    assert (error.path, error.line, error.key) == (str(path), line_of(text, at), key)
    with pytest.raises(FacilityError):
        read_facility(path)


FACTORS = "zone,kind,start,end,{},source\nSE,location,2026-01-01,2026-01-02,{},x\n"
CSV_MISTAKES = {
    "no unit": ("factors", FACTORS.format("value", 1), 1, "unknown column 'value'", "write g_per_kwh or kg_per_mwh"),
    "wrong unit": ("factors", FACTORS.format("lb_per_mwh", 1), 1, "unknown column", "write g_per_kwh or kg_per_mwh"),
    "no column": ("factors", "zone,kind,start,end,source\n", 1, "no column with a unit", "write g_per_kwh or kg_per_mwh"),
    "typo": ("factors", FACTORS.format("g_per_kwh", 1).replace("zone", "zoned"), 1, "unknown column", "'zone'"),
    "column twice": ("factors", FACTORS.format("g_per_kwh,kind", "1,x"), 1, "twice", "keep one"),
    "bad number": ("factors", FACTORS.format("g_per_kwh", '"1,5"'), 2, "not a number", "0.35"),
    "negative": ("factors", FACTORS.format("kg_per_mwh", -1), 2, "negative", "zero or more"),
    "empty cell": ("factors", FACTORS.format("g_per_kwh", ""), 2, "no factor", "g_per_kwh"),
    "short row": ("factors", FACTORS.format("g_per_kwh", 1) + "SE,location\n", 3, "2 cells", "one cell for each"),
    "no offset": ("factors", FACTORS.format("g_per_kwh", 1).replace("-01,", "-01T00:00,"), 2, "no UTC offset", "Z if UTC"),
    "overlap": (
        "factors",
        FACTORS.format("g_per_kwh", 1) + "SE,location,2026-01-01T23:00Z,,2,x\n",
        3,
        "overlaps",
        "2026-01-01T23:00:00Z",
    ),
    "empty file": ("factors", "", 1, "empty", "header"),
    "open quote": ("factors", FACTORS.format("g_per_kwh", 1) + 'SE,"location\n', 3, "not CSV", "quotes"),
    "meter unit": ("meters", "window_start,window_s,site,host,energy_mwh\n", 1, "unknown column", "energy_kwh or energy_j"),
    "meter too coarse": ("meters", METERS + "2026-01-01T00:00Z,3600,osl1,,1,,\n", 2, "do not divide", "finer"),
    "meter unaligned": ("meters", METERS + "2026-01-01T00:01Z,900,osl1,,1,,\n", 2, "not a multiple", "align"),
    "meter of no host": ("meters", METERS + "2026-01-01T00:00Z,900,osl1,n09,1,,\n", 2, "not in hosts", "did you mean"),
    "meter of another site": ("meters", METERS + "2026-01-01T00:00Z,900,sto1,n01,1,,\n", 2, "at site 'osl1'", "site"),
    "meter twice": (
        "meters",
        METERS + "2026-01-01T00:00Z,900,osl1,n01,1,,\n2026-01-01T00:05Z,60,osl1,node-1,1,,\n",
        3,
        "overlaps",
        "twice",
    ),
    "meter covers too much": ("meters", METERS + "2026-01-01T00:00Z,900,osl1,,1,901,\n", 2, "covered_s", "seconds"),
    "meter below a millijoule": ("meters", METERS + "2026-01-01T00:00Z,900,osl1,,0.0000000001,,\n", 2, "millijoules", "round"),
}


@pytest.mark.parametrize("mistake", CSV_MISTAKES.values(), ids=CSV_MISTAKES)
def test_a_mistake_in_a_csv_file_is_told_at_its_row(mistake: tuple[str, str, int, str, str], tmp_path: Path) -> None:
    section, text, line, says, advises = mistake
    (error,) = examine_facility(write(tmp_path, **{section: text})).errors
    assert says in error.message
    assert advises in error.advice
    assert (error.path, error.line) == (str(tmp_path / f"{section}.csv"), line)


def test_every_mistake_is_collected_in_one_look(tmp_path: Path) -> None:
    text = BOOK.replace("pue = 1.12", "pue = 0.5").replace("52.5", "-1").replace("kg = 5300", "kg = -1")
    examined = examine_facility(write(tmp_path, text))
    assert [error.key for error in examined.errors] == ["sites.pue", "hosts.idle_watts", "direct_emissions.kg"]
    with pytest.raises(FacilityError) as told:
        read_facility(tmp_path / "facility.toml")
    assert "2 more mistakes" in told.value.advice


def test_the_same_mistake_in_every_row_is_not_told_for_every_row(tmp_path: Path) -> None:
    factors = "zone,kind,start,end,g_per_kwh,source\n" + "SE,location,2026-01-01,2026-01-02,-1,x\n" * 100
    examined = examine_facility(write(tmp_path, factors=factors))
    assert (len(examined.errors), examined.untold) == (20, 80)


def test_lines_are_right_behind_strings_and_arrays_of_many_lines(tmp_path: Path) -> None:
    text = BOOK.replace('name = "North"', 'name = "North" # [[sites]] "').replace(
        '"measured"', '"""\\\n  [[sites]]\n  pue = \\"0\\" \'\'\' \\\n  """'
    )
    text = text.replace('["10.0.0.1", "node-1"]', '[\n  "10.0.0.1", # ]\n  "]",\n]').replace("kg = 5300", "kg = -1")
    (error,) = examine_facility(write(tmp_path, text)).errors
    assert error.line == line_of(text, "kg = -1")
