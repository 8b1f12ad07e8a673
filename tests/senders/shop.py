"""A small web shop that knows nothing of OpenTelemetry: it is run under ``opentelemetry-instrument``, unchanged: shop.py ORDERS"""

from __future__ import annotations

import sys

from flask import Flask

app = Flask(__name__)


@app.get("/order/<int:number>")
def order(number: int) -> str:
    return f"order {number}"


@app.get("/stock")
def stock() -> str:
    return "enough"


client = app.test_client()
for i in range(int(sys.argv[1])):
    client.get(f"/order/{i}")
    if i % 3 == 0:
        client.get("/stock")
