"""Through a collector: Rotel (Rust) between the Python SDK and greencloud, with batching, gzip and retries, over a kill -9."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from subprocess import CompletedProcess
from threading import Thread

from greencloud.telemetry import read_log
from otlp import exporting
from sender_runs import python, rotel
from sending import marks, operations, spans, wait_for
from serving import serving

pytestmark = marks


SENT = {"before": 600, "during": 6000, "down": 600, "after": 600}
AT_ONCE = 200
"""Spans in one request of the Python SDK; Rotel puts several into one of its own."""


def test_what_rotel_took_is_counted_once_over_a_kill_of_the_server(tmp_path: Path) -> None:
    data = tmp_path / "data"
    log = tmp_path / "rotel.log"
    answers: list[CompletedProcess[str]] = []

    def dropped() -> int:
        # Rotel tries again for as long as nobody listens, but not the call that was under way when the connection broke: that it
        # drops, and says so. Greencloud has not acknowledged it.
        return log.read_text().count("dropping data")

    def arrived() -> bool:
        there = spans(data)
        rest = SENT["during"] - there.pop("during")
        return there == {key: SENT[key] for key in there} and len(there) == 3 and (rest == 0 or (dropped() > 0 and quiet(log)))

    with serving(data) as first:
        token = first.token("acme")
        with rotel(first.target, token, tmp_path) as collector:

            def client(service: str, *arguments: str) -> None:
                # Rotel asks its clients for no token; it has one.
                answers.append(python(collector, "", service, *arguments))

            client("before", "600")
            wait_for(lambda: spans(data)["before"] == SENT["before"])
            during = Thread(target=client, args=("during", "6000", "1500"))
            during.start()
            wait_for(lambda: spans(data)["during"] > 0)
            first.kill()
            held = spans(data)["during"]
            assert 0 < held < SENT["during"], "the kill came too late to prove anything"
            client("down", "600")
            with serving(data, listen=first.target):
                during.join(timeout=120)
                client("after", "600")
                wait_for(arrived, timeout=120)
    assert [(done.returncode, done.stderr) for done in answers] == [(0, "")] * 4, "Rotel refused"
    stored = spans(data)
    lost = SENT["during"] - stored["during"]
    assert lost % AT_ONCE == 0
    assert lost == 0 or dropped()
    assert stored["during"] > held

    # Whether the kill fell between the log and an acknowledgement is chance; a collector that it hit sends again, like this.
    payloads = [record.payload for record in read_log(data / "wal")]
    with serving(data) as third, exporting(third.target, token) as export:
        for payload in payloads[-10:]:
            export(payload)

    counted: Counter[str] = Counter()
    for (service, _), count in operations(data, "acme").items():
        counted[service] += count
    assert counted == stored


def quiet(log: Path) -> bool:
    """Whether Rotel has not said for longer than its back-off that something has to be tried again."""
    return time.time() - log.stat().st_mtime > 6
