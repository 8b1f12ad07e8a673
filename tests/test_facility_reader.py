"""A book that is right is read exactly, and its revision is that of its content."""

from __future__ import annotations

import gzip
import re
import shutil
from datetime import UTC, date, datetime
from fractions import Fraction
from pathlib import Path

import pytest
from click.testing import CliRunner

from facility_books import BOOK, METERS, SOUTH, line_of, write
from greencloud.cli import main
from greencloud.errors import FacilityError
from greencloud.facility import (
    FOREVER,
    AccountKind,
    DeclaredUse,
    FactorKind,
    HostKind,
    ResourceWeights,
    Uncertainties,
    check_account_id,
    examine_facility,
    read_facility,
    starter_facility,
)
from greencloud.units import Window


def test_a_book_is_read_exactly(tmp_path: Path) -> None:
    book = read_facility(write(tmp_path))
    assert (book.name, book.window_seconds, book.default_site) == ("North", 900, "osl1")
    assert book.accounts["payments"].kind is AccountKind.TENANT
    assert book.is_internal("platform")
    assert book.curves["lake"].watts(Fraction(1, 2), Fraction(8)) == 8 * (Fraction("0.64") + Fraction("3.97")) / 2
    assert (book.sites["osl1"].pue, book.sites["sto1"].pue) == (Fraction("1.12"), Fraction(9, 8))
    assert (book.sites["osl1"].scope1_declared_none, book.sites["sto1"].scope1_declared_none) == (True, False)
    assert book.hosts["osl1", "n01"].memory_bytes == 16 << 30
    assert book.hosts["osl1", "n02"].memory_bytes == 16 * 10**9
    assert book.hosts["osl1", "n02"].idle_watts == Fraction("52.5")
    assert book.reservations[0].end == datetime(2026, 7, 1, tzinfo=UTC)
    assert [factor.micrograms_per_kwh for factor in book.factors] == [17_200_000, 502_100_000, 5_000_000]
    assert book.factors[1].end == FOREVER
    assert book.certificates[0].millijoules == 1500 * 3_600_000_000
    assert (book.hardware[0].embodied_micrograms, book.hardware[0].in_service) == (1_344_250_000_000, date(2024, 2, 29))
    assert book.hardware[0].life_days == 1461
    assert book.direct_emissions[0].micrograms == 5300 * 10**9
    assert book.weights.memory_gib == Fraction(1, 20)


def test_a_book_that_says_all_is_read_exactly(tmp_path: Path) -> None:
    book = read_facility(write(tmp_path, SOUTH))
    start = datetime(2026, 1, 1, tzinfo=UTC)
    assert (book.gwp_set, book.hardware_as_of) == ("AR5", date(2026, 3, 1))
    assert book.weights == ResourceWeights(
        ssd_tib=Fraction("0.9"), hdd_tib=Fraction(1, 7), disk_gib=Fraction("0.01"), network_gib=Fraction("0.02")
    )
    assert book.uncertainties == Uncertainties(meter=Fraction("0.01"), upstream=Fraction("0.45"))
    assert [book.accounts[name].passes for name in ("shop", "queue")] == ["all", "dynamic"]
    assert book.declared_uses == (
        DeclaredUse("queue", "shop", Fraction(3, 5), start, datetime(2026, 7, 1, tzinfo=UTC), "agreement 1"),
        DeclaredUse("queue", "bank", Fraction(2, 5), start, FOREVER, "agreement 2"),
    )
    assert book.declared_callers("queue", Window(datetime(2026, 7, 1, tzinfo=UTC))) == {"bank": Fraction(2, 5)}
    assert [book.curves[name].uncertainty for name in ("host", "gpu")] == [Fraction("0.2"), None]
    site = book.sites["par1"]
    assert (site.ramp_up_until, site.mature_share) == (datetime(2026, 6, 1, 10, tzinfo=UTC), Fraction("0.8"))
    assert (site.pue_uncertainty, site.meter_uncertainty) == (Fraction("0.03"), Fraction("0.015"))
    host, switch = book.hosts["par1", "g1"], book.hosts["par1", "sw1"]
    assert (host.kind, host.gpus, host.gpu_curve, host.meter_uncertainty) == (
        HostKind.COMPUTE,
        Fraction(8),
        "gpu",
        Fraction("0.005"),
    )
    assert (host.ssd_bytes, host.hdd_bytes) == (3_840_000_000_000, 16 << 40)
    assert (switch.kind, switch.vcpu, switch.memory_bytes) == (HostKind.NETWORK, Fraction(0), 0)
    (held,) = book.reservations
    assert (held.vcpu, held.memory_bytes, held.gpus) == (Fraction(0), 0, Fraction(2))
    assert (held.ssd_bytes, held.hdd_bytes) == (1 << 40, 500 * 10**9)
    assert book.factor("FR", FactorKind.LOSSES, Window(start)).micrograms_per_kwh == 4_000_000
    assert [(factor.uncertainty, factor.data_quality) for factor in book.factors[:2]] == [
        (Fraction("0.07"), "very good"),
        (None, ""),
    ]
    assert [(held.purpose, held.site) for held in book.certificates] == [("load", ""), ("losses", "fra2")]
    server, hall = book.hardware
    assert (server.kind, server.retired, server.on_retirement) == ("it", date(2026, 9, 1), "write_off")
    assert (server.uncertainty, server.data_quality) == (Fraction("0.4"), "fair")
    assert (hall.kind, hall.retired, hall.on_retirement, hall.life_days) == ("building", None, "continue", 10957)
    assert [emission.uncertainty for emission in book.direct_emissions] == [Fraction("0.1"), None]
    assert [emission.data_quality for emission in book.direct_emissions] == ["good", ""]


def test_what_an_old_book_does_not_say_is_as_before(tmp_path: Path) -> None:
    book = read_facility(write(tmp_path))
    assert (book.gwp_set, book.hardware_as_of, book.declared_uses) == ("AR6", None, ())
    assert (book.weights, book.uncertainties) == (ResourceWeights(), Uncertainties())
    assert {host.kind for host in book.hosts.values()} == {HostKind.COMPUTE}
    assert not [host for host in book.hosts.values() if host.gpus or host.gpu_curve or host.ssd_bytes or host.hdd_bytes]
    assert [(asset.kind, asset.retired) for asset in book.hardware] == [("it", None)]
    assert book.direct_emissions[0].basis == ""


@pytest.mark.parametrize(("day", "kept"), [("2028-02-28", date(2028, 2, 28)), ("2028-02-29", None), ("2031-01-01", None)])
def test_a_retirement_after_all_is_booked_says_nothing(day: str, kept: date | None, tmp_path: Path) -> None:
    """In service on 29 February 2024 for four years: the last day of its life is 28 February 2028."""
    asset = read_facility(write(tmp_path, SOUTH.replace("retired = 2026-09-01", f"retired = {day}"))).hardware[0]
    assert (asset.retired, asset.on_retirement) == (kept, "write_off" if kept else "continue")


def test_sections_of_the_whole_book_come_from_csv_as_well(tmp_path: Path) -> None:
    tables = {
        "declared_use": "account,caller,share,start,end,source\n"
        "queue,shop,0.6,2026-01-01,2026-07-01,agreement 1\nqueue,bank,40 %,2026-01-01,,agreement 2\n",
        "direct_emissions": "id,site,start,end,gas,gas_kg,fuel,litres,kg_per_unit,source,uncertainty,data_quality\n"
        "chiller,par1,2026-01-01,2027-01-01,R-410A,2.5,,,,refrigerant log,0.1,good\n"
        "generator,par1,2026-01-01,2027-01-01,,,diesel,1200,2.66,delivery notes,,\n",
    }
    text = "\n[[".join(table for table in SOUTH.split("\n[[") if table.partition("]]")[0] not in tables)
    csv, plain = tmp_path / "csv", tmp_path / "plain"
    csv.mkdir()
    plain.mkdir()
    assert read_facility(write(csv, text + "\n", **tables)).revision == read_facility(write(plain, SOUTH)).revision


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"AR5"', '"AR6"'),
        ("2026-03-01", "2026-03-02"),
        ('"1/7"', '"1/8"'),
        ('"45 %"', '"46 %"'),
        ('"dynamic"', '"all"'),
        ("share = 0.6", "share = 0.5"),
        ("uncertainty = 0.2", "uncertainty = 0.21"),
        ("0.03", "0.04"),
        ('"1.5 %"', '"1.6 %"'),
        ("+02:00", "+01:00"),
        ("mature_share = 0.8", "mature_share = 0.9"),
        ("gpus = 8", "gpus = 4"),
        ("3.84 TB", "7.68 TB"),
        ('"network"', '"storage"'),
        ("500 GB", "501 GB"),
        ('"very good"', '"good"'),
        ('"fra2"\npurpose', '"fra1"\npurpose'),
        ('purpose = "losses"', 'purpose = "load"'),
        ('kind = "building"', 'kind = "it"'),
        ("2026-09-01", "2026-09-02"),
        ('"write_off"', '"continue"'),
        ("gas_kg = 2.5", "gas_kg = 2.6"),
    ],
)
def test_the_revision_is_of_all_that_a_book_says(old: str, new: str, tmp_path: Path) -> None:
    assert SOUTH.count(old) == 1
    changed = tmp_path / "changed"
    changed.mkdir()
    tables = SOUTH.split("\n[[")
    shuffled = tables[0] + "\n[[" + "\n[[".join(reversed(tables[1:])) + "\n"
    first = read_facility(write(tmp_path, SOUTH)).revision
    assert read_facility(write(changed, shuffled)).revision == first
    assert read_facility(write(changed, SOUTH.replace(old, new))).revision != first


def test_name_and_default_site_do_not_change_places(tmp_path: Path) -> None:
    revisions = []
    for name, site in (("sto1", "osl1"), ("osl1", "sto1")):
        text = BOOK.replace('name = "North"', f'name = "{name}"').replace('default_site = "osl1"', f'default_site = "{site}"')
        revisions.append(read_facility(write(tmp_path, text)).revision)
    assert revisions[0] != revisions[1]


def test_a_factor_knows_where_it_was_written(tmp_path: Path) -> None:
    path = write(tmp_path)
    factor = read_facility(path).factors[0]
    assert (factor.path, factor.line) == (str(path), line_of(BOOK, "[[factors]]"))


def test_the_starter_book_says_that_its_figures_are_defaults() -> None:
    book = starter_facility()
    assert list(book.sites) == ["default"]
    assert book.default_site == "default"
    assert not book.hosts
    assert book.curves[book.sites["default"].unlisted_hosts].per_vcpu
    for at in (2020, 2026, 2099):
        window = Window(datetime(at, 1, 1, tzinfo=UTC))
        assert all(book.factor("default", kind, window).micrograms_per_kwh > 0 for kind in set(FactorKind) - {FactorKind.LOSSES})
        assert not book.direct_at("default", window)
    sources = [factor.source for factor in book.factors] + [curve.source for curve in book.curves.values()]
    assert all("DEFAULT, to be replaced" in source for source in [*sources, book.sites["default"].source])
    assert all("Electricity Maps (2025)" in factor.source for factor in book.factors)


def test_series_come_from_csv_files_beside_the_book(tmp_path: Path) -> None:
    factors = "zone,kind,start,end,g_per_kwh,source\n" + "".join(
        f"SE,{kind},2026-01-01T{hour:02}:00:00Z,2026-01-01T{hour + 1:02}:00:00Z,{hour}.5,SVK\n"
        for kind in ("location", "residual", "upstream")
        for hour in range(3)
    )
    book = read_facility(write(tmp_path, factors=factors))
    found = book.factor("SE", FactorKind.RESIDUAL, Window(datetime(2026, 1, 1, 2, 15, tzinfo=UTC), 900))
    assert found.micrograms_per_kwh == 2_500_000
    assert (found.path, found.line) == (str(tmp_path / "factors.csv"), 7)
    with pytest.raises(FacilityError, match="no residual factor"):
        book.factor("SE", FactorKind.RESIDUAL, Window(datetime(2026, 1, 1, 3, tzinfo=UTC), 900))


def test_hosts_in_csv_and_gzip_are_the_same_hosts(tmp_path: Path) -> None:
    before, rest = BOOK.split('[[hosts]]\nid = "n01"')
    rest = rest.partition("[[reservations]]")[2]
    hosts = "id,site,vcpu,memory,curve,idle_watts,dedicated_to,aliases\n"
    hosts += "n02,osl1,8,16 GB,,52.5,payments,\nn01,osl1,8,16 GiB,lake,,,node-1 10.0.0.1\n"
    path = write(tmp_path, f'{before}[[reservations]]{rest}\n[files]\nhosts = ["hosts.csv.gz"]\n')
    (tmp_path / "hosts.csv.gz").write_bytes(gzip.compress(hosts.encode()))
    plain = tmp_path / "plain"
    plain.mkdir()
    assert read_facility(path).revision == read_facility(write(plain)).revision
    assert examine_facility(path).files == (path, tmp_path / "hosts.csv.gz")


def test_the_revision_is_of_the_content_and_not_of_its_form(tmp_path: Path) -> None:
    first = read_facility(write(tmp_path)).revision
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    tables = BOOK.split("\n[[")
    shuffled = tables[0] + "\n# a remark\n[[" + "\n[[".join(reversed(tables[1:])) + "\n"
    assert read_facility(write(moved, shuffled.replace("17.2", "17.20"))).revision == first
    for old, new in (
        ("17.2", "17.21"),
        ("2027-01-01\ng", "2027-01-02\ng"),
        ("NVE", "SSB"),
        ("n01-server", "n01-box"),
        ('"15min"', '"5min"'),
    ):
        assert read_facility(write(moved, BOOK.replace(old, new))).revision != first, old


def test_meter_readings_are_summed_into_the_windows_of_the_book(tmp_path: Path) -> None:
    rows = "".join(f"2026-01-01T00:{minute:02}:00Z,60,osl1,node-1,0.001,{50 + minute},\n" for minute in range(10))
    rows += "2026-01-01T00:15:00Z,900,osl1,,1.25,,\n2026-01-01T00:00:00Z,900,osl1,n02,,,7\n"
    book = read_facility(write(tmp_path, meters=METERS + rows))
    first, second = Window(datetime(2026, 1, 1, tzinfo=UTC), 900), Window(datetime(2026, 1, 1, 0, 15, tzinfo=UTC), 900)
    n01, n02 = book.readings_at("osl1", first)
    assert (n01.host, n01.energy_mj, n01.covered_s, n01.busy_cpu_ns) == ("n01", 10 * 3_600_000, Fraction(sum(range(50, 60))), None)
    assert (n02.host, n02.energy_mj, n02.busy_cpu_ns) == ("n02", None, 7)
    (facility,) = book.readings_at("osl1", second)
    assert (facility.host, facility.energy_mj, facility.covered_s) == ("", 4_500_000_000, Fraction(900))


def test_a_part_that_is_not_known_makes_the_window_not_known(tmp_path: Path) -> None:
    rows = "2026-01-01T00:00:00Z,60,osl1,n01,1,,\n2026-01-01T00:01:00Z,60,osl1,n01,,,\n"
    (reading,) = read_facility(write(tmp_path, meters=METERS + rows)).readings
    assert (reading.energy_mj, reading.covered_s) == (None, Fraction(120))


def test_oversubscription_is_allowed_and_noted(tmp_path: Path) -> None:
    examined = examine_facility(write(tmp_path, BOOK.replace("vcpu = 4", "vcpu = 8.5")))
    assert examined.facility is not None
    assert examined.notes == (
        "site 'osl1' is oversubscribed: 8.5 vCPU reserved from 2026-01-01T00:00:00Z, 8 vCPU on its shared hosts",
    )
    assert examine_facility(write(tmp_path)).notes == ()


def test_certificates_for_losses_that_nothing_counts_are_noted(tmp_path: Path) -> None:
    assert examine_facility(write(tmp_path, SOUTH)).notes == ()
    examined = examine_facility(write(tmp_path, SOUTH.replace('zone = "DE"\nkind = "losses"', 'zone = "AT"\nkind = "losses"')))
    assert examined.notes == ("certificates for losses of grid zone 'DE' match nothing: the zone has no losses factor",)


def test_oversubscription_is_noted_for_every_resource(tmp_path: Path) -> None:
    text = SOUTH.replace("gpus = 2", "gpus = 9").replace('"1 TiB"', '"4 TiB"').replace('"500 GB"', '"17 TiB"')
    assert examine_facility(write(tmp_path, text)).notes == (
        "site 'par1' is oversubscribed: 9 GPU reserved from 2026-01-01T00:00:00Z, 8 GPU on its shared hosts",
        "site 'par1' is oversubscribed: 4 TiB of SSD reserved from 2026-01-01T00:00:00Z, 3.5 TiB of SSD on its shared hosts",
        "site 'par1' is oversubscribed: 17 TiB of HDD reserved from 2026-01-01T00:00:00Z, 16 TiB of HDD on its shared hosts",
    )


@pytest.mark.parametrize("account", ["a", "payments", "arn:aws/1@x.y_z-1", "9" * 128])
def test_account_ids_are_taken_as_they_are(account: str) -> None:
    assert check_account_id(account) == account


@pytest.mark.parametrize("account", ["", "(unsold)", "-a", "a b", "a\n", "é", "9" * 129, "a(b)"])
def test_what_could_pose_as_a_pool_is_no_account_id(account: str) -> None:
    with pytest.raises(FacilityError, match="not an account id"):
        check_account_id(account)


def test_the_command_line_shows_what_a_book_holds(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["facility", "check", str(write(tmp_path))])
    assert result.exit_code == 0, result.output
    shown = dict(line.split(maxsplit=1) for line in result.stdout.splitlines() if line and not line.startswith(" "))
    assert shown["book"] == "North"
    assert shown["hosts"] == "2 with 16 vCPU"
    assert shown["factors"] == "3"
    assert "NO residual" in result.stdout


def test_the_command_line_shows_what_a_book_that_says_all_holds(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["facility", "check", str(write(tmp_path, SOUTH))])
    assert result.exit_code == 0, result.output
    for line in (
        "declared use +2",
        "hosts .* with 64 vCPU and 8 GPU",
        "hardware .*, as of 2026-03-01",
        "direct .* potentials of AR5",
    ):
        assert re.search(line, result.stdout), line


def test_the_command_line_notes_old_records_of_hardware(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["facility", "check", str(write(tmp_path, SOUTH.replace("2026-03-01", "2020-03-01")))])
    assert result.exit_code == 0, result.output
    assert "note: the hardware records are of 2020-03-01, more than 366 days ago" in result.stderr


def test_the_command_line_shows_every_mistake_and_fails(tmp_path: Path) -> None:
    path = write(tmp_path, BOOK.replace("pue = 1.12", "pue = 0.5").replace("kg = 5300", "kg = -1"))
    result = CliRunner().invoke(main, ["facility", "check", str(path)])
    assert result.exit_code == 1
    assert not result.stdout
    assert f"error: {path}:{line_of(BOOK, 'pue = 1.12')}: pue 0.5 is below 1\n  facility energy" in result.stderr
    assert result.stderr.endswith("2 mistakes\n")


def test_a_book_is_not_tied_to_its_place(tmp_path: Path) -> None:
    factors = "zone,kind,start,g_per_kwh,source\nSE,location,2026-01-01,1,x\n"
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    path = write(here, factors=factors)
    shutil.copytree(here, there)
    assert read_facility(path).revision == read_facility(there / path.name).revision
