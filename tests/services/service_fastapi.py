"""FastAPI, unchanged: one endpoint in the event loop, one in a thread. Run: uvicorn service_fastapi:app"""

from __future__ import annotations

import asyncio

from burn import burn
from fastapi import FastAPI

app = FastAPI()


@app.get("/loop/{milliseconds}")  # type: ignore[untyped-decorator]
async def loop(milliseconds: int) -> str:
    """Several of these are in flight at a time, and take turns on one thread."""
    for _ in range(4):
        burn(milliseconds // 4)
        await asyncio.sleep(0.01)
    return f"{milliseconds} ms"


@app.get("/thread/{milliseconds}")  # type: ignore[untyped-decorator]
def thread(milliseconds: int) -> str:
    return burn(milliseconds)
