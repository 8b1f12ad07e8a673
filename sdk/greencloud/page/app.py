"""The page as a WSGI application: who is logged in, which view is asked for, and what is answered where that goes wrong.

Every figure is asked for over gRPC with the reader's own token, so the page can show nothing that the token does not open. Before
each view the server is asked who the token is: one that ended, or was made worthless, ends the session there and then.

One-time links: whoever has a token asks for one (``POST /links``) and opens it in a browser. Opening it shows a button, and only
pressing it logs in. So a preview of the link in a chat does not use it up, and the cookie, which is for visits from this site
alone, comes with the page that follows.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.routing import Map, MapAdapter, Rule
from werkzeug.wrappers import Request, Response

from greencloud.client import Client
from greencloud.errors import (
    ConfigError,
    FailedPreconditionError,
    GreencloudError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    UnauthenticatedError,
    UnavailableError,
)
from greencloud.page import guard
from greencloud.page.asked import Asked
from greencloud.page.drawing import Drawings
from greencloud.page.file import FileAnswer
from greencloud.page.limits import Attempts, BusyError, Turns
from greencloud.page.rendering import Pages, style
from greencloud.page.session import LINK_HOLDS, SESSION_HOLDS, Secrets, Session, owner_of
from greencloud.page.view import Caller, View
from greencloud.page.words import words_in
from greencloud.report.page import LANGUAGES

__all__ = ["REFRESH_S", "PageApp"]

REFRESH_S: Final = 60
_LOG: Final = logging.getLogger("greencloud.page")
_LONGEST_QUERY: Final = 16_384
_LARGEST_BODY: Final = 65_536
_LONGEST_TOKEN: Final = 8_192
_STATUSES: Final[tuple[tuple[type[GreencloudError], int], ...]] = (
    (PermissionDeniedError, 403),
    (NotFoundError, 404),
    (RateLimitedError, 429),
    (BusyError, 429),
    (UnavailableError, 503),
    (FailedPreconditionError, 400),
)


class _Request(Request):
    max_content_length = _LARGEST_BODY
    max_form_memory_size = _LARGEST_BODY
    max_form_parts = 16


class PageApp:
    """The application. ``client`` has no token; it is asked with each reader's own. ``clock`` gives the time."""

    def __init__(
        self, client: Client, customer: Sequence[View], provider: Sequence[View], *, clock: Callable[[], datetime]
    ) -> None:
        self._client = client
        self._clock = clock
        self._pages = Pages(customer, provider, Drawings())
        self._style = style()
        self._sessions: Secrets[Session] = Secrets(SESSION_HOLDS)
        self._links: Secrets[Session] = Secrets(LINK_HOLDS, most=1_000)
        self._attempts = Attempts()
        self._turns = Turns()
        self._views = {view.path: view for view in (*customer, *provider)}
        self._provider_home = provider[0].path if provider else "/"
        rules = [Rule(path, endpoint=self._view, methods=["GET"]) for path in self._views]
        rules += [
            Rule("/login", endpoint=self._login_page, methods=["GET"]),
            Rule("/login", endpoint=self._log_in, methods=["POST"]),
            Rule("/logout", endpoint=self._log_out, methods=["POST"]),
            Rule("/link/<code>", endpoint=self._link_page, methods=["GET"]),
            Rule("/link/<code>", endpoint=self._follow_link, methods=["POST"]),
            Rule("/links", endpoint=self._make_link, methods=["POST"]),
            Rule("/style.css", endpoint=self._style_sheet, methods=["GET"]),
            Rule("/healthz", endpoint=self._healthy, methods=["GET"]),
        ]
        self._map = Map(rules, strict_slashes=False, merge_slashes=False, redirect_defaults=False)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = _Request(environ)
        response = guard.secure(request, self._answer(request))
        return response(environ, start_response)

    def _answer(self, request: Request) -> Response:
        try:
            if len(request.query_string) > _LONGEST_QUERY:
                return self._said(request, 414, "not_so")
            found, arguments = self._adapter(request).match()
            response: Response = found(request, **arguments)
            return response
        except UnauthenticatedError:
            return self._logged_out(request)
        except GreencloudError as error:
            return self._failed(request, error)
        except HTTPException as error:
            return self._refused(request, error)
        except Exception:
            _LOG.exception("a page could not be made")
            return self._said(request, 500, "went_wrong")

    def _adapter(self, request: Request) -> MapAdapter:
        # Not by the host that the request names: nothing here depends on it.
        return self._map.bind("page", path_info=request.path, default_method=request.method)

    # Views

    def _view(self, request: Request) -> Response:
        session = self._session(request)
        if session is None:
            return self._logged_out(request)
        asked = self._asked(request)
        client = self._client.with_options(token=session.token)
        with self._turns.one(owner_of(session.identity)):
            caller = Caller(client, client.get_caller_identity())
            try:
                shown = self._views[asked.path].show(caller, asked)
                if isinstance(shown, FileAnswer):
                    return _file(shown)
                response = _html(self._pages.view(caller, asked, shown))
            except UnauthenticatedError:
                raise
            except GreencloudError as error:
                return self._failed(request, error, caller=caller, asked=asked)
        if asked.live:
            response.headers["Refresh"] = str(REFRESH_S)
        return response

    def _asked(self, request: Request) -> Asked:
        parameters = request.args.to_dict()
        language = _language(request)
        if language != LANGUAGES[0]:
            parameters.setdefault("lang", language)
        return Asked.of(request.path.rstrip("/") or "/", parameters, self._clock())

    def _session(self, request: Request) -> Session | None:
        id_ = guard.cookie_of(request)
        return self._sessions.find(id_, self._clock()) if id_ else None

    # Log-in

    def _login_page(self, request: Request) -> Response:
        problem = "session_gone" if request.args.get("gone") else ""
        after = self._after(request.args.get("next", ""))
        return _html(self._pages.login(_language(request), action="/login", after=after, problem=problem))

    def _log_in(self, request: Request) -> Response:
        guard.from_here(request)
        language, after = _language(request), self._after(request.form.get("next", ""))
        token = request.form.get("token", "").strip()
        if not token:
            return _html(self._pages.login(language, action="/login", after=after, problem="token_none"), 400)
        try:
            session = self._known(request, token)
        except UnauthenticatedError:
            return _html(self._pages.login(language, action="/login", after=after, problem="token_wrong"), 403)
        return self._begin(request, session, after)

    def _known(self, request: Request, token: str) -> Session:
        """Whose token it is. Raises UnauthenticatedError where it does not hold."""
        address, now = request.remote_addr or "", time.monotonic()
        self._attempts.check(address, now)
        try:
            if len(token) > _LONGEST_TOKEN:
                raise UnauthenticatedError("the token is longer than any")
            return Session(token, self._client.with_options(token=token).get_caller_identity())
        except (UnauthenticatedError, ConfigError) as error:  # ConfigError: what cannot stand in a header
            self._attempts.failed(address, now)
            raise UnauthenticatedError("the token does not hold") from error

    def _begin(self, request: Request, session: Session, after: str) -> Response:
        identity, now = session.identity, self._clock()
        self._sessions.take(guard.cookie_of(request), now)  # who logs in anew has a new id
        until = min(identity.expires, now + SESSION_HOLDS)
        id_ = self._sessions.put(owner_of(identity), session, now=now, until=until)
        _LOG.info("logged in: account=%s role=%s", identity.account or "-", identity.role)
        language = _language(request)
        home = "/" if identity.account else self._provider_home
        response = _redirect(after or home + ("" if language == LANGUAGES[0] else "?" + urlencode({"lang": language})))
        guard.remember(request, response, id_, until)
        return response

    def _log_out(self, request: Request) -> Response:
        guard.from_here(request)
        self._sessions.take(guard.cookie_of(request), self._clock())
        response = _redirect("/login?" + urlencode({"lang": _language(request)}))
        guard.forget(request, response)
        return response

    def _logged_out(self, request: Request) -> Response:
        """To the log-in, and back to where the reader was."""
        id_ = guard.cookie_of(request)
        if id_:
            self._sessions.take(id_, self._clock())
        after = self._after(request.full_path.rstrip("?")) if request.method in {"GET", "HEAD"} else ""
        wanted = {"next": "" if after == "/" else after, "gone": "1" if id_ else "", "lang": request.args.get("lang", "")}
        query = urlencode({name: value for name, value in wanted.items() if value})
        response = _redirect("/login" + (f"?{query}" if query else ""))
        if id_:
            guard.forget(request, response)
        return response

    def _after(self, address: str) -> str:
        """The address of a view to go on to; "" for any other."""
        if len(address) > _LONGEST_QUERY or not address.isprintable():
            return ""
        try:
            parts = urlsplit(address)
        except ValueError:
            return ""
        return address if not parts.scheme and not parts.netloc and parts.path in self._views else ""

    # One-time links

    def _make_link(self, request: Request) -> Response:
        guard.from_here(request, required=False)  # no cookie counts here, and another site cannot send the header
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        try:
            if scheme.lower() != "bearer" or not token.strip():
                raise UnauthenticatedError("no token")
            session = self._known(request, token.strip())
        except UnauthenticatedError:
            response = _json({"error": "send a token that holds: Authorization: Bearer TOKEN"}, 401)
            response.headers["WWW-Authenticate"] = "Bearer"
            return response
        identity, now = session.identity, self._clock()
        origin = guard.origin_of(request)
        until = min(identity.expires, now + LINK_HOLDS)
        code = self._links.put(owner_of(identity), session, now=now, until=until)
        return _json({"url": f"{origin}/link/{code}"}, 201)

    def _link_page(self, request: Request, code: str) -> Response:
        language = _language(request)
        if self._links.find(code, self._clock()) is None:
            return _html(self._pages.login(language, action="/login", problem="link_gone"), 404)
        after = self._after(request.args.get("next", ""))
        return _html(self._pages.login(language, action="/link/" + code, after=after, link=True))

    def _follow_link(self, request: Request, code: str) -> Response:
        guard.from_here(request)
        session = self._links.take(code, self._clock())
        try:
            if session is None:
                raise UnauthenticatedError("the link is gone")
            return self._begin(request, self._known(request, session.token), self._after(request.form.get("next", "")))
        except UnauthenticatedError:
            return _html(self._pages.login(_language(request), action="/login", problem="link_gone"), 404)

    # What is no view

    def _style_sheet(self, request: Request) -> Response:
        return Response(self._style, content_type="text/css; charset=utf-8")

    def _healthy(self, request: Request) -> Response:
        return Response("ok\n", content_type="text/plain; charset=utf-8")

    def _failed(
        self, request: Request, error: GreencloudError, *, caller: Caller | None = None, asked: Asked | None = None
    ) -> Response:
        status = next((status for kind, status in _STATUSES if isinstance(error, kind)), 0)
        if not status:
            status = 400 if isinstance(error, ValueError) else 500
        if status == 500:
            _LOG.warning("a question failed: %s %s", error.reason, getattr(error, "request_id", ""))
        request_id = getattr(error, "request_id", "")
        html = self._pages.error(
            _language(request),
            status,
            error.message,
            advice=error.advice,
            request_id=request_id,
            caller=caller,
            asked=asked,
        )
        response = _html(html, status)
        if status in {429, 503}:
            response.headers["Retry-After"] = str(max(1, round(getattr(error, "retry_after_s", None) or 1)))
        return response

    def _refused(self, request: Request, error: HTTPException) -> Response:
        status = error.code or 400
        text = "nothing_here" if isinstance(error, NotFound) else "not_from_here" if status == 403 else "not_so"
        response = self._said(request, status, text)
        allowed = getattr(error, "valid_methods", None)
        if allowed:
            response.headers["Allow"] = ", ".join(sorted(allowed))
        return response

    def _said(self, request: Request, status: int, text: str) -> Response:
        language = _language(request)
        return _html(self._pages.error(language, status, words_in(language)[text]), status)


def _language(request: Request) -> str:
    """The one that was asked for, else what the browser would like best."""
    said = request.args.get("lang", "")
    return said if said in LANGUAGES else request.accept_languages.best_match(LANGUAGES) or LANGUAGES[0]


def _html(text: str, status: int = 200) -> Response:
    return Response(text, status, content_type="text/html; charset=utf-8")


def _json(value: dict[str, str], status: int) -> Response:
    return Response(json.dumps(value) + "\n", status, content_type="application/json")


def _redirect(address: str) -> Response:
    response = Response("", 303)
    response.headers["Location"] = address
    response.autocorrect_location_header = False
    return response


def _file(answer: FileAnswer) -> Response:
    response = Response(answer.content, content_type=answer.media_type)
    response.headers.set("Content-Disposition", "attachment", filename=answer.name)
    return response
