"""The facility book: what the provider knows of its sites, dated, sourced and validated."""

from greencloud.facility.accounts import ACCOUNT_ID, check_account_id
from greencloud.facility.book import (
    FOREVER,
    POOL_UNATTRIBUTED,
    POOL_UNSOLD,
    Account,
    AccountKind,
    Certificate,
    DirectEmission,
    Facility,
    Factor,
    FactorKind,
    Hardware,
    Host,
    HostReading,
    PowerCurve,
    Reservation,
    ResourceWeights,
    Site,
)

__all__ = [
    "ACCOUNT_ID",
    "FOREVER",
    "POOL_UNATTRIBUTED",
    "POOL_UNSOLD",
    "Account",
    "AccountKind",
    "Certificate",
    "DirectEmission",
    "Facility",
    "Factor",
    "FactorKind",
    "Hardware",
    "Host",
    "HostReading",
    "PowerCurve",
    "Reservation",
    "ResourceWeights",
    "Site",
    "check_account_id",
]
