"""Which shared log: ``nats://HOST:PORT/STREAM``, ``tls://HOST:PORT/STREAM`` (NATS over TLS) or ``kafka://HOST:PORT/TOPIC``, with
commas between several hosts. Credentials are never part of it: each broker's adapter says where it has them from."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Final

from greencloud.errors import ConfigError
from greencloud.telemetry.shared_log import SharedLog

__all__ = ["VARIABLE", "open_log"]

VARIABLE: Final = "GREENCLOUD_LOG_URI"

_HOST: Final = r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:]{2,45}\])(?::\d{1,5})?"
_URI: Final = re.compile(rf"(nats|tls|kafka)://({_HOST}(?:,{_HOST})*)/([A-Za-z0-9_-]{{1,64}})")


def open_log(uri: str, environment: Mapping[str, str] = os.environ) -> SharedLog:
    """The shared log at ``uri``; nothing is asked of the broker yet.

    Raises:
        ConfigError: that is no such place.
        MissingExtraError: the library for it is not installed.
    """
    found = _URI.fullmatch(uri)
    if not found:
        raise ConfigError(
            "a shared log is nats://HOST:PORT/STREAM, tls://HOST:PORT/STREAM or kafka://HOST:PORT/TOPIC",  # not what was given:
            key="--log",  # there may be a password in it
            advice="leave credentials out: NATS_CREDS and GREENCLOUD_KAFKA_CONFIG name files that hold them",
        )
    scheme, hosts, name = found[1], found[2].split(","), found[3]
    if scheme == "kafka":
        from greencloud.telemetry.kafka_log import KafkaLog

        return SharedLog(KafkaLog(hosts, name, environment))
    from greencloud.telemetry.nats_log import NatsLog

    return SharedLog(NatsLog([f"{scheme}://{host}" for host in hosts], name, environment))
