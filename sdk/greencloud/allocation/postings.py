"""The columns of a posting: one leaf of the tree meter -> pool -> account -> operation, with every measure at once.

Energy is ``energy_mj`` (int64 millijoules); the rest are int64 micrograms of CO2e, one column per emission line, so that a
posting never mixes methods or scopes. Within one batch (one site and window) each measure adds up to that batch's total in
``WindowAllocation.totals`` exactly: that is law 1.

``account`` is a tenant or internal account, or a pool in parentheses: "(unattributed)", "(unsold)". ``component`` is one of
``COMPONENTS``. ``quality`` is a comma-joined sorted set of flags from ``FLAGS``; "" means measured throughout.
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa

__all__ = ["COMPONENTS", "DIMENSIONS", "EMISSION_LINES", "FLAGS", "POSTINGS", "POSTING_MEASURES", "UNCERTAINTIES"]

COMPONENTS: Final = ("dynamic", "idle", "unsold", "overhead", "shared", "embodied", "building")

EMISSION_LINES: Final = (
    "scope1_ug",
    "scope2_location_ug",
    "scope2_market_ug",
    "scope3_upstream_location_ug",  # category 3, fuel- and energy-related, not in Scope 1 or 2
    "scope3_upstream_market_ug",
    "scope3_embodied_ug",  # category 2, capital goods, amortised view
)

POSTING_MEASURES: Final = ("energy_mj", *EMISSION_LINES)

UNCERTAINTIES: Final = ("energy_uncertainty_ppm", "location_uncertainty_ppm", "market_uncertainty_ppm")
"""Relative half-widths that ``with_uncertainties`` adds to postings (int32, parts per million)."""

FLAGS: Final = (
    "estimated",  # split by span wall time, because spans carried no CPU time
    "modelled",  # host energy from a power curve
    "onward",  # a tenant's own division of its share among its customers
    "partial",  # the meter covers part of the window
    "self_reported",  # a tenant's own telemetry at the host level, for want of the provider's
    "unlisted_host",  # a host that is not in the facility book, priced by the site's named default curve
)

POSTINGS: Final = pa.schema(
    [
        pa.field("window_start", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("window_s", pa.int32(), nullable=False),
        pa.field("site", pa.string(), nullable=False),
        pa.field("region", pa.string(), nullable=False),
        pa.field("account", pa.string(), nullable=False),
        pa.field("service", pa.string(), nullable=False),
        pa.field("sku", pa.string(), nullable=False),
        pa.field("operation", pa.string(), nullable=False),
        pa.field("labels", pa.string(), nullable=False),
        pa.field("component", pa.string(), nullable=False),
        pa.field("quality", pa.string(), nullable=False),
        pa.field("count", pa.int64(), nullable=False),  # operations that the leaf served (on component "dynamic" only)
        *(pa.field(name, pa.int64(), nullable=False) for name in POSTING_MEASURES),
    ]
)

DIMENSIONS: Final = tuple(POSTINGS.names[:10])
