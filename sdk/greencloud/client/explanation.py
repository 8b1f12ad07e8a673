"""The document of an explanation, put together from its pages: a conversation (``greencloud.client.answers``)."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Final

from greencloud.units import format_instant
from greencloud.v1 import footprint_service_pb2 as footprint
from greencloud.wire import explained_page_from_message, instant_from_message

__all__ = ["explanation_document"]

_SCHEMA: Final = "greencloud.explanation/1"
_MANY: Final = 1_000


def explanation_document(
    request: footprint.ExplainFootprintRequest, windows: int
) -> Generator[Any, footprint.ExplainFootprintResponse, dict[str, Any]]:
    """The document with that many of the largest windows, and every batch recomputed where ``request`` says so.

    Yields ``request``, whose page fields are set here, and is sent the answers.
    """
    shown: list[dict[str, Any]] = []
    again: list[dict[str, Any]] = []
    while True:
        # To recompute is to go through them all: in pages as large as the server gives.
        request.page_size = _MANY if request.recompute else max(1, windows - len(shown))
        message = yield request
        page = explained_page_from_message(message)
        shown += page["windows"]
        again += page["recomputed"]
        request.page_token = message.next_page_token
        if not request.page_token or (len(shown) >= windows and not request.recompute):
            break
    shown = shown[: max(0, windows)]
    amounts = page["amounts"]
    rest = {name: str(int(amount) - sum(int(window["amounts"][name]) for window in shown)) for name, amount in amounts.items()}
    return {
        "schema": _SCHEMA,
        "account": page["account"],
        "from": format_instant(instant_from_message(request.start_time)),
        "to": format_instant(instant_from_message(request.end_time)),
        **{name: list(getattr(request, name)) for name in ("sites", "services", "skus", "operations", "components")},
        "audience": page["audience"],
        "ledger_version": page["ledger_version"],
        "amounts": amounts,
        "by_component": page["by_component"],
        "windows": shown,
        "rest": {"windows": page["window_count"] - len(shown), "amounts": rest},
        "recomputed": again if request.recompute else None,
    }
