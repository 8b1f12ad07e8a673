"""Disclosures and product footprints."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from greencloud.errors import QuantityError
from greencloud.results.disclosures import DisclosureFile, DisclosureFormat, DisclosureStandard
from greencloud.results.product_footprints import ProductFootprint
from greencloud.v1 import disclosure_pb2
from greencloud.wire.quantities import (
    emissions_from_message,
    emissions_to_message,
    energy_from_message,
    energy_to_message,
    instant_from_message,
    instant_to_message,
)

__all__ = [
    "DISCLOSURE_FORMATS",
    "DISCLOSURE_STANDARDS",
    "PRODUCT_FOOTPRINTS",
    "disclosure_file_from_message",
    "disclosure_file_to_message",
    "product_footprint_from_message",
    "product_footprint_to_message",
]

PRODUCT_FOOTPRINTS: Final = "productFootprints/"
"""What the name of a product footprint begins with; its id follows."""

DISCLOSURE_STANDARDS: Final = {
    DisclosureStandard.GHG_PROTOCOL: disclosure_pb2.DISCLOSURE_STANDARD_GHG_PROTOCOL,
    DisclosureStandard.ISO_14064_1: disclosure_pb2.DISCLOSURE_STANDARD_ISO_14064_1,
    DisclosureStandard.ESRS_E1: disclosure_pb2.DISCLOSURE_STANDARD_ESRS_E1,
    DisclosureStandard.IFRS_S2: disclosure_pb2.DISCLOSURE_STANDARD_IFRS_S2,
    DisclosureStandard.PACT: disclosure_pb2.DISCLOSURE_STANDARD_PACT,
}
DISCLOSURE_FORMATS: Final = {
    DisclosureFormat.JSON: disclosure_pb2.DISCLOSURE_FORMAT_JSON,
    DisclosureFormat.CSV: disclosure_pb2.DISCLOSURE_FORMAT_CSV,
    DisclosureFormat.XLSX: disclosure_pb2.DISCLOSURE_FORMAT_XLSX,
    DisclosureFormat.HTML: disclosure_pb2.DISCLOSURE_FORMAT_HTML,
}


def disclosure_file_to_message(file: DisclosureFile) -> disclosure_pb2.GenerateDisclosureResponse:
    return disclosure_pb2.GenerateDisclosureResponse(content=file.content, media_type=file.media_type, file_name=file.file_name)


def disclosure_file_from_message(message: disclosure_pb2.GenerateDisclosureResponse) -> DisclosureFile:
    return DisclosureFile(message.content, message.media_type, message.file_name)


def product_footprint_to_message(product: ProductFootprint) -> disclosure_pb2.ProductFootprint:
    return disclosure_pb2.ProductFootprint(
        name=PRODUCT_FOOTPRINTS + product.id,
        sku=product.sku,
        region=product.region,
        start_time=instant_to_message(product.start),
        end_time=instant_to_message(product.end),
        covered_seconds=product.covered_seconds,
        ledger_version=product.ledger_version,
        energy=energy_to_message(product.energy),
        scope1=emissions_to_message(product.scope1),
        scope2_location_based=emissions_to_message(product.scope2_location_based),
        scope2_market_based=emissions_to_message(product.scope2_market_based),
        scope3_upstream_location_based=emissions_to_message(product.scope3_upstream_location_based),
        scope3_upstream_market_based=emissions_to_message(product.scope3_upstream_market_based),
        scope3_embodied=emissions_to_message(product.scope3_embodied),
        operation_count=product.operation_count,
        exempted_share=str(product.exempted),
        measured_share=str(product.measured_share),
        methodology_versions=product.methodology_versions,
        grid_zones=product.grid_zones,
        provisional=product.provisional,
        update_time=product.updated and instant_to_message(product.updated),
        preceding=[PRODUCT_FOOTPRINTS + each for each in product.preceding],
        restatement_reason=product.restatement_reason,
    )


def product_footprint_from_message(message: disclosure_pb2.ProductFootprint) -> ProductFootprint:
    """Raises QuantityError where an amount, a time or a share is not one."""
    return ProductFootprint(
        id=message.name.removeprefix(PRODUCT_FOOTPRINTS),
        sku=message.sku,
        region=message.region,
        start=instant_from_message(message.start_time),
        end=instant_from_message(message.end_time),
        covered_seconds=message.covered_seconds,
        ledger_version=message.ledger_version,
        energy=energy_from_message(message.energy),
        scope1=emissions_from_message(message.scope1),
        scope2_location_based=emissions_from_message(message.scope2_location_based),
        scope2_market_based=emissions_from_message(message.scope2_market_based),
        scope3_upstream_location_based=emissions_from_message(message.scope3_upstream_location_based),
        scope3_upstream_market_based=emissions_from_message(message.scope3_upstream_market_based),
        scope3_embodied=emissions_from_message(message.scope3_embodied),
        operation_count=message.operation_count,
        exempted=_share(message.exempted_share),
        measured_share=_share(message.measured_share),
        methodology_versions=tuple(message.methodology_versions),
        grid_zones=tuple(message.grid_zones),
        provisional=message.provisional,
        updated=instant_from_message(message.update_time) if message.HasField("update_time") else None,
        preceding=tuple(each.removeprefix(PRODUCT_FOOTPRINTS) for each in message.preceding),
        restatement_reason=message.restatement_reason,
    )


def _share(text: str) -> Fraction:
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError) as error:
        raise QuantityError(f"{text[:32]!r} is not a share") from error
