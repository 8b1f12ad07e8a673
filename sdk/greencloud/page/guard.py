"""What every answer and every request of the page has to keep to in a browser: headers, cookies, and where a POST comes from.

The page has no script, so the policy allows none. ``Referrer-Policy`` is ``same-origin``: other sites are told nothing, and a form
of ours still says its origin, which ``no-referrer`` would hide. The cookie is ``SameSite=Strict``: other sites' links open the
page without it, and the reader sees the log-in.

Where TLS ends in a proxy before the page, that says so by ``X-Forwarded-Proto``; whoever writes it without one only makes the own
browser stricter.
"""

from __future__ import annotations

import ipaddress
import re
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from werkzeug.exceptions import BadRequest, Forbidden
from werkzeug.wrappers import Request, Response

__all__ = ["cookie_of", "encrypted", "forget", "from_here", "origin_of", "reader_of", "remember", "secure"]

_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_YEAR_S: Final = 31_536_000
_HOST: Final = re.compile(r"[A-Za-z0-9.\-]{1,253}(:\d{1,5})?|\[[0-9a-fA-F:.]{2,45}\](:\d{1,5})?")


def encrypted(request: Request) -> bool:
    """Whether the browser speaks TLS, to this process or to a proxy before it."""
    nearest_the_browser = request.headers.get("X-Forwarded-Proto", "").partition(",")[0].strip()
    return request.is_secure or nearest_the_browser == "https"


def secure(request: Request, response: Response) -> Response:
    """The answer with the headers that each has."""
    for name, value in _HEADERS.items():
        response.headers[name] = value
    if encrypted(request):
        response.headers["Strict-Transport-Security"] = f"max-age={_YEAR_S}"
    return response


def origin_of(request: Request) -> str:
    """The page's own address as the reader wrote it. Raises BadRequest where that is none."""
    host = request.headers.get("Host", "")
    if not _HOST.fullmatch(host):
        raise BadRequest("the request names no host")
    return f"{'https' if encrypted(request) else 'http'}://{host}"


def from_here(request: Request, *, required: bool = True) -> None:
    """Raises Forbidden where another site sent the reader's browser. ``required``: who says nothing is refused, too."""
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None:
        allowed = site == "same-origin"
    elif origin is not None:
        allowed = _host_of(origin) == request.headers.get("Host", "").lower() != ""
    else:
        allowed = not required
    if not allowed:
        raise Forbidden("another site sent this form")


def reader_of(request: Request) -> str:
    """The address of who asks. Of a proxy, which is on this machine or network, it is what that wrote last of its caller: else one
    stranger's attempts would count for every reader behind it. Whoever is as near as that and no proxy can write another one.
    """
    address = request.remote_addr or ""
    written = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    try:
        return written if written and ipaddress.ip_address(address.partition("%")[0]).is_private else address
    except ValueError:
        return address


def cookie_of(request: Request) -> str:
    """The id of the session, "" if there is none."""
    return request.cookies.get(_name(request), "")


def remember(request: Request, response: Response, id_: str, until: datetime) -> None:
    """Give the browser the id of its session."""
    response.set_cookie(_name(request), id_, expires=until, path="/", secure=encrypted(request), httponly=True, samesite="Strict")


def forget(request: Request, response: Response) -> None:
    """Take it from the browser."""
    response.delete_cookie(_name(request), path="/", secure=encrypted(request), httponly=True, samesite="Strict")


def _host_of(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:  # no browser writes such a one
        return ""


def _name(request: Request) -> str:
    # Browsers take a __Host- cookie from the host itself and over TLS alone, so that no neighbour can plant one. They send it to
    # every port of the host: another page there has another name.
    port = re.search(r":(\d{1,5})$", request.headers.get("Host", ""))
    return ("__Host-greencloud" if encrypted(request) else "greencloud") + (f"-{port[1]}" if port else "")
