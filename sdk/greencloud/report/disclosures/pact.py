"""Product footprints in the data model of the PACT Technical Specifications 3.0.3 (WBCSD, 18 November 2025).

One footprint per SKU and region. The headline value, ``pcfExcludingBiogenicUptake``, is market-based, as ISO 14067:2018, 6.4.9.4
asks where contracts cover the electricity; both Scope 2 methods, every line and the exact totals that the quotients are of go into
a data model extension. Numbers are decimal texts. Mass and carbon content are ``0``: the product is a service. Nothing biogenic is
counted, so that the values with and without biogenic uptake are the same.

The specification has no unit for an hour of a virtual CPU or a month of a gigabyte: the declared unit is one operation (``piece``)
or one hour of the SKU's whole service in the region (``hour``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final
from urllib.parse import quote

from greencloud.report.amounts import kg_decimal, kwh_decimal
from greencloud.report.disclosures.figures import amount, statement
from greencloud.results.disclosures import Disclosure, DisclosureInputs, DisclosureSection, DisclosureStandard
from greencloud.results.inventory import InventoryPolicy
from greencloud.results.product_footprints import ProductFootprint, significant
from greencloud.units import Emissions, format_instant

__all__ = ["EXTENSION_SCHEMA", "SPEC_VERSION", "build", "footprint_document", "footprints_json"]

SPEC_VERSION: Final = "3.0.3"
EXTENSION_SCHEMA: Final = "urn:greencloud:pact-extension:cloud-service:1"
_ALLOCATION: Final = (
    "Metered energy of each data centre is apportioned to accounts and SKUs by hour: dynamic energy by use on each host,"
    " idle energy by reservations, facility overhead by both; emissions follow the energy, embodied emissions the"
    " reservations. Totals are apportioned, so that the parts add up to what was metered."
)
_OF_THE_LEDGER: Final = "Figures are of the metered ledger, per declared unit, with twelve significant digits."
_BOUNDARY: Final = (
    "Operation of the data centres (fuels, refrigerants, electricity with its upstream), and the hardware and buildings, cradle to"
    " gate, in equal parts over their service life. Use at the customer and end of life are not within it."
)


def build(inputs: DisclosureInputs) -> Disclosure:
    """A section per product, with the required fields of the data model."""
    inventory = inputs.inventory
    return Disclosure(
        standard=DisclosureStandard.PACT,
        version=f"PACT Technical Specifications {SPEC_VERSION}",
        organization=inputs.policy.organization,
        year=inventory.year,
        start=inventory.start,
        end=inventory.end,
        sections=tuple(_section(product, inputs.policy) for product in inputs.products),
        as_of=inventory.as_of,
        created=inputs.created,
        notes=(_OF_THE_LEDGER if inputs.products else "The ledger holds nothing of the year that is charged to a SKU.",),
    )


def footprints_json(products: Iterable[ProductFootprint], policy: InventoryPolicy, *, created: datetime) -> bytes:
    """The answer of ListFootprints with all of them."""
    data = [footprint_document(product, policy, created=created) for product in products]
    return json.dumps({"data": data}, indent=2, ensure_ascii=False).encode()


def footprint_document(product: ProductFootprint, policy: InventoryPolicy, *, created: datetime) -> dict[str, Any]:
    """A ``ProductFootprint`` of the specification; ``created`` where the ledger does not say when its figures were posted."""
    issuer = _slug(policy.organization or "not-stated")
    value = _text(product.per_unit(product.total_market_based))
    document: dict[str, Any] = {
        "id": product.id,
        "specVersion": SPEC_VERSION,
        "created": format_instant((product.updated or created).replace(microsecond=0)),
        "status": "Active",
        "companyName": policy.organization or "not stated",
        "companyIds": [f"urn:pact:{issuer}:company:{issuer}"],
        "productDescription": f"Cloud service {product.sku or 'without a SKU'} in the region {product.region}",
        "productIds": [f"urn:pact:{issuer}:sku-region:{_urn(product.sku)}:{_urn(product.region)}"],
        "productNameCompany": f"{product.sku} in {product.region}",
        "pcf": {
            "declaredUnitOfMeasurement": product.declared_unit,
            "declaredUnitAmount": "1",
            "productMassPerDeclaredUnit": "0",
            "referencePeriodStart": format_instant(product.start),
            "referencePeriodEnd": format_instant(product.end),
            **_geography(product),
            "boundaryProcessesDescription": _BOUNDARY,
            "pcfExcludingBiogenicUptake": value,
            "pcfIncludingBiogenicUptake": value,
            "fossilGhgEmissions": value,
            "fossilCarbonContent": "0",
            "packagingEmissionsIncluded": False,
            "ccsTechnologicalCO2CaptureIncluded": False,
            "ipccCharacterizationFactors": [policy.gwp_set],
            "crossSectoralStandards": ["GHGP-Product"],
            "exemptedEmissionsPercent": _text(significant(product.exempted * 100, 6)),
            "exemptedEmissionsDescription": "Emissions of the region that are charged to no SKU.",
            "allocationRulesDescription": _ALLOCATION,
            "primaryDataShare": _text(significant(product.measured_share * 100, 6)),
        },
        "extensions": [{"specVersion": "2.0.0", "dataSchema": EXTENSION_SCHEMA, "data": _extension(product)}],
    }
    if product.preceding:
        document["precedingPfIds"] = list(product.preceding)
    if comment := _comment(product):
        document["comment"] = comment
    return document


def _extension(product: ProductFootprint) -> dict[str, Any]:
    """Both methods and every line, per declared unit and as exact totals, in kg CO2e; energy in kWh."""
    lines = {
        "scope1": product.scope1,
        "scope2LocationBased": product.scope2_location_based,
        "scope2MarketBased": product.scope2_market_based,
        "scope3UpstreamLocationBased": product.scope3_upstream_location_based,
        "scope3UpstreamMarketBased": product.scope3_upstream_market_based,
        "scope3Embodied": product.scope3_embodied,
        "totalLocationBased": product.total_location_based,
        "totalMarketBased": product.total_market_based,
    }
    return {
        "sku": product.sku,
        "region": product.region,
        "scope2Method": "market_based",
        "declaredUnits": _text(significant(product.declared_units, 30)),
        "coveredSeconds": str(product.covered_seconds),
        "perDeclaredUnitKg": {name: _text(product.per_unit(each)) for name, each in lines.items()},
        "totalKg": {name: kg_decimal(each.micrograms) for name, each in lines.items()},
        "energyKwh": kwh_decimal(product.energy.millijoules),
        "methodologyVersions": list(product.methodology_versions),
        "ledgerVersion": str(product.ledger_version),
    }


def _section(product: ProductFootprint, policy: InventoryPolicy) -> DisclosureSection:
    version = [f"ledgerVersions/{product.ledger_version}"]
    unit = f"kgCO2e/{product.declared_unit}"

    def per_unit(field: str, label: str, emissions: Emissions) -> Any:
        return amount(field, label, product.per_unit(emissions), unit, evidence=version)

    figures = (
        statement("id", "Identifier", product.id, [f"productFootprints/{product.id}"]),
        statement("pcf.declaredUnitOfMeasurement", "Declared unit", f"1 {product.declared_unit}"),
        statement(
            "pcf.referencePeriod", "Reference period", f"{format_instant(product.start)} to {format_instant(product.end)}", version
        ),
        per_unit("pcf.pcfExcludingBiogenicUptake", "Footprint, market-based", product.total_market_based),
        per_unit("extensions.totalLocationBased", "Footprint, location-based", product.total_location_based),
        per_unit("extensions.scope2MarketBased", "thereof Scope 2, market-based", product.scope2_market_based),
        per_unit("extensions.scope2LocationBased", "thereof Scope 2, location-based", product.scope2_location_based),
        per_unit("extensions.scope3Embodied", "thereof embodied", product.scope3_embodied),
        amount(
            "extensions.declaredUnits",
            "Declared units",
            significant(product.declared_units, 30),
            product.declared_unit,
            evidence=version,
        ),
        amount("pcf.exemptedEmissionsPercent", "Charged to no SKU", significant(product.exempted * 100, 6), "%", evidence=version),
        amount("pcf.primaryDataShare", "Measured energy", significant(product.measured_share * 100, 6), "%", evidence=version),
        statement("pcf.ipccCharacterizationFactors", "Global warming potentials", policy.gwp_set),
    )
    comment = _comment(product)
    return DisclosureSection(
        f"{product.sku} in {product.region}", "ProductFootprint, CarbonFootprint", figures, (comment,) if comment else ()
    )


def _comment(product: ProductFootprint) -> str:
    said = []
    if product.preceding:
        said.append(f"Restated: {product.restatement_reason or 'the ledger was restated'}.")
    if product.provisional:
        said.append("Provisional: the inputs of some hours are not complete.")
    hours = Fraction(product.covered_seconds, 3600)
    if (product.end - product.start).total_seconds() > product.covered_seconds:
        said.append(f"The ledger covers {significant(hours, 12):f} hours of the reference period.")
    return " ".join(said)


def _geography(product: ProductFootprint) -> dict[str, str]:
    """The country or its subdivision by ISO 3166, where all grid zones of the region begin with the same one; else none is
    stated."""
    countries = {found[1] if (found := re.match(r"([A-Z]{2})(?:$|[-_])", zone)) else "" for zone in product.grid_zones}
    return {"geographyCountry": countries.pop()} if len(countries) == 1 and "" not in countries else {}


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "not-stated"


def _urn(text: str) -> str:
    """As the namespace-specific string of a URN takes it (RFC 8141)."""
    return quote(text, safe="-._~") or "none"


def _text(value: Decimal) -> str:
    return f"{value:f}"
