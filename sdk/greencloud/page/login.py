"""How readers come in and go: with a token that they paste, or by a link that logs in once; and out again.

One-time links: whoever has a token asks for one (``POST /links``) and opens it in a browser. Opening it shows a button, and only
pressing it logs in. So a preview of the link in a chat does not use it up, and the cookie, which is for visits from this site
alone, comes with the page that follows.

A token is asked about on the server and then lies in ``Secrets``. It stands in no address, log or page.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Final
from urllib.parse import urlencode, urlsplit

from werkzeug.routing import Rule
from werkzeug.wrappers import Request, Response

from greencloud.client import Client
from greencloud.errors import ConfigError, UnauthenticatedError
from greencloud.page import guard
from greencloud.page.answers import document, html, language_of, redirect
from greencloud.page.limits import Attempts
from greencloud.page.rendering import Pages
from greencloud.page.session import LINK_HOLDS, SESSION_HOLDS, Secrets, Session, owner_of
from greencloud.report.page import LANGUAGES

__all__ = ["LogIn"]

_LOG: Final = logging.getLogger("greencloud.page")
_LONGEST_TOKEN: Final = 8_192
_LONGEST_ADDRESS: Final = 16_384


class LogIn:
    """Sessions and links. ``client`` has no token; ``paths`` are those of views, to which a reader may go on."""

    def __init__(
        self, client: Client, pages: Pages, paths: Collection[str], *, provider_home: str, clock: Callable[[], datetime]
    ) -> None:
        self._client = client
        self._pages = pages
        self._paths = paths
        self._provider_home = provider_home
        self._clock = clock
        self._sessions: Secrets[Session] = Secrets(SESSION_HOLDS)
        self._links: Secrets[Session] = Secrets(LINK_HOLDS, most=1_000)
        self._attempts = Attempts()

    def rules(self) -> list[Rule]:
        """The addresses that are answered here."""
        return [
            Rule("/login", endpoint=self.ask, methods=["GET"]),
            Rule("/login", endpoint=self.log_in, methods=["POST"]),
            Rule("/logout", endpoint=self.log_out, methods=["POST"]),
            Rule("/links", endpoint=self.make_link, methods=["POST"]),
            Rule("/link/<code>", endpoint=self.show_link, methods=["GET"]),
            Rule("/link/<code>", endpoint=self.follow_link, methods=["POST"]),
        ]

    def session(self, request: Request) -> Session | None:
        """Who is logged in, if anybody is."""
        id_ = guard.cookie_of(request)
        return self._sessions.find(id_, self._clock()) if id_ else None

    def ask(self, request: Request) -> Response:
        """The page that asks for a token."""
        problem = "session_gone" if request.args.get("gone") else ""
        after = self._after(request.args.get("next", ""))
        return html(self._pages.login(language_of(request), action="/login", after=after, problem=problem))

    def log_in(self, request: Request) -> Response:
        """With a token, pasted."""
        guard.from_here(request)
        language, after = language_of(request), self._after(request.form.get("next", ""))
        token = request.form.get("token", "").strip()
        if not token:
            return html(self._pages.login(language, action="/login", after=after, problem="token_none"), 400)
        try:
            session = self._known(request, token)
        except UnauthenticatedError:
            return html(self._pages.login(language, action="/login", after=after, problem="token_wrong"), 403)
        return self._begin(request, session, after)

    def log_out(self, request: Request) -> Response:
        """The session is over, for whoever has its cookie."""
        guard.from_here(request)
        self._sessions.take(guard.cookie_of(request), self._clock())
        response = redirect("/login?" + urlencode({"lang": language_of(request)}))
        guard.forget(request, response)
        return response

    def logged_out(self, request: Request) -> Response:
        """To the log-in, and back to where the reader was."""
        id_ = guard.cookie_of(request)
        if id_:
            self._sessions.take(id_, self._clock())
        after = self._after(request.full_path.rstrip("?")) if request.method in {"GET", "HEAD"} else ""
        wanted = {"next": "" if after == "/" else after, "gone": "1" if id_ else "", "lang": request.args.get("lang", "")}
        query = urlencode({name: value for name, value in wanted.items() if value})
        response = redirect("/login" + (f"?{query}" if query else ""))
        if id_:
            guard.forget(request, response)
        return response

    def make_link(self, request: Request) -> Response:
        """A link for whoever sends a token that holds."""
        guard.from_here(request, required=False)  # no cookie counts here, and another site cannot send the header
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        try:
            if scheme.lower() != "bearer" or not token.strip():
                raise UnauthenticatedError("no token")
            session = self._known(request, token.strip())
        except UnauthenticatedError:
            response = document({"error": "send a token that holds: Authorization: Bearer TOKEN"}, 401)
            response.headers["WWW-Authenticate"] = "Bearer"
            return response
        identity, now = session.identity, self._clock()
        origin = guard.origin_of(request)
        until = min(identity.expires, now + LINK_HOLDS)
        code = self._links.put(owner_of(identity), session, now=now, until=until)
        return document({"url": f"{origin}/link/{code}"}, 201)

    def show_link(self, request: Request, code: str) -> Response:
        """The button; looking at it uses nothing up."""
        language = language_of(request)
        if self._links.find(code, self._clock()) is None:
            return html(self._pages.login(language, action="/login", problem="link_gone"), 404)
        after = self._after(request.args.get("next", ""))
        return html(self._pages.login(language, action="/link/" + code, after=after, link=True))

    def follow_link(self, request: Request, code: str) -> Response:
        """The button was pressed."""
        guard.from_here(request)
        session = self._links.take(code, self._clock())
        try:
            if session is None:
                raise UnauthenticatedError("the link is gone")
            return self._begin(request, self._known(request, session.token), self._after(request.form.get("next", "")))
        except UnauthenticatedError:
            return html(self._pages.login(language_of(request), action="/login", problem="link_gone"), 404)

    def _known(self, request: Request, token: str) -> Session:
        """Whose token it is. Raises UnauthenticatedError where it does not hold."""
        address, now = guard.reader_of(request), time.monotonic()
        self._attempts.check(address, now)
        try:
            if len(token) > _LONGEST_TOKEN:
                raise UnauthenticatedError("the token is longer than any")
            identity = self._client.with_options(token=token).get_caller_identity()
            if identity.expires <= self._clock():  # the server has a leeway for clocks; a session has none
                raise UnauthenticatedError("the token has ended")
            return Session(token, identity)
        except (UnauthenticatedError, ConfigError) as error:  # ConfigError: what cannot stand in a header
            self._attempts.failed(address, now)
            raise UnauthenticatedError("the token does not hold") from error

    def _begin(self, request: Request, session: Session, after: str) -> Response:
        identity, now = session.identity, self._clock()
        self._sessions.take(guard.cookie_of(request), now)  # who logs in anew has a new id
        until = min(identity.expires, now + SESSION_HOLDS)
        id_ = self._sessions.put(owner_of(identity), session, now=now, until=until)
        _LOG.info("logged in: account=%s role=%s", identity.account or "-", identity.role)
        language = language_of(request)
        home = "/" if identity.account else self._provider_home
        response = redirect(after or home + ("" if language == LANGUAGES[0] else "?" + urlencode({"lang": language})))
        guard.remember(request, response, id_, until)
        return response

    def _after(self, address: str) -> str:
        """The address of a view to go on to; "" for any other."""
        if len(address) > _LONGEST_ADDRESS or not address.isprintable():
            return ""
        try:
            parts = urlsplit(address)
        except ValueError:
            return ""
        return address if not parts.scheme and not parts.netloc and parts.path in self._paths else ""
