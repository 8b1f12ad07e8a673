"""The Python client of a greencloud server. It needs grpcio and protobuf, and nothing of the server."""

from greencloud.client.client import Client

__all__ = ["Client"]
