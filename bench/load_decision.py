"""How often is a rate judged wrongly, and how far is a search from the truth, where the truth is known?

usage: load_decision.py [--runs 400] [--searches 60]

A queue with one server, Poisson arrivals and exponential work (M/M/1) is simulated request by request (Lindley 1952);
in the long run the time in it is exponential with rate mu - lambda (Kleinrock 1975, "Queueing Systems", volume 1,
5.118), so that p95 = ln(20) / (mu - lambda), and the largest rate with p95 within a limit is mu - ln(20) / limit. It
starts empty as a server does that nobody asked before, and a second of warm-up is left out.

    judged     a rate on which the objective just holds is tried for 4, 16 and 64 s, where a verdict "fail" is wrong;
               and rates 10 % below and above the limit, where "fail" and "pass" are
    batched    the coverage of the 95 % interval for the share of late requests, beside the one of Wilson that takes
               requests for independent
    searched   the limit that a whole search finds, and the rate that it says is shown to hold, over the truth

Exits with 0 if in no case more than 5 % of the verdicts "fail" are wrong, at most 5 % of verdicts "pass" on a rate 10 %
above the limit, a search finds the limit within 5 % nine times in ten, and what it says is shown to hold is above the
limit by more than 2 % at most one time in twenty.
"""

import argparse
import math
from collections import Counter
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shipway.core.capacity import Objective, Probe
from shipway.core.load import make_pattern
from shipway.delivery.latency import describe_machine
from shipway.maths.arrival import draw_arrivals
from shipway.maths.interval import wilson
from shipway.maths.share import batched_share
from shipway.validation.capacity import Tried, find_capacity, judge_rate
from shipway.validation.load import Conditions, Recorder

MU: Final = 1_000.0
OBJECTIVE: Final = Objective(limit_ms=20.0)
LIMIT: Final = MU - math.log(20) / (OBJECTIVE.limit_ms / 1e3)
WARM_S: Final = 1.0
MACHINE: Final = describe_machine()


def work_off(due: NDArray[np.int64], chance: np.random.Generator) -> NDArray[np.int64]:
    """Return when each request of a queue with one server is done, nanoseconds."""
    work = chance.exponential(1e9 / MU, due.size)
    before = np.cumsum(work) - work
    return (np.maximum.accumulate(due - before) + before + work).astype(np.int64)


def make_attempt(chance: np.random.Generator, seconds: float) -> Callable[[float, float], Tried]:
    """Return what puts a rate on such a queue."""

    def attempt(rate: float, longer: float) -> Tried:
        pattern = make_pattern("steady", rate, WARM_S + seconds * longer, seed=int(chance.integers(1 << 30)))
        recorder = Recorder(Conditions("queue", pattern, MACHINE, True, 1, 30.0, WARM_S))
        due = np.concatenate(list(draw_arrivals(pattern.stretches, "poisson", pattern.seed)))
        for at, done in zip(due.tolist(), work_off(due, chance).tolist(), strict=True):
            recorder.note(at, at, at, done, 200)
        return Tried(recorder.finish(), recorder.share_slow(OBJECTIVE.limit_ms), recorder.count_failed())

    return attempt


def judge(runs: int) -> bool:
    """Print the verdicts on rates about the limit, and tell whether few enough are wrong."""
    good = True
    print(
        f"judged: M/M/1 of {MU:g}/s, p95 within {OBJECTIVE.limit_ms:g} ms holds up to {LIMIT:.1f}/s, {runs} runs each"
    )
    for seconds in (4.0, 16.0, 64.0):
        for times in (0.9, 1.0, 1.1):
            chance = np.random.default_rng(int(seconds * 100 + times * 10))
            attempt = make_attempt(chance, seconds)
            count = runs if seconds < 64 else runs // 4
            tries = [attempt(LIMIT * times, 1.0) for _ in range(count)]
            said = Counter(judge_rate(OBJECTIVE, LIMIT * times, [each]).outcome for each in tries)
            shares = {outcome: said[outcome] / count for outcome in ("pass", "hold", "fail")}
            text = "  ".join(f"{outcome} {share:6.1%}" for outcome, share in shares.items())
            print(
                f"  {seconds:3.0f} s at {times:.1f} of the limit: {text}{cover(tries) if times == 1 else ''}",
                flush=True,
            )
            wrong_fail = shares["fail"] if times <= 1 else 0.0
            wrong_pass = shares["pass"] if times > 1 else 0.0
            good = good and max(wrong_fail, wrong_pass) <= 0.05
    return good


def cover(tries: list[Tried]) -> str:
    """Return how often the true share of late requests lies in its interval, at the limit."""
    truth = 1 - OBJECTIVE.share
    kept = alone = 0
    for each in tries:
        hits, n = each.slow
        share = batched_share(hits, n)
        low, high = wilson(int(hits.sum()), int(n.sum()))
        kept, alone = kept + (share.low <= truth <= share.high), alone + (low <= truth <= high)
    return f"; interval covers {kept / len(tries):.1%}, as if independent {alone / len(tries):.1%}"


def search(searches: int) -> bool:
    """Print how far searches are from the truth, and tell whether that is near enough."""
    limits: list[float] = []
    rates: list[float] = []
    tries = 0
    for seed in range(searches):
        attempt = make_attempt(np.random.default_rng(seed), 4.0)
        found = find_capacity(attempt, OBJECTIVE, start=100.0, most=1e5, tell=ignore)
        limits.append((found.limit or 0.0) / LIMIT)
        rates.append(found.rate / LIMIT)
        tries += sum(each.times for each in found.probes)
    for name, values in (("limit", limits), ("shown to hold", rates)):
        told = "  ".join(f"{share:.0%} {np.quantile(values, share):.3f}" for share in (0.0, 0.05, 0.5, 0.95, 1.0))
        print(f"searched: {name:14} over the truth: {told}")
    print(f"searched: {tries / searches:.1f} tries of 4 s a search")
    near = float(np.mean(np.abs(np.array(limits) - 1) <= 0.05))
    over = float(np.mean(np.array(rates) > 1.02))
    print(f"searched: limit within 5 % in {near:.0%}, shown to hold and more than 2 % above the limit in {over:.1%}")
    return near >= 0.9 and over <= 0.05


def ignore(_probe: Probe) -> None:
    """Tell nobody."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--searches", type=int, default=60)
    given = parser.parse_args()
    judged, searched = judge(given.runs), search(given.searches)
    if not (judged and searched):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
