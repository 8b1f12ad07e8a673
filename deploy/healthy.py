"""Whether the server of this container takes calls: ``grpc.health.v1``, as an exit code for probes.

``HEALTH_SERVER`` is HOST:PORT (127.0.0.1:4317). Of a server with TLS, ``HEALTH_NAME`` is the name in its certificate, and
``HEALTH_CA`` a file with the authority to trust (PEM), if it is none of the system's. Kubernetes itself asks a server without TLS
only.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

_SECONDS = 5.0


def main() -> int:
    target = os.environ.get("HEALTH_SERVER") or "127.0.0.1:4317"
    options = [("grpc.enable_http_proxy", 0)]
    if name := os.environ.get("HEALTH_NAME"):
        ca = Path(os.environ.get("HEALTH_CA", ""))
        trusted = grpc.ssl_channel_credentials(ca.read_bytes() if ca.is_file() else None)
        channel = grpc.secure_channel(target, trusted, [*options, ("grpc.ssl_target_name_override", name)])
    else:
        channel = grpc.insecure_channel(target, options)
    with channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=_SECONDS)
        except grpc.RpcError as error:
            print(f"{target}: {error.code().name}", file=sys.stderr)
            return 1
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        print(f"{target}: {health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
