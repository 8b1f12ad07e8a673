"""Which customer a request is of: each has a port of its own, which no sender can make up."""

from __future__ import annotations

import os
from collections.abc import Mapping


def account_of(attributes: Mapping[str, object], claimed: str) -> str | None:
    port = attributes.get("server.port", attributes.get("net.host.port"))
    return "globex" if str(port) == os.environ["GLOBEX_PORT"] else None
