"""A book that is wrong is refused at its file, line and key, with a remedy: one example for each class of mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from facility_books import BOOK, METERS, SOUTH, line_of, write
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
    ("factor after one without end", "[[certificates]]",
     '[[factors]]\nzone = "NO"\nkind = "upstream"\nstart = 3026-01-01\ng_per_kwh = 1\nsource = "x"\n\n[[certificates]]',
     "start = 3026-01-01", "factors.start", "which has no end", "3026-01-01T00:00:00Z"),
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
    ("half a year", "life_years = 4", "life_years = 4.5", "4.5", "hardware.life_years", "= 4.5 is not a whole number",
     "round"),
    ("unknown host", 'host = "n01"', 'host = "n03"', 'host = "n03"', "hardware.host", "not in hosts", "did you mean"),
    ("host of another site", 'site = "osl1"\nhost', 'site = "sto1"\nhost', 'host = "n01"', "hardware.host", "at site 'osl1'",
     "site"),
    ("in service at noon", "= 2024-02-29", "= 2024-02-29T12:00:00Z", "2024-02-29T12", "hardware.in_service", "as a date",
     "2026-01-01"),
    ("mass without unit", "kg = 5300", "tonnes = 5.3", "tonnes", "direct_emissions.tonnes", "unknown key", "write kg"),
    ("negative mass", "kg = 5300", "kg = -1", "kg = -1", "direct_emissions.kg", "negative", "zero or more"),
    ("unknown file", "[weights]", '[files]\nfactors = "no.csv"\n\n[weights]', 'factors = "no.csv"', "", "cannot be read",
     "beside the book"),
    ("weight over nothing", "memory_gib = 0.05", 'memory_gib = "1/0"', '"1/0"', "weights.memory_gib", "divides by zero",
     "another denominator"),
    ("unknown weight", "memory_gib = 0.05", "ram = 0.05", "ram", "weights.ram", "unknown key", "memory_gib"),
    # Of the book that says all.
    ("tenant that passes on", 'id = "shop"', 'id = "shop"\npasses = "all"', 'passes = "all"', "accounts.passes", "is a tenant",
     'kind = "internal"'),
    ("unknown passes", '"dynamic"', '"idle"', '"idle"', "accounts.passes", "not known", "all, dynamic"),
    ("tenant that works for others", 'account = "queue"', 'account = "bank"', 'account = "bank"', "declared_use.account",
     "is a tenant", 'kind = "internal"'),
    ("unknown worker", 'account = "queue"', 'account = "queues"', '"queues"', "declared_use.account", "not in accounts", "'queue'"),
    ("unknown caller", 'caller = "shop"', 'caller = "shops"', '"shops"', "declared_use.caller", "not in accounts", "'shop'"),
    ("its own caller", 'caller = "shop"', 'caller = "queue"', 'caller = "queue"', "declared_use.caller", "its own caller", "keeps"),
    ("share in percent", "share = 0.6", "share = 60", "share = 60", "declared_use.share", "above 1", 'share = 0.6 or "60 %"'),
    ("share of nothing", "share = 0.6", "share = 0", "share = 0", "declared_use.share", "not above 0", "more than 0"),
    ("share without source", 'source = "agreement 1"\n', "", "[[declared_use]]", "declared_use.source", "needs 'source'", "source"),
    ("shares of more than all", '"40 %"', '"41 %"', '"41 %"', "declared_use.share", "add up to 1.01 from 2026-01-01",
     "at most 1 together"),
    ("overlapping shares", 'caller = "bank"\nshare = "40 %"\nstart = 2026-01-01',
     'caller = "shop"\nshare = "40 %"\nstart = 2026-06-30', "start = 2026-06-30", "declared_use.start", "overlaps the one at",
     "2026-06-30T00:00:00Z"),
    ("curve without certainty", "uncertainty = 0.2", "uncertainty = 20", "uncertainty = 20", "curves.uncertainty", "above 2",
     'uncertainty = 0.2 or "20 %"'),
    ("uncertain beyond all", "uncertainty = 0.2", 'uncertainty = "201 %"', '"201 %"', "curves.uncertainty", "above 2",
     "at most 200 %"),
    ("negative uncertainty", "uncertainty = 0.2", "uncertainty = -0.2", "uncertainty = -0.2", "curves.uncertainty", "negative",
     "zero or more"),
    ("uncertainty in words", "uncertainty = 0.2", 'uncertainty = "low"', '"low"', "curves.uncertainty", "not a number", "0.35"),
    ("unknown default", "upstream = \"45", "grid = \"45", "grid", "uncertainty.grid", "unknown key", "location"),
    ("ramp-up of what", "mature_share = 0.8\n", "", "ramp_up_until", "sites.ramp_up_until", "without mature_share", "0.8"),
    ("mature when", "ramp_up_until = 2026-06-01T12:00:00+02:00\n", "", "mature_share", "sites.mature_share",
     "without ramp_up_until", "2027-01-01"),
    ("mature beyond all", "mature_share = 0.8", "mature_share = 80", "= 80", "sites.mature_share", "above 1", '0.8 or "80 %"'),
    ("ramp-up without offset", "12:00:00+02:00", "12:00:00", "12:00:00", "sites.ramp_up_until", "no UTC offset", "Z if UTC"),
    ("uncertain of no pue", "pue = 1.2\n", "", "pue_uncertainty", "sites.pue_uncertainty", "no pue", "meter_uncertainty"),
    ("unknown kind of host", 'kind = "network"', 'kind = "router"', '"router"', "hosts.kind", "not known",
     "did you mean 'compute'?"),
    ("computer without vcpu", "vcpu = 64\n", "", "[[hosts]]", "hosts.vcpu", "needs 'vcpu'", "add vcpu"),
    ("computer without memory", 'memory = "512 GiB"\n', "", "[[hosts]]", "hosts.memory", "needs 'memory'", '"16 GiB"'),
    ("cores of a switch", 'kind = "network"\ncurve = "host"', 'kind = "network"\ncurve = "core"', 'curve = "core"', "hosts.curve",
     "the host has none", "whole hosts"),
    ("cores of a gpu", 'gpu_curve = "gpu"', 'gpu_curve = "core"', 'gpu_curve = "core"', "hosts.gpu_curve", "not of one GPU",
     "without per_vcpu"),
    ("no gpu to rate", "gpus = 8\n", "", "gpu_curve", "hosts.gpu_curve", "no GPU", "add gpus"),
    ("negative gpus", "gpus = 8", "gpus = -8", "gpus = -8", "hosts.gpus", "negative", "zero or more"),
    ("ssd without unit", '"3.84 TB"', "3.84", "ssd = 3.84", "hosts.ssd", "ssd 3.84 has no unit", '"16 GiB"'),
    ("hdd in a wrong unit", '"16 TiB"', '"16 Tb"', '"16 Tb"', "hosts.hdd", "'Tb'", "TiB"),
    ("reservation of nothing", 'gpus = 2\nssd = "1 TiB"\nhdd = "500 GB"', "vcpu = 0", "[[reservations]]", "reservations",
     "of nothing", "vcpu, memory, gpus, ssd or hdd"),
    ("unknown quality", '"very good"', '"excellent"', '"excellent"', "factors.data_quality", "not known",
     "very good, good, fair, poor"),
    ("certificate of no market", 'id = "fr-1"\nzone = "FR"', 'id = "fr-1"\nzone = "GB"', 'zone = "GB"', "certificates.zone",
     "no site lies in grid zone 'GB'", "its own grid zone alone"),
    ("certificate for which site", 'site = "fra2"\npurpose', "purpose", '[[certificates]]\nid = "de-1"', "certificates.site",
     "has the sites fra1, fra2", 'add site = "fra1"'),
    ("certificate across the border", 'site = "fra2"\npurpose', 'site = "par1"\npurpose', 'site = "par1"\npurpose',
     "certificates.site", "lies in grid zone 'FR'", "fra1 or fra2"),
    ("certificate of an unknown site", 'site = "fra2"\npurpose', 'site = "fra3"\npurpose', '"fra3"', "certificates.site",
     "not in sites", "did you mean"),
    ("unknown purpose", 'purpose = "losses"', 'purpose = "loss"', '"loss"', "certificates.purpose", "not known", "'losses'"),
    ("unknown kind of hardware", 'kind = "building"', 'kind = "hall"', 'kind = "hall"', "hardware.kind", "not known",
     "it, building"),
    ("building in a host", 'kind = "building"', 'kind = "building"\nhost = "g1"', 'host = "g1"\nembodied_kg = 9', "hardware.host",
     "a building does not belong", "remove host"),
    ("retired before its service", "retired = 2026-09-01", "retired = 2024-02-29", "retired = 2024", "hardware.retired",
     "not after in_service", "first day out of service"),
    ("unknown end", '"write_off"', '"scrap"', '"scrap"', "hardware.on_retirement", "not known", "continue, write_off"),
    ("unknown potentials", '"AR5"', '"AR7"', '"AR7"', "facility.gwp", "not known", "did you mean"),
    ("records of no day", "2026-03-01\n", '"March"\n', '"March"', "facility.hardware_as_of", "as a date", "2026-01-01"),
    ("unknown gas", '"R-410A"', '"R410A"', '"R410A"', "direct_emissions.gas", "not known", "did you mean 'R-410A'?"),
    ("gas without figure", '"R-410A"', '"R-1234yf"', '"R-1234yf"', "direct_emissions.gas", "AR5 gives no single GWP",
     'gwp = "AR6"'),
    ("which methane", '"R-410A"', '"CH4"', '"CH4"', "direct_emissions.gas", "no single GWP of CH4", "'CH4 fossil'"),
    ("gas without mass", "gas_kg = 2.5\n", "", '[[direct_emissions]]\nid = "chiller"', "direct_emissions", "no mass of gas",
     "gas_kg"),
    ("mass of no gas", 'gas = "R-410A"\n', "", '[[direct_emissions]]\nid = "chiller"', "direct_emissions.gas", "needs 'gas'",
     "add gas"),
    ("gas and mass", "gas_kg = 2.5", "gas_kg = 2.5\nkg = 1", 'gas = "R-410A"', "direct_emissions.gas", "as kg and as gas",
     "keep one"),
    ("gas and fuel", 'fuel = "diesel"', 'fuel = "diesel"\ngas_kg = 1', "fuel =", "direct_emissions.fuel", "as gas and as fuel",
     "keep one"),
    ("fuel without quantity", "litres = 1200\n", "", '[[direct_emissions]]\nid = "generator"', "direct_emissions",
     "no quantity of fuel", "litres or m3 or kwh or fuel_kg"),
    ("two quantities of fuel", "litres = 1200", "litres = 1200\nkwh = 12000", "kwh = 12000", "direct_emissions.kwh", "twice",
     "keep one"),
    ("fuel without factor", "kg_per_unit = 2.66\n", "", '[[direct_emissions]]\nid = "generator"', "direct_emissions.kg_per_unit",
     "needs 'kg_per_unit'", "add kg_per_unit"),
    ("fuel in grams", "kg_per_unit = 2.66", "kg_per_unit = 2660", "kg_per_unit", "direct_emissions.kg_per_unit",
     "more than any fuel", "kilograms of CO2e per litre"),
    ("gas beyond int64", "gas_kg = 2.5", "gas_kg = 1e10", "1e10", "direct_emissions.gas_kg", "too large", "9223372036854775807"),
)
# fmt: on


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake[0])
def test_a_mistake_is_told_with_its_line_and_remedy(mistake: tuple[str, ...], tmp_path: Path) -> None:
    _, old, new, at, key, says, advises = mistake
    book = BOOK if old in BOOK else SOUTH
    assert old in book
    text = book.replace(old, new, 1)
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


def test_a_site_without_grid_zone_does_not_make_its_certificates_wrong(tmp_path: Path) -> None:
    text = SOUTH.replace('grid_zone = "FR"', 'grid_zones = "FR"')
    assert [error.key for error in examine_facility(write(tmp_path, text)).errors if "certificates" in error.key] == []


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
