"""The page as a WSGI application: who is logged in, which view is asked for, and what is answered where that goes wrong.

Every figure is asked for over gRPC with the reader's own token, so the page can show nothing that the token does not open. Before
each view the server is asked who the token is: one that ended, or was made worthless, ends the session there and then.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.routing import Map, MapAdapter, Rule
from werkzeug.wrappers import Request, Response

from greencloud.client import Client
from greencloud.errors import (
    FailedPreconditionError,
    GreencloudError,
    NotFoundError,
    PermissionDeniedError,
    QuantityError,
    RateLimitedError,
    UnauthenticatedError,
    UnavailableError,
)
from greencloud.page import guard
from greencloud.page.answers import file_answer, html, language_of
from greencloud.page.asked import Asked
from greencloud.page.drawing import Drawings
from greencloud.page.file import FileAnswer
from greencloud.page.limits import BusyError, Turns
from greencloud.page.login import LogIn
from greencloud.page.rendering import Pages, style
from greencloud.page.session import owner_of
from greencloud.page.view import Caller, View
from greencloud.page.words import words_in
from greencloud.report.page import LANGUAGES

__all__ = ["REFRESH_S", "PageApp"]

REFRESH_S: Final = 60
_LOG: Final = logging.getLogger("greencloud.page")
_LONGEST_QUERY: Final = 16_384
_LARGEST_BODY: Final = 65_536
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
        self._turns = Turns()
        self._views = {view.path: view for view in (*customer, *provider)}
        home = provider[0].path if provider else "/"
        self._log_in = LogIn(client, self._pages, self._views, provider_home=home, clock=clock)
        rules = [Rule(path, endpoint=self._view, methods=["GET"]) for path in self._views]
        rules += [
            *self._log_in.rules(),
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
            return self._log_in.logged_out(request)
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
        session = self._log_in.session(request)
        if session is None:
            return self._log_in.logged_out(request)
        asked = self._asked(request)
        client = self._client.with_options(token=session.token)
        with self._turns.one(owner_of(session.identity)):
            caller = Caller(client, client.get_caller_identity())
            shown = self._views[asked.path].show(caller, asked)
            if isinstance(shown, FileAnswer):
                return file_answer(shown)
            response = html(self._pages.view(caller, asked, shown))
        if asked.live:
            response.headers["Refresh"] = str(REFRESH_S)
        return response

    def _asked(self, request: Request) -> Asked:
        parameters = request.args.to_dict()
        language = language_of(request)
        if language != LANGUAGES[0]:
            parameters.setdefault("lang", language)
        return Asked.of(request.path.rstrip("/") or "/", parameters, self._clock())

    def _around(self, request: Request) -> tuple[Caller, Asked] | None:
        """What a page that is no view has around it, where somebody is logged in."""
        session = self._log_in.session(request)
        if session is None:
            return None
        try:
            asked = self._asked(request)
        except QuantityError:
            asked = Asked.of("/", {"lang": language_of(request)}, self._clock())
        return Caller(self._client, session.identity), asked

    # What is no view

    def _style_sheet(self, request: Request) -> Response:
        return Response(self._style, content_type="text/css; charset=utf-8")

    def _healthy(self, request: Request) -> Response:
        return Response("ok\n", content_type="text/plain; charset=utf-8")

    def _failed(self, request: Request, error: GreencloudError) -> Response:
        status = next((status for kind, status in _STATUSES if isinstance(error, kind)), 0)
        if not status:
            status = 400 if isinstance(error, ValueError) else 500
        if status == 500:
            _LOG.warning("a question failed: %s %s", error.reason, getattr(error, "request_id", ""))
        request_id = getattr(error, "request_id", "")
        page = self._pages.error(
            language_of(request),
            status,
            error.message,
            advice=error.advice,
            request_id=request_id,
            around=self._around(request),
        )
        response = html(page, status)
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
        language = language_of(request)
        return html(self._pages.error(language, status, words_in(language)[text], around=self._around(request)), status)
