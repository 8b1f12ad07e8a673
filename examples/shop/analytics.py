"""The analytics of account globex (threads): reports over its own sales, and what the market offers for the best sellers.

opentelemetry-instrument python analytics.py --port 8083 --search http://127.0.0.1:8084
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
from collections import defaultdict
from typing import Any, NamedTuple

import requests
from flask import Flask, abort, request
from werkzeug.serving import make_server

app = Flask(__name__)
WORDS = ("lamp", "chair", "desk", "shelf", "clock", "rug", "vase", "mirror")


class Sale(NamedTuple):
    day: int
    word: str
    cents: int


def sales(count: int, seed: int) -> list[Sale]:
    """A year of sales: generated, but the same every time."""
    chance = random.Random(seed)
    return [Sale(chance.randrange(365), chance.choice(WORDS), int(chance.lognormvariate(8, 0.7))) for _ in range(count)]


SALES = sales(60_000, seed=11)


def summary(days: int) -> dict[str, dict[str, int]]:
    """Count, revenue and quartiles by word over the last days: a scan, a grouping and a sort of each group."""
    groups: dict[str, list[int]] = defaultdict(list)
    for sale in SALES:
        if sale.day >= 365 - days:
            groups[sale.word].append(sale.cents)
    result = {}
    for word, cents in groups.items():
        cents.sort()
        quartiles = {f"p{percent}": cents[(len(cents) - 1) * percent // 100] for percent in (25, 50, 75)}
        result[word] = {"count": len(cents), "revenue_cents": sum(cents), **quartiles}
    return result


@app.get("/report")
def report() -> Any:
    days = request.args.get("days", default=30, type=int)
    if not 1 <= days <= 365:
        abort(400, "days must be from 1 to 365")
    found = summary(days)
    best = max(found, key=lambda word: (found[word]["revenue_cents"], word))
    answer = requests.get(f"{app.config['SEARCH']}/search", params={"q": best, "limit": "5"}, timeout=10)
    answer.raise_for_status()
    offers = [product["cents"] for product in answer.json()["products"]]
    return {"days": days, "best_seller": best, "cheapest_offer_cents": min(offers, default=None), "by_word": found}


@app.get("/health")
def health() -> str:
    return "ok"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8083)
    parser.add_argument("--search", default="http://127.0.0.1:8084")
    options = parser.parse_args()
    app.config["SEARCH"] = options.search
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # an orderly exit flushes the exporter
    make_server("127.0.0.1", options.port, app, threaded=True).serve_forever()


if __name__ == "__main__":
    main()
