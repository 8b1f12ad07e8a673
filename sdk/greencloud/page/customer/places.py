"""Where the reader is, and where names lead: crumbs from the account down, and links that keep the question.

Period, account, filters and language go along; what a single view asks for besides does not. A value that no address can carry (no
name, blanks at its ends, longer than is taken) leads nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from greencloud.page.asked import FILTERS, Asked
from greencloud.page.view import Caller

__all__ = ["crumbs", "filter_notes", "kept", "link_of", "to", "whose"]

_COMMON: Final = ("period", "from", "to", "account", "lang", "live", *FILTERS)
_LONGEST: Final = 900
_LEADS_TO: Final = {"account": "/", "service": "/service", "region": "/", "sku": "/", "component": "/", "operation": "/operation"}


def to(asked: Asked, path: str, **changes: str | None) -> str:
    """The address of another view for the same question but for ``changes``; None leaves one out."""
    own: dict[str, str | None] = {name: None for name in asked.parameters if name not in _COMMON}
    return asked.link(path, **(own | changes))


def kept(asked: Asked, *own: str) -> tuple[tuple[str, str], ...]:
    """What a form sends along unseen, without the fields that it has itself."""
    return tuple((name, value) for name, value in asked.parameters.items() if name not in own)


def link_of(asked: Asked, dimension: str, value: str, **more: str) -> str:
    """Where a value of a dimension leads; "" for nowhere."""
    values = {dimension: value, **more}
    if dimension not in _LEADS_TO or not all(each and each == each.strip() and len(each) < _LONGEST for each in values.values()):
        return ""
    return to(asked, _LEADS_TO[dimension], **values)


def whose(caller: Caller, asked: Asked, words: Mapping[str, str]) -> str:
    """The account that is looked at, for people."""
    if asked.account or not caller.identity.account:
        return asked.account or words["all_accounts"]
    if caller.identity.member_accounts:
        return words["customer_with_members"].format(account=caller.identity.account)
    return caller.identity.account


def crumbs(caller: Caller, asked: Asked, words: Mapping[str, str], here: str = "") -> tuple[tuple[str, str], ...]:
    """From all accounts down to the filters, and to ``here`` where the view has a name of its own; the last leads nowhere."""
    none = dict.fromkeys(FILTERS)
    found = []
    if asked.account and (caller.provider or caller.identity.member_accounts):
        found.append((words["all_accounts"], to(asked, "/", account=None, **none)))
    found.append((whose(caller, asked, words), to(asked, "/", **none)))
    so_far: dict[str, str | None] = dict(none)
    for name in ("region", "sku", "component", "service", "operation"):
        if name in asked.filters:
            so_far[name] = asked.filters[name]
            path = "/" if name in ("region", "sku", "component") else f"/{name}"
            found.append((f"{words[f'customer_{name}']}: {asked.filters[name]}", to(asked, path, **so_far)))
    if here:
        found.append((here, ""))
    return (*found[:-1], (found[-1][0], ""))


def filter_notes(asked: Asked, words: Mapping[str, str]) -> list[str]:
    """What the figures are narrowed to."""
    named = [f"{words[f'customer_{name}']} {value}" for name, value in asked.filters.items()]
    return [words["customer_narrowed"].format(filters=", ".join(named))] if named else []
