"""The shop of the demo: where it lies, how its services are started, and the facility book for the machine at hand."""

from __future__ import annotations

import json
import re
import socket
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from urllib.parse import quote

from greencloud.cli._demo.children import Child, Children
from greencloud.errors import MissingExtraError, NotFoundError

__all__ = [
    "INSTRUMENT",
    "SERVICES",
    "Service",
    "Shop",
    "book_for",
    "find_shop",
    "require_libraries",
    "workloads_toml",
]

# What the console script opentelemetry-instrument does, with the interpreter at hand: the script's folder need not be on PATH.
INSTRUMENT: Final = (sys.executable, "-c", "from opentelemetry.instrumentation.auto_instrumentation import run; run()")

_LIBRARIES: Final = (
    "aiohttp",
    "flask",
    "requests",
    "psutil",
    "opentelemetry.distro",
    "opentelemetry.exporter.otlp.proto.grpc",
    "opentelemetry.instrumentation.aiohttp_client",
    "opentelemetry.instrumentation.aiohttp_server",
    "opentelemetry.instrumentation.flask",
    "opentelemetry.instrumentation.requests",
)

# The host that examples/shop/facility.toml describes.
_BOOK_HOST: Final = "shop-host"
_BOOK_VCPU: Final = 2
_BOOK_MEMORY: Final = 8 << 30


@dataclass(frozen=True, slots=True)
class Service:
    name: str
    account: str
    calls: tuple[str, ...] = ()  # services whose address it is given


SERVICES: Final = (
    Service("storefront", "acme", ("search", "checkout")),
    Service("checkout", "acme"),
    Service("analytics", "globex", ("search",)),
    Service("search", "platform"),
)


def require_libraries() -> None:
    """Raise MissingExtraError unless everything that the services and the agent import is there."""
    for name in _LIBRARIES:
        try:
            found = find_spec(name) is not None
        except ModuleNotFoundError:  # a parent package is missing
            found = False
        if not found:
            raise MissingExtraError(f"greencloud demo ({name})", extra="demo")


def find_shop(given: Path | None) -> Path:
    """The folder of the shop: the one given, else that of the source tree which this package is installed from.

    Raises:
        NotFoundError: it is not there; the wheel does not carry the examples.
    """
    folder = given or Path(__file__).parents[4] / "examples" / "shop"
    missing = [name for name in (*(f"{s.name}.py" for s in SERVICES), "load.py", "facility.toml") if not (folder / name).is_file()]
    if missing:
        raise NotFoundError(
            f"{folder} has no {missing[0]}",
            advice="give the shop of a source checkout: greencloud demo --shop PATH/TO/greencloud/examples/shop",
        )
    return folder.resolve()


def _free_ports(count: int) -> list[int]:
    """Loopback ports that nobody listens on now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


def book_for(text: str, *, host_id: str, vcpu: int, memory_bytes: int) -> str:
    """The shop's facility book for another machine: its id, and every vCPU, memory and embodied mass in proportion."""
    size, memory = Fraction(vcpu, _BOOK_VCPU), Fraction(memory_bytes, _BOOK_MEMORY)

    def scaled(found: re.Match[str]) -> str:
        value = Fraction(found[2]) * size
        return f"{found[1]} = {Decimal(value.numerator) / Decimal(value.denominator)}"

    def bytes_of(found: re.Match[str]) -> str:
        return f'memory = "{int(Fraction(found[1]) * (1 << 30) * memory)} B"'

    text = re.sub(r"^(vcpu|embodied_kg) = ([0-9.]+)$", scaled, text, flags=re.MULTILINE)
    text = re.sub(r'^memory = "([0-9.]+) GiB"$', bytes_of, text, flags=re.MULTILINE)
    return text.replace(json.dumps(_BOOK_HOST), json.dumps(host_id, ensure_ascii=False))


def workloads_toml(running: Mapping[Service, int]) -> str:
    """What the agent is told: which process is whose."""
    blocks = [
        f'[[workloads]]\npid = {pid}\naccount = "{service.account}"\nservice = "{service.name}"\n'
        for service, pid in running.items()
    ]
    return "\n".join(blocks)


class Shop:
    """The four services, each a real process under stock auto-instrumentation that exports to ``endpoint``."""

    def __init__(
        self, folder: Path, *, host_id: str, endpoint: str, tokens: Mapping[str, str], environment: Mapping[str, str]
    ) -> None:
        self.folder = folder
        self._host_id = host_id
        self._endpoint = endpoint
        self._tokens = tokens  # by account
        self._environment = environment
        self.ports = dict(zip((service.name for service in SERVICES), _free_ports(len(SERVICES)), strict=True))

    def start(self, children: Children) -> dict[Service, Child]:
        """Start every service; they are ready when ``wait_until_ready`` returns."""
        return {
            service: children.start(
                service.name, self._command(service), environment=self._environment_of(service), directory=self.folder
            )
            for service in SERVICES
        }

    def wait_until_ready(self, running: Mapping[Service, Child], *, timeout: float) -> None:
        for service, child in running.items():
            child.wait_for_health(self.ports[service.name], timeout=timeout)

    def start_load(self, children: Children, *, seed: int, requests: int, seconds: float) -> Child:
        options = {
            "storefront": self.url("storefront"),
            "analytics": self.url("analytics"),
            "seed": seed,
            "requests": requests,
            "seconds": seconds,
        }
        command = [sys.executable, "load.py", *(f"--{key}={value}" for key, value in options.items())]
        return children.start("load", command, environment=self._environment, directory=self.folder)

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"

    def _command(self, service: Service) -> list[str]:
        addresses = [f"--{name}={self.url(name)}" for name in service.calls]
        return [*INSTRUMENT, sys.executable, f"{service.name}.py", f"--port={self.ports[service.name]}", *addresses]

    def _environment_of(self, service: Service) -> dict[str, str]:
        return {
            **self._environment,
            "OTEL_SERVICE_NAME": service.name,
            "OTEL_RESOURCE_ATTRIBUTES": f"host.id={quote(self._host_id, safe='')},deployment.environment.name=demo",
            "OTEL_EXPORTER_OTLP_ENDPOINT": self._endpoint,
            "OTEL_EXPORTER_OTLP_INSECURE": "true",
            "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{quote(self._tokens[service.account], safe='')}",
            "OTEL_TRACES_EXPORTER": "otlp",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_LOGS_EXPORTER": "none",
            "OTEL_BSP_SCHEDULE_DELAY": "500",
            "OTEL_PYTHON_EXCLUDED_URLS": "health",
        }
