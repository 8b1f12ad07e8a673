"""The Python client of a greencloud server. It needs grpcio and protobuf, and nothing of the server."""

from greencloud.client.async_client import AsyncClient
from greencloud.client.books import facility_files
from greencloud.client.client import Client
from greencloud.client.config import ClientConfig
from greencloud.client.names import facility_book_name, goal_name, parse_facility_book_name, parse_goal_name
from greencloud.client.pages import AsyncPager, Page, Pager
from greencloud.client.requests import StreamCompression, StreamContent
from greencloud.client.retry import Retry

__all__ = [
    "AsyncClient",
    "AsyncPager",
    "Client",
    "ClientConfig",
    "Page",
    "Pager",
    "Retry",
    "StreamCompression",
    "StreamContent",
    "facility_book_name",
    "facility_files",
    "goal_name",
    "parse_facility_book_name",
    "parse_goal_name",
]
