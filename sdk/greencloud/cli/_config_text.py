"""A value set in the text of a configuration file, with every other line, comments included, left as it is.

tomllib reads and does not write, and a writer would lose the comments. So one line is put in, and what came out is read again: it
must say what was meant and nothing else, or nothing is changed.
"""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

from greencloud.errors import ConfigError

__all__ = ["with_value"]


def with_value(text: str, profile: str, key: str, value: str | float) -> str:
    """The text with ``key = value`` in ``[profile.NAME]``; both are made where they are not there.

    Raises:
        ConfigError: the text is not TOML, or is written in a way that this cannot edit (inline tables and the like).
    """
    wanted = _parsed(text)
    wanted.setdefault("profile", {}).setdefault(profile, {})[key] = value
    # A JSON string is a TOML basic string, but for DEL, which TOML wants escaped.
    line = f"{key} = {json.dumps(value, ensure_ascii=False)}".replace("\x7f", "\\u007f")
    edited = _edited(text, profile, key, line)
    try:
        same = tomllib.loads(edited) == wanted
    except tomllib.TOMLDecodeError:
        same = False
    if not same:
        raise ConfigError(
            f"profile {profile!r} is written in a way that cannot be edited here", key=key, advice="edit the file by hand"
        )
    return edited


def _edited(text: str, profile: str, key: str, line: str) -> str:
    name = profile if re.fullmatch(r"[A-Za-z0-9_-]+", profile) else json.dumps(profile, ensure_ascii=False)
    header = re.compile(rf"\s*\[\s*profile\s*\.\s*[\"']?{re.escape(profile)}[\"']?\s*\]\s*(#.*)?")
    lines = text.split("\n")
    start = next((place for place, found in enumerate(lines) if header.fullmatch(found)), None)
    if start is None:
        whole = text if not text or text.endswith("\n") else text + "\n"
        return f"{whole}{chr(10) if whole else ''}[profile.{name}]\n{line}\n"
    after = (place for place in range(start + 1, len(lines)) if lines[place].lstrip().startswith("["))
    end = next(after, len(lines))
    set_here = re.compile(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=")
    for place in range(start + 1, end):
        if set_here.match(lines[place]):
            return "\n".join([*lines[:place], line, *lines[place + 1 :]])
    return "\n".join([*lines[: start + 1], line, *lines[start + 1 :]])


def _parsed(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"the configuration is not TOML: {error}", advice="mend it by hand") from error
