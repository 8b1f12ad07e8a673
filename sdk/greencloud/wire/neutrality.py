"""Claims of neutrality, and the book of avoided emissions. What is not known is left out of a message."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from greencloud.results.instruments import AvoidedYear, Initiative, Neutrality, NeutralityLine, ScopeThreePlus
from greencloud.results.reporting_year import ReportingYear
from greencloud.v1 import instrument_pb2 as messages
from greencloud.wire.quantities import (
    emissions_from_message,
    emissions_to_message,
    fraction_from_text,
    fraction_to_text,
)

__all__ = [
    "INITIATIVES",
    "initiative_from_message",
    "initiative_to_message",
    "neutrality_from_message",
    "neutrality_to_message",
    "scope_three_plus_from_message",
    "scope_three_plus_to_message",
]

INITIATIVES: Final = "initiatives/"
"""What the name of an initiative begins with; its id follows."""


def neutrality_to_message(claim: Neutrality) -> messages.Neutrality:
    return messages.Neutrality(
        year=str(claim.year),
        goal=claim.goal,
        scopes=claim.scopes,
        base_emissions=None if claim.base is None else emissions_to_message(claim.base),
        residual_emissions=emissions_to_message(claim.residual),
        path_emissions=None if claim.path is None else emissions_to_message(claim.path),
        lines=[
            messages.NeutralityLine(
                kind=line.kind,
                emissions=emissions_to_message(line.emissions),
                share=fraction_to_text(line.share),
                instruments=line.instruments,
            )
            for line in claim.lines
        ],
        removed_emissions=emissions_to_message(claim.removed),
        offset_emissions=emissions_to_message(claim.offset),
        balance_emissions=emissions_to_message(claim.balance),
        neutral=claim.neutral,
        reduction_first=claim.reduction_first,
        findings=claim.findings,
        refused_uses=claim.refused,
    )


def neutrality_from_message(message: messages.Neutrality) -> Neutrality:
    return Neutrality(
        year=ReportingYear.parse(message.year),
        goal=message.goal,
        scopes=tuple(message.scopes),
        base=emissions_from_message(message.base_emissions) if message.HasField("base_emissions") else None,
        residual=emissions_from_message(message.residual_emissions),
        path=emissions_from_message(message.path_emissions) if message.HasField("path_emissions") else None,
        lines=tuple(
            NeutralityLine(
                line.kind,
                emissions_from_message(line.emissions),
                fraction_from_text(line.share, "share") if line.share else None,
                tuple(line.instruments),
            )
            for line in message.lines
        ),
        removed=emissions_from_message(message.removed_emissions),
        offset=emissions_from_message(message.offset_emissions),
        balance=emissions_from_message(message.balance_emissions),
        neutral=message.neutral,
        reduction_first=message.reduction_first,
        findings=tuple(message.findings),
        refused=tuple(message.refused_uses),
    )


def initiative_to_message(initiative: Initiative) -> messages.Initiative:
    return messages.Initiative(
        name=initiative.name,
        display_name=initiative.display_name,
        partner=initiative.partner,
        baseline=initiative.baseline,
        counterfactual=initiative.counterfactual,
        methodology=initiative.methodology,
        attribution=fraction_to_text(initiative.attribution),
        years=[
            messages.AvoidedYear(
                year=str(year.year),
                baseline_emissions=emissions_to_message(year.baseline),
                actual_emissions=emissions_to_message(year.actual),
                evidence=year.evidence,
            )
            for year in initiative.years
        ],
        revision=initiative.revision,
        created_by=initiative.created_by,
        etag=initiative.etag,
    )


def initiative_from_message(message: messages.Initiative) -> Initiative:
    """Raises QuantityError: a year or number that is none."""
    return Initiative(
        id=message.name.removeprefix(INITIATIVES),
        display_name=message.display_name,
        partner=message.partner,
        baseline=message.baseline,
        counterfactual=message.counterfactual,
        methodology=message.methodology,
        attribution=fraction_from_text(message.attribution, "attribution") if message.attribution else Fraction(1),
        years=tuple(
            AvoidedYear(
                ReportingYear.parse(year.year),
                emissions_from_message(year.baseline_emissions),
                emissions_from_message(year.actual_emissions),
                tuple(year.evidence),
            )
            for year in message.years
        ),
        revision=message.revision,
        created_by=message.created_by,
    )


def scope_three_plus_to_message(book: ScopeThreePlus) -> messages.ScopeThreePlus:
    return messages.ScopeThreePlus(
        initiatives=map(initiative_to_message, book.initiatives),
        years=[
            messages.ScopeThreePlusYear(year=str(year), emissions=emissions_to_message(emissions))
            for year, emissions in book.by_year
        ],
        cumulative_emissions=emissions_to_message(book.cumulative),
        target_emissions=None if book.target is None else emissions_to_message(book.target),
        target_year=str(book.target_year or ""),
    )


def scope_three_plus_from_message(message: messages.ScopeThreePlus) -> ScopeThreePlus:
    return ScopeThreePlus(
        initiatives=tuple(initiative_from_message(each) for each in message.initiatives),
        by_year=tuple((ReportingYear.parse(each.year), emissions_from_message(each.emissions)) for each in message.years),
        cumulative=emissions_from_message(message.cumulative_emissions),
        target=emissions_from_message(message.target_emissions) if message.HasField("target_emissions") else None,
        target_year=ReportingYear.parse(message.target_year) if message.target_year else None,
    )
