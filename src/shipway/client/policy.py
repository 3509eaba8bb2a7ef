"""How patient a client is: deadlines, how often it asks again, and how much of that it may do at all.

Retries are paid from a budget that calls fill (a token bucket, as in gRPC's retry throttling, gRFC A6, and "Handling
Overload" of Site Reliability Engineering): where most calls fail, the retries of a client are a tenth of its calls, not
a multiple of them. Hedges (Dean and Barroso, "The Tail at Scale", CACM 56(2), 2013) have a budget of their own.
"""

import threading
from dataclasses import dataclass
from typing import Final, Literal

from shipway.core.error import ShipwayError

_KEPT: Final = 256
"""Latest latencies of which the 95th percentile is taken."""
_LEAST: Final = 32
"""Latencies that have to be known before there is one, and after which it is taken anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a client does where an answer is late or lost.

    Attributes:
        timeout_s: how long a call may take in all; the server is told what is left of it.
        attempts: how often a question is sent at most, one that only found a kept connection closed not counted; 1 to
            never send it again, not even then.
        backoff_s: the longest pause before the second attempt; it doubles with each. A pause is drawn evenly between
            nothing and that (full jitter), so that clients that failed together do not come back together.
        longest_s: the longest pause.
        retry_share: retries that each call earns.
        retry_burst: retries that are there at the start, and that may be saved up.
        hedge: after how many seconds without an answer the question is sent a second time, the first answer counting;
            `p95` for the 95th percentile of the latest answers; None for never.
        hedge_share: hedges that each call earns.
    """

    timeout_s: float = 5.0
    attempts: int = 3
    backoff_s: float = 0.05
    longest_s: float = 2.0
    retry_share: float = 0.1
    retry_burst: float = 10.0
    hedge: float | Literal["p95"] | None = None
    hedge_share: float = 0.05

    def __post_init__(self) -> None:
        """Refuse what no client can keep to, SW-802."""
        wrong = [
            name
            for name, fine in (
                ("timeout_s", self.timeout_s > 0),
                ("attempts", self.attempts >= 1),
                ("backoff_s", self.backoff_s >= 0),
                ("longest_s", self.longest_s >= 0),
                ("retry_share", 0 <= self.retry_share <= 1),
                ("retry_burst", self.retry_burst >= 0),
                ("hedge", self.hedge in (None, "p95") or (isinstance(self.hedge, int | float) and self.hedge >= 0)),
                ("hedge_share", 0 <= self.hedge_share <= 1),
            )
            if not fine
        ]
        if wrong:
            fact = f"a client's {wrong[0]} cannot be {getattr(self, wrong[0])!r}"
            raise ShipwayError("SW-802", fact, "help(shipway.client.Policy) says what each may be")

    def pause_s(self, attempt: int, drawn: float) -> float:
        """Return how long to pause before an attempt.

        Args:
            attempt: its place, from 2.
            drawn: a number drawn evenly from [0, 1).
        """
        return drawn * min(self.longest_s, self.backoff_s * 2.0 ** (attempt - 2))


class Budget:
    """What may be spent on sending again: however it goes, no more than `burst` and `share` of the calls."""

    def __init__(self, share: float, burst: float) -> None:
        """Begin with a full bucket.

        Args:
            share: what each call puts in.
            burst: what it holds.
        """
        self._share = share
        self._burst = burst
        self._held = burst
        self._lock = threading.Lock()

    def earn(self) -> None:
        """Note a call."""
        with self._lock:
            self._held = min(self._burst, self._held + self._share)

    def spend(self) -> bool:
        """Take one out, and tell whether there was one."""
        with self._lock:
            # Tenths do not add up to one exactly.
            if self._held < 1 - 1e-9:
                return False
            self._held -= 1
            return True


class Latencies:
    """The latest latencies of a client, and their 95th percentile."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._latest = [0.0] * _KEPT
        self._count = 0
        self.p95_s: float | None = None

    def add(self, seconds: float) -> None:
        """Note how long an answer took."""
        self._latest[self._count % _KEPT] = seconds
        self._count += 1
        if self._count % _LEAST == 0:
            known = sorted(self._latest[: min(self._count, _KEPT)])
            self.p95_s = known[-(-len(known) * 95 // 100) - 1]
