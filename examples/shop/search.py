"""The search of account platform (asyncio): an internal service that works for whoever asks, here acme and globex.

    opentelemetry-instrument python search.py --port 8084

Who asked is in the trace context of each request, so that the use of this service can be allocated to them.
"""

from __future__ import annotations

import argparse
import heapq
import math
import random
from collections import Counter, defaultdict
from typing import NamedTuple

from aiohttp import web

NOUNS = ("lamp", "chair", "desk", "shelf", "clock", "rug", "vase", "mirror")
ADJECTIVES = ("oak", "steel", "round", "small", "tall", "blue", "green", "folding", "quiet", "bright", "soft", "old")


class Product(NamedTuple):
    id: int
    title: str
    cents: int
    words: tuple[str, ...]


class Index:
    """An inverted index with BM25 ranking (Robertson & Zaragoza 2009, eq. 3.15)."""

    k1, b = 1.2, 0.75

    def __init__(self, products: list[Product]) -> None:
        self.products = products
        self.postings: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for position, product in enumerate(products):
            for word, count in Counter(product.words).items():
                self.postings[word].append((position, count))
        self.mean_length = sum(len(product.words) for product in products) / len(products)

    def search(self, query: str, limit: int) -> list[Product]:
        scores: dict[int, float] = defaultdict(float)
        for word in query.lower().split():
            found = self.postings.get(word, [])
            rarity = math.log(1 + (len(self.products) - len(found) + 0.5) / (len(found) + 0.5))
            for position, count in found:
                length = len(self.products[position].words) / self.mean_length
                scores[position] += rarity * count * (self.k1 + 1) / (count + self.k1 * (1 - self.b + self.b * length))
        best = heapq.nlargest(limit, scores.items(), key=lambda item: (item[1], -item[0]))
        return [self.products[position] for position, _ in best]


def catalogue(count: int, seed: int) -> list[Product]:
    """Products that do not exist: generated, but the same every time."""
    chance = random.Random(seed)
    products = []
    for number in range(count):
        noun, adjectives = chance.choice(NOUNS), chance.sample(ADJECTIVES, 3)
        text = (*adjectives, noun, *chance.choices(ADJECTIVES + NOUNS, k=chance.randrange(8, 30)))
        products.append(Product(number, f"{' '.join(adjectives)} {noun}".capitalize(), int(chance.lognormvariate(8, 0.7)), text))
    return products


INDEX = web.AppKey("index", Index)


async def search(request: web.Request) -> web.Response:
    limit = min(int(request.query.get("limit", "10")), 100)
    found = request.app[INDEX].search(request.query.get("q", ""), limit)
    return web.json_response({"products": [{"id": p.id, "title": p.title, "cents": p.cents} for p in found]})


async def health(_: web.Request) -> web.Response:
    return web.Response(text="ok")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8084)
    options = parser.parse_args()
    app = web.Application()
    app[INDEX] = Index(catalogue(8_000, seed=5))
    app.add_routes([web.get("/search", search), web.get("/health", health)])
    web.run_app(app, host="127.0.0.1", port=options.port, print=None, access_log=None)


if __name__ == "__main__":
    main()
