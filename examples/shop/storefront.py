"""The storefront of account acme (asyncio): asks search for products, renders pages, hands carts to checkout.

    opentelemetry-instrument python storefront.py --port 8081 --search http://127.0.0.1:8084 --checkout http://127.0.0.1:8082

Nothing here knows about greencloud or OpenTelemetry: both come from outside.
"""

from __future__ import annotations

import argparse
import hashlib
import html
import zlib
from collections.abc import AsyncIterator

from aiohttp import ClientSession, ClientTimeout, web

SEARCH = web.AppKey("search", str)
CHECKOUT = web.AppKey("checkout", str)
SESSION = web.AppKey("session", ClientSession)


def page(query: str, products: list[dict[str, object]]) -> bytes:
    """The result page, as bytes to send: real rendering, one card a product."""
    cards = []
    for product in products:
        title = html.escape(str(product["title"]))
        picture = hashlib.blake2b(title.encode() * 64, digest_size=12).hexdigest()
        cents = int(str(product["cents"]))
        cards.append(
            f'<li id="{product["id"]}"><img src="/img/{picture}.webp"><b>{title}</b> {cents // 100}.{cents % 100:02d}</li>'
        )
    body = f"<title>{html.escape(query)}</title><ul>{''.join(cards)}</ul>"
    return f"<!doctype html>{body * 20}".encode()  # the page repeats itself, as pages with menus and variants do


async def browse(request: web.Request) -> web.Response:
    query = request.query.get("q", "lamp")
    async with request.app[SESSION].get(f"{request.app[SEARCH]}/search", params={"q": query, "limit": "24"}) as found:
        found.raise_for_status()
        products = (await found.json())["products"]
    body = page(query, products)
    tag = hashlib.sha256(body).hexdigest()[:16]
    headers = {"ETag": f'"{tag}"', "Content-Encoding": "deflate", "Content-Type": "text/html; charset=utf-8"}
    return web.Response(body=zlib.compress(body, level=6), headers=headers)


async def checkout(request: web.Request) -> web.Response:
    cart = await request.json()
    async with request.app[SESSION].post(f"{request.app[CHECKOUT]}/orders", json=cart) as answer:
        return web.json_response(await answer.json(), status=answer.status)


async def health(_: web.Request) -> web.Response:
    return web.Response(text="ok")


async def session(app: web.Application) -> AsyncIterator[None]:
    async with ClientSession(timeout=ClientTimeout(total=10)) as app[SESSION]:
        yield


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8081)
    parser.add_argument("--search", default="http://127.0.0.1:8084")
    parser.add_argument("--checkout", default="http://127.0.0.1:8082")
    options = parser.parse_args()
    app = web.Application()
    app[SEARCH], app[CHECKOUT] = options.search, options.checkout
    app.cleanup_ctx.append(session)
    app.add_routes([web.get("/browse", browse), web.post("/checkout", checkout), web.get("/health", health)])
    web.run_app(app, host="127.0.0.1", port=options.port, print=None, access_log=None)


if __name__ == "__main__":
    main()
