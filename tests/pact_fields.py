"""What PACT Technical Specifications 3.0.3 ask of a product footprint: required fields, forms and values, as a JSON Schema.

Written for these tests from the data model at https://github.com/wbcsd/data-exchange-protocol (World Business Council for
Sustainable Development): names, forms and values alone. The published schema is not kept here: its licence does not let it be
shared in parts.
"""

from __future__ import annotations

from typing import Any, Final

__all__ = ["ERROR", "FOOTPRINT", "UNITS"]

UNITS: Final = (
    "liter",
    "kilogram",
    "cubic meter",
    "kilowatt hour",
    "megajoule",
    "ton kilometer",
    "square meter",
    "piece",
    "hour",
    "megabit second",
)
_NUMBER: Final = {"type": "string", "pattern": r"^-?\d+(\.\d+)?$"}
_NOT_NEGATIVE: Final = {"type": "string", "pattern": r"^\d+(\.\d+)?$"}
_ABOVE_ZERO: Final = {"type": "string", "pattern": r"^(\d*[1-9]\d*(\.\d+)?|0+\.\d*[1-9]\d*)$"}
_INSTANT: Final = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"}
_TEXT: Final = {"type": "string", "minLength": 1}
_URN: Final = {"type": "string", "pattern": r"^urn:[a-z0-9][a-z0-9-]{0,30}[a-z0-9]:[A-Za-z0-9()+,\-.:=@;$_!*'%/?#~&]+$"}
_UUID: Final = {"type": "string", "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"}


def _set(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "minItems": 1, "uniqueItems": True, "items": items}


_PCF: Final[dict[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": [
        "declaredUnitOfMeasurement",
        "declaredUnitAmount",
        "productMassPerDeclaredUnit",
        "referencePeriodStart",
        "referencePeriodEnd",
        "pcfExcludingBiogenicUptake",
        "pcfIncludingBiogenicUptake",
        "fossilGhgEmissions",
        "fossilCarbonContent",
        "ipccCharacterizationFactors",
        "crossSectoralStandards",
        "exemptedEmissionsPercent",
        "packagingEmissionsIncluded",
        "ccsTechnologicalCO2CaptureIncluded",
        "primaryDataShare",
    ],
    "properties": {
        "declaredUnitOfMeasurement": {"enum": list(UNITS)},
        "declaredUnitAmount": _ABOVE_ZERO,
        "productMassPerDeclaredUnit": _NUMBER,
        "referencePeriodStart": _INSTANT,
        "referencePeriodEnd": _INSTANT,
        "geographyCountry": {"type": "string", "pattern": "^[A-Z]{2}$"},
        "boundaryProcessesDescription": {"type": "string"},
        "pcfExcludingBiogenicUptake": _NUMBER,
        "pcfIncludingBiogenicUptake": _NUMBER,
        "fossilGhgEmissions": _NOT_NEGATIVE,
        "fossilCarbonContent": _NOT_NEGATIVE,
        "packagingEmissionsIncluded": {"type": "boolean"},
        "ccsTechnologicalCO2CaptureIncluded": {"type": "boolean"},
        "ipccCharacterizationFactors": _set({"type": "string", "pattern": r"^AR\d+$"}),
        "crossSectoralStandards": _set(
            {"enum": ["ISO14067", "ISO14083", "ISO14040-44", "GHGP-Product", "PEF", "PACT-1.0", "PACT-2.0", "PACT-3.0"]}
        ),
        "exemptedEmissionsPercent": _NUMBER,
        "exemptedEmissionsDescription": {"type": "string"},
        "allocationRulesDescription": {"type": "string"},
        "primaryDataShare": _NUMBER,
    },
}

FOOTPRINT: Final[dict[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": [
        "id",
        "specVersion",
        "created",
        "status",
        "companyName",
        "companyIds",
        "productDescription",
        "productIds",
        "productNameCompany",
        "pcf",
    ],
    "properties": {
        "id": _UUID,
        "specVersion": {"type": "string", "pattern": r"^\d+\.\d+\.\d+(-\d{8})?$"},
        "precedingPfIds": _set(_UUID),
        "created": _INSTANT,
        "status": {"enum": ["Active", "Deprecated"]},
        "companyName": _TEXT,
        "companyIds": _set(_URN),
        "productDescription": {"type": "string"},
        "productIds": _set(_URN),
        "productNameCompany": _TEXT,
        "comment": {"type": "string"},
        "pcf": _PCF,
        "extensions": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["specVersion", "dataSchema", "data"],
                "properties": {"specVersion": _TEXT, "dataSchema": _TEXT, "data": {"type": "object"}},
            },
        },
    },
}

ERROR: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["code", "message"],
    "additionalProperties": False,
    "properties": {
        "code": {"enum": ["BadRequest", "AccessDenied", "TokenExpired", "NotFound", "InternalError", "NotImplemented"]},
        "message": _TEXT,
    },
}
