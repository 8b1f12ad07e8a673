"""The live page of the demo: its address, and links that log in once."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from urllib.parse import urlencode, urlsplit

from greencloud.errors import UnavailableError

__all__ = ["page_links"]

_LIVE = "period=today&live=1"


def page_links(page: str, tokens: Mapping[str, str], accounts: Sequence[str]) -> list[str]:
    """What to say of the page at the address ``page``: a link for each account, "" for the provider. No address: what is missing.

    Raises:
        UnavailableError: the page does not answer.
    """
    if not page:
        return ["there is no page: pip install 'greencloud[page]'"]
    lines = [f"page {page}: each link logs in once, within five minutes; later by token"]
    for account in accounts:
        home = "/" if account else "/provider"
        lines.append(f"  {account or 'provider'}: {_link(page, tokens[account])}?{urlencode({'next': f'{home}?{_LIVE}'})}")
    return lines


def _link(page: str, token: str) -> str:
    with closing(http.client.HTTPConnection(urlsplit(page).netloc, timeout=20)) as connection:
        connection.request("POST", "/links", headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        if answer.status != http.client.CREATED:
            raise UnavailableError(f"the page answers {answer.status}", code="UNAVAILABLE", advice="look at the server's log")
        return str(json.loads(answer.read())["url"])
