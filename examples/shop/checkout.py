"""The checkout of account acme (threads): prices a cart, checks the voucher, keeps each order once.

opentelemetry-instrument python checkout.py --port 8082
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import json
import signal
import sys
import threading
from typing import Any

from flask import Flask, request
from werkzeug.serving import make_server

app = Flask(__name__)
orders: dict[str, dict[str, Any]] = {}
lock = threading.Lock()

SALT = b"acme-vouchers"
VOUCHERS = {hashlib.pbkdf2_hmac("sha256", f"SPRING-{number}".encode(), SALT, 20_000).hex(): 5 * number for number in range(1, 4)}
VAT_PERCENT = 19


def discount(voucher: str) -> int:
    """Percent off. Vouchers are kept hashed, as passwords are, so that looking one up costs something."""
    hashed = hashlib.pbkdf2_hmac("sha256", voucher.encode(), SALT, 20_000).hex()
    return next((percent for known, percent in VOUCHERS.items() if hmac.compare_digest(known, hashed)), 0)


def price(lines: list[dict[str, int]], percent_off: int) -> dict[str, int]:
    """Cents in, cents out; the discount is taken per line, so that a returned line gives back what it cost."""
    net = sum(line["cents"] * line["quantity"] * (100 - percent_off) // 100 for line in lines)
    vat = (net * VAT_PERCENT + 50) // 100
    return {"net_cents": net, "vat_cents": vat, "total_cents": net + vat}


@app.post("/orders")
def order() -> Any:
    cart = request.get_json()
    if not cart.get("lines"):
        return {"error": "an order needs at least one line"}, 400
    content = json.dumps(cart, sort_keys=True).encode()
    number = hashlib.sha256(content).hexdigest()[:12]
    with lock:
        known = orders.get(number)
    if known is not None:  # the same cart twice is one order
        return known
    lines = sorted(cart["lines"], key=lambda line: line["id"])
    placed = {"order": number, **price(lines, discount(cart.get("voucher", "")))}
    with lock:
        return orders.setdefault(number, placed), 201


@app.get("/health")
def health() -> str:
    return "ok"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8082)
    options = parser.parse_args()
    # Ends by SystemExit, so that what runs at exit (the exporter's flush) runs on SIGTERM too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    make_server("127.0.0.1", options.port, app, threaded=True).serve_forever()


if __name__ == "__main__":
    main()
