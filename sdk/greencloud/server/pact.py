"""Product footprints over HTTP, as the PACT Technical Specifications 3 ask: ``/3/footprints`` and ``/3/footprints/{id}``.

It is a WSGI application on Werkzeug, which is pure Python, keeps to HTTP's rules, and leaves the choice of a server open: the two
methods only read, and what they wait for is the ledger, so that an event loop of its own would gain nothing.

Callers have the bearer tokens of gRPC and need the permission ``greencloud.goals.read``. Every page of a list reads the ledger's
version of the first one, by parameters of the pagination link (``x-greencloud-...``, as the specification wants those of a host
system named). Events are not taken (501). Errors are objects with ``code`` and ``message`` from the specification's list.

Where a footprint states no validity period, it is valid for three years from the end of its reference period.
"""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Request, Response

from greencloud.errors import (
    NotFoundError,
    PermissionDeniedError,
    QuantityError,
    UnauthenticatedError,
)
from greencloud.report.disclosures.pact import footprint_document
from greencloud.results.inventory import InventoryPolicy
from greencloud.results.product_footprints import ProductFootprint
from greencloud.server.auth import Authenticator
from greencloud.server.credentials import Principal
from greencloud.server.errors import BusyError
from greencloud.server.roles import Permission
from greencloud.server.services import Services
from greencloud.units import parse_instant

__all__ = ["PactApp"]

_LOG: Final = logging.getLogger("greencloud.server.pact")
_PATH: Final = re.compile(r"/3/footprints(?:/(?P<id>[^/]{1,64}))?/?")
_HOST: Final = re.compile(r"[A-Za-z0-9.\-]{1,253}(:\d{1,5})?|\[[0-9a-fA-F:.]{2,45}\](:\d{1,5})?")
_FILTERS: Final = ("productId", "companyId", "geography", "classification")
_TIMES: Final = ("validOn", "validAfter", "validBefore")
_OFFSET: Final = "x-greencloud-offset"
_VERSION: Final = "x-greencloud-ledger-version"
_KNOWN: Final = {*_FILTERS, *_TIMES, "status", "limit", _OFFSET, _VERSION}
_DEFAULT_PAGE: Final = 100
_MOST_PAGE: Final = 1_000
_AT_ONCE: Final = 4
_VALID_YEARS: Final = 3

Listing = list[dict[str, Any]]


class PactApp:
    """The application; ``authenticator`` says who calls, ``clock`` gives the time."""

    def __init__(self, services: Services, authenticator: Authenticator, *, clock: Callable[[], datetime]) -> None:
        self._services = services
        self._authenticator = authenticator
        self._clock = clock
        self._turns = threading.BoundedSemaphore(_AT_ONCE)
        self._lock = threading.Lock()
        self._kept: dict[int, list[ProductFootprint]] = {}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        return self._answer(request)(environ, start_response)

    def _answer(self, request: Request) -> Response:
        try:
            return self._route(request)
        except UnauthenticatedError:
            response = _error(401, "TokenExpired", "the access token is missing, not valid, or has expired")
            response.headers["WWW-Authenticate"] = "Bearer"
            return response
        except PermissionDeniedError as error:
            return _error(403, "AccessDenied", error.message)
        except NotFoundError as error:
            return _error(404, "NotFound", str(error).replace("\n", "; "))
        except QuantityError as error:
            return _error(400, "BadRequest", str(error).replace("\n", "; "))
        except BusyError as error:
            response = _error(503, "InternalError", error.message)
            response.headers["Retry-After"] = "1"
            return response
        except HTTPException as error:
            return _error(error.code or 400, "BadRequest", error.name)
        except Exception:
            _LOG.exception("%s %s failed", request.method, request.path)
            return _error(500, "InternalError", "the server could not do this; its operator finds why in the log")

    def _route(self, request: Request) -> Response:
        # Who calls comes before everything else, so that nobody learns what there is.
        principal = self._principal(request)
        if request.path.rstrip("/") == "/3/events":
            return _error(501, "NotImplemented", "this host takes no events")
        found = _PATH.fullmatch(request.path)
        if not found:
            raise NotFoundError("there is nothing here; footprints are at /3/footprints")
        if request.method not in {"GET", "HEAD"}:
            response = _error(405, "BadRequest", "footprints can only be read")
            response.headers["Allow"] = "GET, HEAD"
            return response
        if not self._turns.acquire(timeout=10):
            raise BusyError("more footprints are asked for than the server works out at once")
        try:
            return self._one(principal, found["id"]) if found["id"] else self._list(request, principal)
        finally:
            self._turns.release()

    def _principal(self, request: Request) -> Principal:
        values = request.headers.getlist("Authorization")
        principal = self._authenticator.principal([("authorization", value) for value in values])
        if not principal.may(Permission.GOALS_READ):
            raise PermissionDeniedError(f"the role {principal.role} may not read product footprints")
        return principal

    def _one(self, principal: Principal, id_: str) -> Response:
        products, policy = self._products(principal, None)
        wanted = id_.lower()
        for product in products:
            if product.id == wanted:
                return _json({"data": footprint_document(product, policy, created=self._clock())})
            if wanted in product.preceding:
                raise NotFoundError(f"the footprint was replaced by {product.id}")
        raise NotFoundError("there is no such footprint")

    def _list(self, request: Request, principal: Principal) -> Response:
        if unknown := sorted(set(request.args) - _KNOWN):
            raise QuantityError(f"there is no parameter {unknown[0][:64]!r}", advice=f"there are {', '.join(sorted(_KNOWN))}")
        limit = _count(request, "limit", least=1) or _DEFAULT_PAGE
        offset = _count(request, _OFFSET, least=0) or 0
        products, policy = self._products(principal, _count(request, _VERSION, least=0))
        kept = _filtered(request, products, policy)
        page = kept[offset : offset + min(limit, _MOST_PAGE)]
        now = self._clock()
        response = _json({"data": [footprint_document(product, policy, created=now) for product in page]})
        if page and offset + len(page) < len(kept):
            response.headers["Link"] = f'<{_next(request, offset + len(page), page[0].ledger_version)}>; rel="next"'
        return response

    def _products(self, principal: Principal, version: int | None) -> tuple[list[ProductFootprint], InventoryPolicy]:
        """Footprints of a version of the ledger, of the latest for None; those of the last versions asked for are kept."""
        books = self._services.books(principal.subject)
        number = self._services.snapshot(None).version if version is None else version
        with self._lock:
            found = self._kept.get(number)
        if found is None:
            found = books.list_product_footprints(ledger_version=number if number >= 0 else None)
            with self._lock:
                self._kept[number] = found
                while len(self._kept) > _AT_ONCE:
                    del self._kept[next(iter(self._kept))]
        return found, books.get_inventory_policy()


def _filtered(request: Request, products: Iterable[ProductFootprint], policy: InventoryPolicy) -> list[ProductFootprint]:
    """Values of one filter are alternatives and are compared whatever their case; filters narrow each other."""
    wanted = {name: {value.lower() for value in request.args.getlist(name)} for name in _FILTERS if name in request.args}
    times = {name: _instant(request, name) for name in _TIMES if name in request.args}
    status = request.args.get("status", "active").lower()
    if status not in {"active", "deprecated"}:
        raise QuantityError("status must be Active or Deprecated")
    if status == "deprecated":
        return []  # what was replaced is not kept
    return [product for product in products if _matches(product, policy, wanted) and _valid(product, times)]


def _matches(product: ProductFootprint, policy: InventoryPolicy, wanted: Mapping[str, set[str]]) -> bool:
    if not wanted:
        return True
    document = footprint_document(product, policy, created=product.end)
    values = {
        "productId": document["productIds"],
        "companyId": document["companyIds"],
        "geography": [value for name, value in document["pcf"].items() if name.startswith("geography")],
        "classification": [],
    }
    return all({each.lower() for each in values[name]} & any_of for name, any_of in wanted.items())


def _valid(product: ProductFootprint, times: Mapping[str, datetime]) -> bool:
    start, end = product.end, _years_later(product.end, _VALID_YEARS)
    return (
        ("validOn" not in times or start <= times["validOn"] <= end)
        and ("validAfter" not in times or start > times["validAfter"])
        and ("validBefore" not in times or end < times["validBefore"])
    )


def _years_later(instant: datetime, years: int) -> datetime:
    try:
        return instant.replace(year=instant.year + years)
    except ValueError:  # 29 February
        return instant.replace(year=instant.year + years, month=3, day=1)


def _next(request: Request, offset: int, version: int) -> str:
    """The pagination link: absolute, at the host that was asked (RFC 8288)."""
    host = request.headers.get("Host", "")
    if not _HOST.fullmatch(host):
        raise QuantityError("the header Host is not a host and a port")
    kept = [(name, value) for name, value in request.args.items(multi=True) if name not in {_OFFSET, _VERSION}]
    query = urlencode([*kept, (_OFFSET, str(offset)), (_VERSION, str(version))])
    return f"{request.scheme}://{host}/3/footprints?{query}"


def _count(request: Request, name: str, *, least: int) -> int | None:
    values = request.args.getlist(name)
    if not values:
        return None
    if len(values) > 1 or not re.fullmatch(r"\d{1,9}", values[0], re.ASCII) or int(values[0]) < least:
        raise QuantityError(f"{name} must be a whole number, {least} or more")
    return int(values[0])


def _instant(request: Request, name: str) -> datetime:
    values = request.args.getlist(name)
    if len(values) > 1:
        raise QuantityError(f"{name} is given more than once")
    return parse_instant(values[0])


def _json(document: Any, status: int = 200) -> Response:
    return Response(json.dumps(document, ensure_ascii=False), status=status, content_type="application/json")


def _error(status: int, code: str, message: str) -> Response:
    return _json({"code": code, "message": message}, status)
