"""What a view shows, as a value: cards, sections and forms. It is made without a browser and rendered without a question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from greencloud.report.page.sections import Card, Section

__all__ = ["Choice", "Download", "Form", "Shown"]


@dataclass(frozen=True, slots=True)
class Choice:
    """One field of a form: a choice of ``(value, label)``, or free text where ``options`` is empty."""

    name: str
    label: str
    value: str = ""
    options: Sequence[tuple[str, str]] = ()
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """Asks the same page again (GET) with other parameters; what is in ``kept`` goes along unseen."""

    fields: Sequence[Choice]
    submit: str
    kept: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Download:
    """A button; ``href`` answers with a file."""

    label: str
    href: str


@dataclass(frozen=True, slots=True)
class Shown:
    """``crumbs`` are (text, address) from the account down to here, the last without an address. ``empty`` is said in place of
    everything where nothing is posted."""

    title: str
    lead: str = ""
    crumbs: Sequence[tuple[str, str]] = ()
    forms: Sequence[Form] = ()
    cards: Sequence[Card] = ()
    sections: Sequence[Section] = ()
    notes: Sequence[str] = ()
    downloads: Sequence[Download] = ()
    empty: str = ""
    preformatted: Sequence[str] = field(default_factory=tuple)
