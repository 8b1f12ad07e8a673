"""From what is shown to HTML: the templates, and what is around every view (menu, forms of period and account, languages).

Nothing here asks a question or knows HTTP. Every text goes through Jinja's escaping but drawings, which are ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final
from urllib.parse import urlencode

from greencloud.page.asked import Asked
from greencloud.page.drawing import Drawings
from greencloud.page.shown import Choice, Form, Shown
from greencloud.page.view import Caller, View
from greencloud.page.words import words_in
from greencloud.report.page import LANGUAGES
from greencloud.report.page.templates import templates
from greencloud.results.periods import WORDS

__all__ = ["Pages", "style"]

_NAMES: Final = {"en": "English", "zh": "中文"}
_PERIODS: Final = (*WORDS[:6], "last-7d", "last-30d", *WORDS[6:])
_OF_TIME: Final = ("period", "from", "to")
_OF_ALL_VIEWS: Final = (*_OF_TIME, "account", "lang", "live")


@dataclass(frozen=True, slots=True)
class _Item:
    title: str
    href: str
    current: bool


@dataclass(frozen=True, slots=True)
class _Menu:
    title: str
    items: Sequence[_Item]


@dataclass(frozen=True, slots=True)
class _Language:
    code: str
    name: str
    href: str
    current: bool


def style() -> str:
    """The style sheet: that of the report, and what only the live page has."""
    shared = files("greencloud.report.page").joinpath("style.css").read_text(encoding="utf-8")
    return shared + files("greencloud.page").joinpath("style.css").read_text(encoding="utf-8")


class Pages:
    """Makes pages of the views of ``customer`` and ``provider``, with the drawings that are kept."""

    def __init__(self, customer: Sequence[View], provider: Sequence[View], drawings: Drawings) -> None:
        self._parts = {"customer": customer, "provider": provider}
        self._drawings = drawings
        self._templates = templates(("greencloud.page", "templates"))

    def view(self, caller: Caller, asked: Asked, shown: Shown) -> str:
        """A view's page. Raises MissingExtraError where greencloud[page] is not installed."""
        words = words_in(asked.language)
        start, end = (f"{time:%Y-%m-%d %H:%M}" for time in (asked.period.start, asked.period.end))
        return self._make(
            "view",
            asked.language,
            caller,
            asked,
            title=shown.title,
            shown=shown,
            period=words["period"].format(start=start, end=end),
            own_forms=self._forms(caller, asked, words),
            time_form=_time_form(asked, words),
            draw=self._drawings.of,
            made=words["asked_at"].format(time=f"{asked.now:%Y-%m-%d %H:%M:%S}"),
        )

    def login(self, language: str, *, action: str, after: str = "", problem: str = "", link: bool = False) -> str:
        """The page that asks for a token, or with ``link`` for a press of the button; ``problem`` is the key of a text."""
        words = words_in(language)
        said = words[problem] if problem else ""
        return self._make("login", language, None, None, title=words["log_in"], action=action, next=after, problem=said, link=link)

    def error(
        self,
        language: str,
        status: int,
        message: str,
        *,
        advice: str = "",
        request_id: str = "",
        around: tuple[Caller, Asked] | None = None,
    ) -> str:
        """What was wrong, and what to do next, within the menu of who is logged in."""
        words = words_in(language)
        caller, asked = around or (None, None)
        title = words.get(f"error_{status}") or words["error_400" if status < 500 else "error_500"]
        return self._make(
            "error",
            language,
            caller,
            asked,
            title=title,
            message=message,
            advice=advice,
            request_id=request_id,
            home="/" + ("" if language == LANGUAGES[0] else "?" + urlencode({"lang": language})),
        )

    def _make(self, name: str, language: str, caller: Caller | None, asked: Asked | None, **more: Any) -> str:
        words = words_in(language)
        template = self._templates.get_template(f"{name}.html.jinja")
        context: dict[str, Any] = {
            "language": language,
            "texts": words,
            "caller": caller,
            "who": _who(caller) if caller else "",
            "asked": asked,
            "languages": _languages(language, asked, more.get("next", "")),
            "menus": self._menus(caller, asked, words) if caller and asked else [],
        }
        return str(template.render(**context, **more))

    def _menus(self, caller: Caller, asked: Asked, words: Mapping[str, str]) -> list[_Menu]:
        left_out: dict[str, str | None] = {name: None for name in asked.parameters if name not in _OF_ALL_VIEWS}
        menus = []
        for part, views in self._parts.items():
            if part == "provider" and not caller.provider:
                continue
            items = [
                _Item(words[f"menu_{view.name}"], asked.link(view.path, **left_out), view.path == asked.path)
                for view in views
                if view.menu and caller.may(view.permission)
            ]
            if items:
                menus.append(_Menu(words[f"menu_{part}"], items))
        return menus

    def _forms(self, caller: Caller, asked: Asked, words: Mapping[str, str]) -> list[Form]:
        """Period and account, each with what else was asked."""
        options = [(name, words[f"period_{name.replace('-', '_')}"]) for name in _PERIODS]
        value = "" if "from" in asked.parameters else asked.period_text
        if value not in _PERIODS:
            options.insert(0, (value, asked.period_text))
        period = Choice("period", words["period_choice"], value, options)
        forms = [Form([period], words["period_show"], _kept(asked, *_OF_TIME))]
        identity = caller.identity
        if caller.provider and any(view.path == asked.path for view in self._parts["customer"]):
            account = Choice("account", words["account_choice"], asked.account, hint=words["account_hint"])
            forms.append(Form([account], words["period_show"], _kept(asked, "account")))
        elif identity.member_accounts:
            accounts = [(name, name) for name in (identity.account, *identity.member_accounts)]
            choice = Choice("account", words["account_choice"], asked.account, [("", words["account_all_yours"]), *accounts])
            forms.append(Form([choice], words["period_show"], _kept(asked, "account")))
        return forms


def _time_form(asked: Asked, words: Mapping[str, str]) -> Form:
    start, end = asked.parameters.get("from", ""), asked.parameters.get("to", "")
    fields = [
        Choice("from", words["time_from"], start, hint=words["time_hint"]),
        Choice("to", words["time_to"], end, hint=words["time_hint"]),
    ]
    return Form(fields, words["period_show"], _kept(asked, *_OF_TIME))


def _kept(asked: Asked, *without: str) -> list[tuple[str, str]]:
    return [(name, value) for name, value in asked.parameters.items() if name not in without]


def _who(caller: Caller) -> str:
    names = dict.fromkeys((caller.identity.account, caller.identity.subject))
    return " · ".join([*filter(None, names), caller.identity.role])


def _languages(language: str, asked: Asked | None, after: str) -> list[_Language]:
    def href(code: str) -> str:
        return asked.link(lang=code) if asked else "?" + urlencode({"lang": code} | ({"next": after} if after else {}))

    return [_Language(code, _NAMES[code], href(code), code == language) for code in LANGUAGES]
