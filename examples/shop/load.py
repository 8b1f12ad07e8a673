"""Customers of the shop: real requests at random moments, the same plan for the same seed.

    python load.py --storefront http://127.0.0.1:8081 --analytics http://127.0.0.1:8083 --seconds 30 --requests 600

Arrivals are open-loop (a slow answer does not slow the next customer down), bounded in count and in time; the plan depends
on the seed alone. Prints one JSON line: what was asked, how often it failed. Ends with 1 when anything failed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
import sys
from collections import Counter
from typing import NamedTuple

from aiohttp import ClientError, ClientSession, ClientTimeout

WORDS = ("lamp", "chair", "desk", "shelf", "clock", "rug", "vase", "mirror", "oak", "steel", "blue", "bright", "folding")


class Visit(NamedTuple):
    at: float  # seconds after the start
    operation: str
    argument: str


def plan(seed: int, count: int, seconds: float) -> list[Visit]:
    """Poisson arrivals over the time: 70 % browse (acme), 15 % checkout (acme), 15 % report (globex)."""
    chance = random.Random(seed)
    moments = sorted(chance.uniform(0, seconds) for _ in range(count))
    visits = []
    for number, at in enumerate(moments):
        operation = chance.choices(("browse", "checkout", "report"), weights=(70, 15, 15))[0]
        argument = {
            "browse": " ".join(chance.sample(WORDS, 3)),
            "checkout": json.dumps(
                {
                    "customer": number,
                    "voucher": chance.choice(("", "SPRING-1", "SPRING-3", "AUTUMN-2")),
                    "lines": [
                        {"id": chance.randrange(8000), "cents": chance.randrange(500, 9000), "quantity": chance.randrange(1, 4)}
                        for _ in range(chance.randrange(1, 6))
                    ],
                }
            ),
            "report": str(chance.choice((7, 30, 90, 365))),
        }[operation]
        visits.append(Visit(at, operation, argument))
    return visits


async def pay(session: ClientSession, visit: Visit, storefront: str, analytics: str) -> bool:
    """One visit; whether it was answered well."""
    try:
        if visit.operation == "browse":
            call = session.get(f"{storefront}/browse", params={"q": visit.argument})
        elif visit.operation == "checkout":
            call = session.post(f"{storefront}/checkout", json=json.loads(visit.argument))
        else:
            call = session.get(f"{analytics}/report", params={"days": visit.argument})
        async with call as answer:
            await answer.read()
            return answer.status < 400
    except (ClientError, TimeoutError):
        return False


async def drive(visits: list[Visit], storefront: str, analytics: str, stop: asyncio.Event) -> dict[str, dict[str, int]]:
    """Send every visit at its moment, until all are sent or ``stop`` is set; then wait for the answers."""
    done: Counter[tuple[str, bool]] = Counter()
    running: set[asyncio.Task[None]] = set()
    clock = asyncio.get_running_loop().time

    async with ClientSession(timeout=ClientTimeout(total=15)) as session:

        async def send(visit: Visit) -> None:
            done[visit.operation, await pay(session, visit, storefront, analytics)] += 1

        begin = clock()
        for visit in visits:
            try:
                await asyncio.wait_for(stop.wait(), max(0.0, begin + visit.at - clock()))
                break
            except TimeoutError:
                task = asyncio.create_task(send(visit))
                running.add(task)
                task.add_done_callback(running.discard)
        await asyncio.gather(*running)
    operations = sorted({operation for operation, _ in done})
    return {name: {"answered": done[name, True], "failed": done[name, False]} for name in operations}


async def run(options: argparse.Namespace) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    visits = plan(options.seed, options.requests, options.seconds)
    result = await drive(visits, options.storefront, options.analytics, stop)
    sys.stdout.write(json.dumps(result) + "\n")
    return int(any(counts["failed"] for counts in result.values()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--storefront", default="http://127.0.0.1:8081")
    parser.add_argument("--analytics", default="http://127.0.0.1:8083")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--requests", type=int, default=600)
    parser.add_argument("--seconds", type=float, default=30.0)
    sys.exit(asyncio.run(run(parser.parse_args())))


if __name__ == "__main__":
    main()
