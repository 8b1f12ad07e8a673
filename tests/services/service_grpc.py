"""gRPC, unchanged, without generated code: example.Burner/Work takes a number as text. service_grpc.py PORT"""

from __future__ import annotations

import signal
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc
from burn import burn


def work(request: bytes, context: grpc.ServicerContext) -> bytes:
    return burn(int(request)).encode()


if __name__ == "__main__":
    server = grpc.server(ThreadPoolExecutor(4))
    methods: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {"Work": grpc.unary_unary_rpc_method_handler(work)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("example.Burner", methods),))
    server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}")
    server.start()
    signal.sigwait({signal.SIGINT})
    server.stop(5).wait()
