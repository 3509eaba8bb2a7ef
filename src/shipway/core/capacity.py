"""What a service can take: an objective for its answers, the rates it was tried at, and what it costs to hold it."""

import math
from typing import Final

import msgspec

from shipway.core.error import ShipwayError
from shipway.core.gate import Outcome
from shipway.core.latency import Machine
from shipway.core.load import Load

PERCENTILE: Final = 0.95
MOST_FAILED: Final = 0.01


class Objective(msgspec.Struct, frozen=True, kw_only=True):
    """What is promised to callers: a quantile of latency under a bound, and few failures.

    Attributes:
        limit_ms: in what time the share of requests below has a good answer, counted from when each was due.
        share: which share; .95 for the 95th percentile.
        failed: which share of the requests may fail at most.
    """

    limit_ms: float
    share: float = PERCENTILE
    failed: float = MOST_FAILED

    @property
    def said(self) -> str:
        """Return the objective as one clause."""
        return f"p{self.share * 100:g} <= {self.limit_ms:g} ms and failures <= {self.failed:.3g}"


def make_objective(limit_ms: float, *, share: float = PERCENTILE, failed: float = MOST_FAILED) -> Objective:
    """Build an objective; SW-441 for one that nothing can keep, or that everything does."""
    if not (0 < limit_ms < 1e6 and 0.5 <= share < 1 and 0 < failed < 1):
        fact = f"an objective of p{share * 100:g} within {limit_ms:g} ms and failures up to {failed:g}"
        raise ShipwayError("SW-441", fact, "give a time above 0, a percentile from 50 to 99.9, and a share of failures")
    return Objective(limit_ms=limit_ms, share=share, failed=failed)


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """A rate that was tried, with everything seen at it so far.

    Attributes:
        rate: requests a second.
        times: how often it was tried.
        requests: how many were due in all.
        quantile_ms: the objective's quantile at the last try.
        slow: share of requests without a good answer within the objective's time.
        slow_low: lower end of its interval.
        slow_high: upper end.
        failed: share without a good answer at all.
        failed_high: upper end of its interval.
        outcome: whether the objective holds: `pass` or `fail` where the whole interval says so, else `hold`.
        reason: why, as one clause.
    """

    rate: float
    times: int
    requests: int
    quantile_ms: float
    slow: float
    slow_low: float
    slow_high: float
    failed: float
    failed_high: float
    outcome: Outcome
    reason: str


class Capacity(msgspec.Struct, frozen=True, kw_only=True):
    """The largest rate at which an objective holds, as far as it was looked for.

    Attributes:
        target: what was asked.
        objective: what has to hold.
        rate: the largest rate that was shown to pass, requests a second; 0 where none was.
        limit: about where the objective begins to fail, by everything that was seen; None where no rate failed.
        probes: every rate, in the order it was tried.
        load: the load at the rate that is told; None where there is none.
        reason: why the search ended there, as one sentence.
        machine: where it was measured.
        short: whether no rate was shown to pass for nothing but want of requests.
    """

    target: str
    objective: Objective
    rate: float
    limit: float | None
    probes: tuple[Probe, ...]
    load: Load | None
    reason: str
    machine: Machine
    short: bool = False


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """How servers are run.

    Attributes:
        workers: processes, each with a port of its own, as replicas behind a balancer.
        threads: `serving.threads`: threads of one prediction.
        wait: `services.NAME.wait`: how long a request may wait for others to be predicted with it.
    """

    workers: int = 1
    threads: int = 1
    wait: str = "0s"

    @property
    def cores(self) -> int:
        """Return how many cores it has to have for itself: each process its loop, and its further threads."""
        return self.workers * self.threads

    @property
    def said(self) -> str:
        """Return the setting as one clause."""
        processes = f"{self.workers} process{'es' if self.workers > 1 else ''}"
        threads = f"{self.threads} thread{'s' if self.threads > 1 else ''}"
        return f"{processes}, {threads} each, wait {self.wait}"


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """What a setting can take, and what it costs to take what is asked of it.

    Attributes:
        setting: which.
        rate: the largest rate at which the objective holds.
        together: requests that were predicted together on average, at that rate.
        copies: how many such groups of servers it takes; 0 where no number of them would do.
        cores: of all copies.
        cost: of these an hour; infinite where no number would do.
        short: whether no rate was shown to pass for nothing but want of requests.
    """

    setting: Setting
    rate: float
    together: float | None
    copies: int
    cores: int
    cost: float
    short: bool = False

    @property
    def cells(self) -> tuple[str, str, str, str, str, str]:
        """Return the setting, its rate, how many it predicts together, copies, cores and cost as people read them."""
        return (
            self.setting.said,
            f"{self.rate:,.5g}",
            "" if self.together is None else f"{self.together:.1f}",
            f"{self.copies:,}" if self.copies else "none is enough",
            f"{self.cores:,}" if self.copies else "",
            f"{self.cost:,.4g}" if math.isfinite(self.cost) else "",
        )


class Advice(msgspec.Struct, frozen=True, kw_only=True):
    """Which setting holds an objective at the least cost.

    Attributes:
        target: what was asked.
        objective: what has to hold.
        rate: requests a second that have to be answered.
        spare: which share of what servers can take is left free.
        price: of a core an hour.
        trials: every setting, the cheapest first.
        said: which to take and why, in one or two sentences.
        machine: where it was measured.
    """

    target: str
    objective: Objective
    rate: float
    spare: float
    price: float
    trials: tuple[Trial, ...]
    said: str
    machine: Machine
