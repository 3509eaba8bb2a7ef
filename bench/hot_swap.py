"""What do callers notice of a version that takes the place of another, under half of the load that a server can answer?

usage: hot_swap.py [--swaps 1000] [--runs 5] [--ask key] [--pause 0.1] [--way loaded kept]

The server of `bench/overload.py`, under an open model of load (`load_client.py`: Poisson arrivals at half of the
capacity, 64 connections, latency from when each request was due). Each swap writes the routing and switches:

    loaded    eight versions take turns, and no more than five bundles stay in memory, so each swap reads one from the
              disk, makes its session and replays its golden rows first, as a version does that was never seen before
    kept      two versions take turns, which both stay in memory, as the way back does

A swap's window is from the routing's being sent to its being in force. All swaps of each way are spread over its runs,
and the ways take turns. Whoever swaps shares a processor with the load, not with the server.

Exits with 0 if every request of every run was answered with 200, every swap was in force when the server said so, and
for each way the 99th percentile of requests due in windows is at most twice that of the others, as the median of the
runs.
"""

import argparse
import statistics
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from load_client import Load, pin, put_load
from overload import Target, find_capacity, make_routing, start_target
from serving import Model, ask, package, train
from shipway.adapters.file.blob import FileBlobs
from shipway.kit.canonical import canonical_json

VERSIONS: Final = {"loaded": 8, "kept": 2}
"""How many versions take turns."""
RATIO: Final = 2.0
LOAD_SHARE: Final = 0.5


@dataclass(frozen=True, slots=True)
class Swap:
    """One swap.

    Attributes:
        begun: when the routing was sent, seconds of CLOCK_MONOTONIC.
        ended: when the server said that it is in force.
    """

    begun: float
    ended: float


def add_versions(model: Model) -> Model:
    """Package more versions of the model, each with a card of its own."""
    graph, blobs = model.graph.read_bytes(), FileBlobs(model.state / "blobs")
    manifest = msgspec.json.decode(blobs.get(model.bundles[0]))
    native = blobs.get(next(digest for path, digest in manifest["files"].items() if path.startswith("native")))
    bundles = [package(model.state, number, native, graph, model.x) for number in range(1, max(VERSIONS.values()) + 1)]
    return Model(model.graph, model.x, model.state, tuple(bundles))


def swap(target: Target, model: Model, versions: int, token: int) -> Swap:
    """Let the next of some versions answer."""
    routing = make_routing(model, token % versions + 1, token)
    begun = time.perf_counter()
    applied = ask(target.port, "PUT", "/v1/services/delay/routing", canonical_json(routing))
    ended = time.perf_counter()
    if applied["stable"]["version"] != routing.stable.version:
        raise SystemExit(f"version {routing.stable.version} is not in force: {applied}")
    return Swap(begun, ended)


def run_once(
    target: Target, model: Model, way: str, rate: float, swaps: int, pause_s: float, token: int
) -> tuple[Load, list[Swap]]:
    """Swap under load.

    Args:
        target: the server.
        model: the versions.
        way: how many of them take turns.
        rate: requests a second.
        swaps: how many.
        pause_s: from the end of one to the next.
        token: the greatest one that was sent.
    """
    versions = VERSIONS[way]
    # Whatever took turns before, what is kept is in memory by now.
    for number in range(1, 3):
        swap(target, model, versions, token + number)
    seconds = swaps * (pause_s + 0.1) + 1.0
    pending = put_load(target.port, target.path, target.bodies, rate=rate, seconds=seconds, seed=token + 1, core=1)
    time.sleep(1.0)
    done: list[Swap] = []
    for number in range(swaps):
        done.append(swap(target, model, versions, token + number + 3))
        time.sleep(pause_s)
    return pending.wait(), done


def part(load: Load, swaps: list[Swap]) -> tuple[float, float, float]:
    """Return the 99th percentiles of requests due in windows and of the others, ms, and the share of the former."""
    inside = np.zeros(len(load.due), dtype=bool)
    for each in swaps:
        inside |= (load.due >= each.begun) & (load.due <= each.ended)
    # Only what was due while swaps went on is compared.
    during = (load.due >= swaps[0].begun - 0.5) & (load.due <= swaps[-1].ended + 0.1)
    within, without = load.latency_s[inside], load.latency_s[during & ~inside]
    share = float(inside.sum() / during.sum())
    return float(np.quantile(within, 0.99) * 1e3), float(np.quantile(without, 0.99) * 1e3), share


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--swaps", type=int, default=1_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--ask", choices=("key", "vector"), default="key")
    parser.add_argument("--pause", type=float, default=0.1)
    parser.add_argument("--way", nargs="+", choices=tuple(VERSIONS), default=list(VERSIONS))
    parser.add_argument("--rate", type=float, default=0.0, help="requests a second, in place of half the capacity")
    given = parser.parse_args()
    ratios: dict[str, list[float]] = {way: [] for way in given.way}
    failed = 0
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        model = add_versions(train(Path(name)))
        target = start_target(stack, Path(name), model, given.ask, "--wait", "1s")
        pin(0, 1)
        rate = given.rate or LOAD_SHARE * find_capacity(target, 2.0).rate
        each = -(-given.swaps // given.runs)
        print(
            f"{each * given.runs:,} swaps of each way in {given.runs} runs, asked by {given.ask}, {rate:,.0f} a second"
        )
        token = 0
        for number in range(given.runs):
            for way in given.way:
                load, swaps = run_once(target, model, way, rate, each, given.pause, token)
                token += each + 2
                within, without, share = part(load, swaps)
                lost = int((load.status != 200).sum())
                failed += lost
                ratios[way].append(within / without)
                took = [(one.ended - one.begun) * 1e3 for one in swaps]
                print(f"  run {number + 1}, {way}: {len(load.due):,} requests, {lost} failed;", end=" ")
                print(f"a swap {statistics.median(took):.0f} ms, {share:.0%} of requests in windows;", end=" ")
                print(f"p99 {within:.2f} ms in them, {without:.2f} ms outside: {ratios[way][-1]:.2f} times", flush=True)
    medians = {way: statistics.median(found) for way, found in ratios.items()}
    for way, ratio in medians.items():
        print(f"{way}: median of {given.runs} runs {ratio:.2f} times (at most {RATIO:.0f})")
    print(f"{failed} requests failed")
    if failed or max(medians.values()) > RATIO:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
