"""From inputs to a file: one builder a standard, one renderer a format."""

from __future__ import annotations

from greencloud.report.disclosures import esrs_e1, ghg_protocol, ifrs_s2, iso_14064_1, pact
from greencloud.report.disclosures.rendering import disclosure_csv, disclosure_json
from greencloud.results.disclosures import (
    Disclosure,
    DisclosureFile,
    DisclosureFormat,
    DisclosureInputs,
    DisclosureStandard,
)

__all__ = ["MEDIA_TYPES", "disclosure_of", "write_disclosure"]

MEDIA_TYPES = {
    DisclosureFormat.JSON: "application/json",
    DisclosureFormat.CSV: "text/csv; charset=utf-8",
    DisclosureFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    DisclosureFormat.HTML: "text/html; charset=utf-8",
}


def disclosure_of(standard: DisclosureStandard, inputs: DisclosureInputs) -> Disclosure:
    """The figures that a standard asks for."""
    match standard:
        case DisclosureStandard.GHG_PROTOCOL:
            return ghg_protocol.build(inputs)
        case DisclosureStandard.ISO_14064_1:
            return iso_14064_1.build(inputs)
        case DisclosureStandard.ESRS_E1:
            return esrs_e1.build(inputs)
        case DisclosureStandard.IFRS_S2:
            return ifrs_s2.build(inputs)
        case DisclosureStandard.PACT:
            return pact.build(inputs)


def write_disclosure(standard: DisclosureStandard, inputs: DisclosureInputs, form: DisclosureFormat) -> DisclosureFile:
    """The file. As JSON, PACT is in its own data model, so that who reads PACT can read it.

    Raises:
        MissingExtraError: Excel and documents need greencloud[goal].
    """
    name = f"{standard.value}-{inputs.inventory.year}.{form.value}"
    return DisclosureFile(_content(standard, inputs, form), MEDIA_TYPES[form], name)


def _content(standard: DisclosureStandard, inputs: DisclosureInputs, form: DisclosureFormat) -> bytes:
    if standard is DisclosureStandard.PACT and form is DisclosureFormat.JSON:
        return pact.footprints_json(inputs.products, inputs.policy, created=inputs.created)
    disclosure = disclosure_of(standard, inputs)
    match form:
        case DisclosureFormat.JSON:
            return disclosure_json(disclosure)
        case DisclosureFormat.CSV:
            return disclosure_csv(disclosure)
        case DisclosureFormat.XLSX:
            from greencloud.report.disclosures.workbook import disclosure_xlsx

            return disclosure_xlsx(disclosure)
        case DisclosureFormat.HTML:
            from greencloud.report.disclosures.page import disclosure_html

            return disclosure_html(disclosure)
