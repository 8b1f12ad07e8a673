"""Reading a facility book: ``facility.toml`` and the CSV files that it names, checked and turned into a ``Facility``.

A book is one TOML file. It needs a site and the factors of its grid zone; the rest is optional::

    [facility]
    name = "North data centres"
    window = "1h"                  # 5min, 6min, 10min, 12min, 15min, 20min, 30min or 1h
    default_site = "osl1"          # where use on hosts that the book does not list is booked; a single site is its own default
    gwp = "AR6"                    # global warming potentials of gases, over 100 years: AR4, AR5 or AR6
    hardware_as_of = 2026-10-31    # day of the hardware records, so that old ones are seen

    [files]                        # paths relative to this file; one or a list; CSV with a header line, plain or .gz
    factors = ["no.csv", "se.csv"] # same columns as the keys of [[factors]]; likewise accounts, declared_use, hosts, reservations,
    meters = "meters.csv"          # certificates, hardware, direct_emissions. Meters: window_start, window_s, site, host (empty:
                                   # the whole facility), energy_kwh or energy_j, covered_s, busy_cpu_ns, memory_byte_s

    [weights]                      # relative power of one core, one GiB, one GPU, one TiB; these are the defaults
    cpu = 1
    memory_gib = 0.05
    gpu = 20
    ssd_tib = 1
    hdd_tib = "1/6"
    disk_gib = 0                   # core-seconds per GiB read and written, and per GiB sent and received
    network_gib = 0

    [uncertainty]                  # half-width of the 95 % interval, relative to the value: 0.05 or "5 %", at most 2. These are the
    meter = 0.02                   # defaults of what the entries below do not qualify themselves, with a key of their own
    idle = 0.1
    modelled = 0.25
    pue = 0.05
    location = 0.1
    residual = 0.1
    upstream = 0.3
    losses = 0.3
    direct = 0.05
    embodied = 0.5

    [[accounts]]
    id = "payments"                # cloud.account.id
    kind = "tenant"                # or "internal": it works for other accounts
    name = "Payments Ltd"
    payer = "holding"              # the account that pays, and may see what this one is charged; no figure rests on it

    [[accounts]]
    id = "holding"

    [[accounts]]
    id = "platform"
    kind = "internal"
    passes = "all"                 # what it hands on to those it works for: all of its cost, or "dynamic" energy alone

    [[declared_use]]               # for whom an internal account works, where traces do not tell
    account = "platform"
    caller = "payments"
    share = 0.6                    # above 0, at most 1; all shares in force at once add up to at most 1, the rest it keeps
    start = 2026-01-01
    end = 2027-01-01               # left out, it has no end
    source = "service agreement 7"

    [[curves]]
    name = "cascade-lake"
    per_vcpu = true                # watts per vCPU; false: of the whole host, or of one GPU
    points = [[0, 0.64], [1, 3.97]]  # busy share and watts, ascending from 0 to 1, linear between
    source = "Cloud Carbon Footprint"
    uncertainty = 0.2

    [[curves]]
    name = "one-gpu"
    points = [[0, 55], [1, 700]]
    source = "maker's data sheet"

    [[sites]]
    id = "osl1"
    region = "eu-north"
    grid_zone = "NO"
    pue = 1.12                     # leave out where facility meters are read
    pue_uncertainty = 0.03
    meter_uncertainty = "1 %"      # of the facility's meter
    unsold_to = "tenants"          # who bears idle capacity that nobody reserved; or "provider"
    ramp_up_until = 2026-07-01     # until then tenants bear no more unsold capacity than a mature site has; the provider keeps the
    mature_share = 0.8             # excess. This share of a mature site is reserved. Both of them, or neither
    # scope1 = "none"              # says that there is none; here [[direct_emissions]] books some
    unlisted_hosts = "cascade-lake"  # per-vCPU curve that prices use on hosts that are not listed; left out, such use is refused
    source = "meter report 2026"   # of the PUE

    [[hosts]]
    id = "n01"
    site = "osl1"
    kind = "compute"               # or "storage", "network": their dynamic energy goes by bytes; vcpu and memory may be left out
    vcpu = 8
    memory = "16 GiB"
    gpus = 2
    ssd = "3.84 TB"                # units as of memory; likewise hdd
    hdd = "16 TB"
    curve = "cascade-lake"         # left out, the host must be metered
    gpu_curve = "one-gpu"          # watts of one of its GPUs, on top of the curve
    idle_watts = 52.5              # recorded idle; left out, the curves at 0
    meter_uncertainty = 0.01
    dedicated_to = "payments"
    aliases = ["10.0.0.1"]         # other names that telemetry gives it; in CSV with blanks between

    [[reservations]]
    account = "payments"
    site = "osl1"
    service = "checkout"           # optional
    vcpu = 4                       # at least one of vcpu, memory, gpus, ssd and hdd; the others are none
    memory = "8 GiB"
    gpus = 1
    ssd = "1 TiB"
    hdd = "2 TiB"
    start = 2026-01-01             # a date is midnight UTC; a time of day needs its offset
    end = 2027-01-01T00:00:00Z     # the first instant that no longer counts; left out, it has no end

    [[factors]]
    zone = "NO"
    kind = "location"              # location, residual and upstream: a site's zone needs all three; losses where upstream has not
    start = 2026-01-01             # those of transmission and distribution, per kWh that the site takes
    end = 2027-01-01
    g_per_kwh = 17.2               # or kg_per_mwh
    source = "NVE 2026"
    uncertainty = 0.1
    data_quality = "good"          # very good, good, fair or poor (GHG Protocol Scope 3 Standard, table 7.6)

    [[certificates]]               # one for each hour and zone; it matches load of that grid zone alone
    id = "go-1"
    zone = "NO"
    site = "osl1"                  # may be left out where the zone has one site
    purpose = "load"               # or "losses": those of transmission and distribution
    start = 2026-11-23T14:00:00Z
    end = 2026-11-23T15:00:00Z
    mwh = 1.5
    g_per_kwh = 0                  # or kg_per_mwh
    source = "registry, serial 1"

    [[hardware]]
    id = "n01-server"
    site = "osl1"
    host = "n01"                   # left out, the whole site shares it
    kind = "it"                    # or "building", which has no host
    embodied_kg = 1344
    in_service = 2025-03-01
    life_years = 4                 # whole calendar years from in_service; or life_days
    retired = 2028-09-01           # first day out of service. From the end of its life on it says nothing: all is booked by then
    on_retirement = "continue"     # what is left stays on its line, or "write_off": it falls on that day
    source = "maker's declaration"
    uncertainty = 0.4
    data_quality = "fair"

    [[direct_emissions]]
    id = "diesel-2026"
    site = "osl1"
    start = 2026-01-01
    end = 2027-01-01
    kg = 5300                      # of CO2e; or one of the two forms below, whose product is rounded once to whole micrograms
    source = "fuel book"
    uncertainty = 0.02
    data_quality = "very good"

    [[direct_emissions]]
    id = "chiller-2026"
    site = "osl1"
    start = 2026-01-01
    end = 2027-01-01
    gas = "R-410A"                 # its mass times its global warming potential in the set of the book
    gas_kg = 2.5
    source = "refrigerant log"

    [[direct_emissions]]
    id = "generator-2026"
    site = "osl1"
    start = 2026-01-01
    end = 2027-01-01
    fuel = "diesel"
    litres = 1200                  # or m3, kwh, fuel_kg
    kg_per_unit = 2.66             # kg of CO2e per that unit
    source = "delivery notes; factor of the supplier"
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Final

from greencloud.facility.book import Facility
from greencloud.facility.reading import Examined, Reading
from greencloud.facility.tables import read_text

__all__ = ["Examined", "examine_facility", "read_facility", "starter_facility"]

_STARTER: Final = "starter.toml"


def read_facility(path: Path | str) -> Facility:
    """Read a book.

    Raises:
        FacilityError: the first mistake, with its file, line, key and remedy.
    """
    return _sound(examine_facility(path))


def starter_facility() -> Facility:
    """The book of named defaults that holds where a data directory has none. It needs no file outside the package."""
    text = files("greencloud.facility").joinpath(_STARTER).read_text(encoding="utf-8")
    return _sound(Reading(_STARTER, Path()).examine(lambda: text))


def examine_facility(path: Path | str, *, confined: bool = False) -> Examined:
    """Read a book and collect its mistakes instead of stopping at the first.

    ``confined``: for a book that somebody sent; it may name no file outside its folder.
    """
    path = Path(path)
    return Reading(str(path), path.parent, confined=confined).examine(lambda: read_text(path))


def _sound(examined: Examined) -> Facility:
    if examined.facility is not None:
        return examined.facility
    first, others = examined.errors[0], len(examined.errors) + examined.untold - 1
    if others:
        more = f"{others} more mistake{'s' if others > 1 else ''}: greencloud facility check shows them"
        first.advice = f"{first.advice} ({more})" if first.advice else more
    raise first
