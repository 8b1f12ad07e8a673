"""A real server for tests of your own: in this process, on a free port, with a small ledger that its own engine allocated.

::

    def test_my_page(greencloud_server):
        with greencloud_server.client("acme") as client:
            rows = client.query_footprint(start=greencloud_server.start, end=greencloud_server.end)
            assert rows.total().energy.kwh > 0

``greencloud_server`` is a fixture of pytest that the distribution brings; elsewhere ``with Server() as server`` does the same. It
needs ``pip install 'greencloud[testing]'``, and no network. The figures are the same each time.
"""

from greencloud.testing.server import ACCOUNTS, END, START, Server

__all__ = ["ACCOUNTS", "END", "START", "Server"]
