"""At three times what a server can answer, how much of that does it still answer, and what do the others hear?

usage: overload.py [--seconds 60] [--times 3] [--ask key] [--rounds 1]

The server of `bench/serving.py` with one version and its log on, asked by key (features from LMDB) or by vector, over
64 connections by an open model of load (`load_client.py`, Poisson arrivals). Its capacity is the most it answers with
200 within a quarter of a second, at any rate that is tried; it is measured before and after. Then it is asked the given
number of times as often. Server and client each have a processor of their own, where there are two.

Exits with 0 if at that load it answers in time more than 90 % of its capacity, every request has an answer, 200 or 503
with a body that says why, its memory grows by at most 200 MB, and right after the overload, at half its capacity, none
is refused and the 99th percentile is no more than twice that before it (and 20 ms at least).
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from load_client import Load, pin, put_load
from serving import BODIES, INFER, Model, ask, find_port, read_cpu_us, run, train, write_bodies
from shipway.core.service import Routing, Variant
from shipway.kit.canonical import canonical_json

LIMIT_S: Final = 0.25
GROWN_MB: Final = 200
RATES: Final = (0.8, 1.0, 1.25, 1.5, 2.0)


def read_mb(pid: int) -> float:
    """Return what a process has in memory, in megabytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


@dataclass(frozen=True, slots=True)
class Target:
    """A server that answers a service, and what it is asked.

    Attributes:
        process: the server.
        port: where it listens.
        path: what is asked.
        bodies: a file with what is sent, a line each.
    """

    process: subprocess.Popen[bytes]
    port: int
    path: str
    bodies: Path

    def load(self, rate: float, seconds: float, seed: int = 1) -> Load:
        """Put it under load and wait for the end of that."""
        pending = put_load(self.port, self.path, self.bodies, rate=rate, seconds=seconds, seed=seed, core=1)
        return pending.wait()


def make_routing(model: Model, number: int, token: int = 0) -> Routing:
    """Return the routing of the service to a version alone."""
    variant = Variant(version=number, bundle=model.bundles[number - 1], online="main")
    return Routing(service="delay", model="delay", stable=variant, token=token)


def start_target(stack: ExitStack, scratch: Path, model: Model, by: str, *words: str) -> Target:
    """Start a server, alone on its processor where there are two, and let version 1 answer."""
    port, log = find_port(), scratch / "server.log"
    command = [sys.executable, "-m", "shipway.serving", "--state", str(model.state), "--port", str(port), *words]
    process = stack.enter_context(run(command, log))
    until = time.monotonic() + 60
    while True:
        try:
            ask(port, "GET", "/v2/health/live")
            break
        except OSError as error:
            if time.monotonic() > until or process.poll() is not None:
                raise SystemExit(log.read_text()) from error
            time.sleep(0.05)
    pin_threads(process.pid, 0)
    ask(port, "PUT", "/v1/services/delay/routing", canonical_json(make_routing(model, 1)))
    bodies = scratch / "bodies.jsonl"
    sent = [canonical_json({"row": {"user": user}}) for user in range(BODIES)] if by == "key" else write_bodies(model.x)
    bodies.write_bytes(b"\n".join(sent))
    return Target(process, port, "/v1/predict/delay" if by == "key" else INFER, bodies)


def pin_threads(pid: int, core: int) -> None:
    """Let all threads of a process run on one processor."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        pin(int(task.name), core)


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a server can answer.

    Attributes:
        rate: requests a second answered in time.
        spent_us: processor time of the server for each.
    """

    rate: float
    spent_us: float


def find_capacity(target: Target, seconds: float) -> Capacity:
    """Return the most that is answered in time, at any of some rates.

    Once it is known about where that is, loads are five times as long: in a short one a server puts off what it writes
    to its log until nobody counts any more.
    """
    tried: list[Capacity] = []
    rate = 2_000.0
    while not tried or tried[-1].rate > 0.9 * rate / 1.5:
        tried.append(measure(target, rate, seconds))
        rate *= 1.5
    most = max(tried, key=lambda found: found.rate)
    tried = [measure(target, most.rate * times, 5 * seconds) for times in RATES]
    return max(tried, key=lambda found: found.rate)


def measure(target: Target, rate: float, seconds: float) -> Capacity:
    """Put a server under load once, and return what it answered in time."""
    before = read_cpu_us(target.process.pid)
    load = target.load(rate, seconds)
    spent = read_cpu_us(target.process.pid) - before
    good = load.rate_within(LIMIT_S)
    return Capacity(good, spent / max(int((load.status == 200).sum()), 1))


def judge(target: Target, seconds: float, times: float) -> bool:
    """Overload a server once, print what that came to and tell whether it is good enough."""
    pid = target.process.pid
    first = find_capacity(target, 2.0)
    calm = target.load(first.rate / 2, 3.0)
    before_mb, before_us = read_mb(pid), read_cpu_us(pid)
    load = target.load(first.rate * times, seconds)
    spent_us, after_mb = read_cpu_us(pid) - before_us, read_mb(pid)
    relief = target.load(first.rate / 2, 3.0, seed=2)
    second = find_capacity(target, 2.0)
    capacity, usual_us = (first.rate + second.rate) / 2, (first.spent_us + second.spent_us) / 2
    good, offered = load.rate_within(LIMIT_S), len(load.due) / (load.due[-1] - load.due[0])
    counts = {
        int(status): int(number) for status, number in zip(*np.unique(load.status, return_counts=True), strict=True)
    }
    refused = sum(number for status, number in counts.items() if status in (429, 503, 504))
    unanswered = len(load.due) - counts.get(200, 0) - refused
    calm_ms, relief_ms = calm.quantile_ms(0.99), relief.quantile_ms(0.99)
    failed = int((relief.status != 200).sum())
    bound_ms = max(2 * calm_ms, 20.0)
    share, spent_us = good / capacity, spent_us / max(counts.get(200, 0), 1)
    grown_mb = after_mb - before_mb
    print(f"  capacity {capacity:,.0f}/s within {LIMIT_S * 1e3:.0f} ms, {usual_us:.1f} us of its processor each")
    print(f"  offered {offered:,.0f}/s ({offered / capacity:.1f} times), in time {good:,.0f}/s, {share:.1%} of it")
    print(f"  by status {counts}, without a proper answer {unanswered}; {spent_us:.1f} us of processor an answer")
    print(f"  answers p50 {load.quantile_ms(0.5):.1f} ms, p99 {load.quantile_ms(0.99):.1f} ms;", end=" ")
    print(f"refusals p99 {load.quantile_ms(0.99, 503):.1f} ms; client {load.client_s:.1f} s of {seconds:.0f} s")
    print(f"  memory {before_mb:,.0f} MB before, {after_mb:,.0f} MB after")
    print(f"  at half of capacity p99 {calm_ms:.1f} ms before, {relief_ms:.1f} ms right after, {failed} not answered")
    return good > 0.9 * capacity and not unanswered and grown_mb <= GROWN_MB and not failed and relief_ms <= bound_ms


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--times", type=float, default=3.0)
    parser.add_argument("--ask", choices=("key", "vector"), default="key")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--queue", default="4096")
    parser.add_argument("--wait", default="100ms")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        model = train(Path(name))
        target = start_target(stack, Path(name), model, given.ask, "--queue", given.queue, "--wait", given.wait)
        passed = True
        for number in range(given.rounds):
            print(f"round {number + 1}, asked by {given.ask}, queue {given.queue}, wait {given.wait}")
            passed = judge(target, given.seconds, given.times) and passed
    if not passed:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
