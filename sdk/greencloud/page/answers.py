"""What the page answers with: HTML, a file, an address to go to; and in which language."""

from __future__ import annotations

import json
import re

from werkzeug.wrappers import Request, Response

from greencloud.page.file import FileAnswer
from greencloud.report.page import LANGUAGES

__all__ = ["document", "file_answer", "html", "language_of", "redirect"]


def language_of(request: Request) -> str:
    """The one that was asked for, else what the browser would like best."""
    said = request.args.get("lang", "")
    return said if said in LANGUAGES else request.accept_languages.best_match(LANGUAGES) or LANGUAGES[0]


def html(text: str, status: int = 200) -> Response:
    return Response(text, status, content_type="text/html; charset=utf-8")


def document(value: dict[str, str], status: int) -> Response:
    return Response(json.dumps(value) + "\n", status, content_type="application/json")


def redirect(address: str) -> Response:
    response = Response("", 303)
    response.headers["Location"] = address
    response.autocorrect_location_header = False
    return response


def file_answer(answer: FileAnswer) -> Response:
    response = Response(answer.content, content_type=answer.media_type)
    response.headers.set("Content-Disposition", "attachment", filename=re.sub(r"[^\w.+@ -]", "_", answer.name)[:200])
    return response
