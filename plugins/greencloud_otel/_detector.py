"""Says which host a process runs on, so that its use can be joined with the energy of that host."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Final

from opentelemetry.sdk.resources import OTELResourceDetector, Resource, ResourceDetector

from greencloud_otel._semconv import HOST_ID, HOST_NAME

__all__ = ["GreencloudResourceDetector"]

_MACHINE_ID: Final = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))


class GreencloudResourceDetector(ResourceDetector):
    """``host.id`` (the machine id, where the system has one) and ``host.name``.

    What ``OTEL_RESOURCE_ATTRIBUTES`` says is left out here, because older SDKs run detectors in no particular order. Newer
    ones let later detectors override earlier ones: name this one before a cloud's, whose id of the instance is the right
    ``host.id`` there.
    """

    def detect(self) -> Resource:
        given = OTELResourceDetector().detect().attributes
        found = {HOST_ID: _machine_id(), HOST_NAME: socket.gethostname()}
        return Resource({key: value for key, value in found.items() if value and key not in given})


def _machine_id() -> str:
    for path in _MACHINE_ID:
        try:
            text = path.read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            continue
        # "uninitialized" stands there while a system is being installed.
        if len(text) == 32 and all(digit in "0123456789abcdef" for digit in text):
            return text
    return ""
