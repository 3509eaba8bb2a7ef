"""What follows the answers: they are counted and logged, and the other version says what it makes of the requests.

What was answered within a few milliseconds is counted and logged in one step, and predicted by the other version in one
step, from the same vectors where both read the same. That version never writes to a caller. Where more rows wait for it
than may, they are not predicted, and counted.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from time import perf_counter_ns
from typing import Final, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipway.core.error import ShipwayError
from shipway.core.service import Role
from shipway.serving.ask import Ask, list_rows, stack
from shipway.serving.fallback import Way
from shipway.serving.feed import read_again
from shipway.serving.log import Predictions
from shipway.serving.meter import Counts, Meters, Waits
from shipway.serving.refusal import RefusedError
from shipway.serving.sent import read_sent
from shipway.serving.statistic import Run, Statistics
from shipway.serving.version import (
    Outcomes,
    Served,
    Version,
    fail_rows,
    join_outcomes,
    predict,
    predict_matrix,
)

SHADOW_ROWS: Final = 32
"""Rows predicted in shadow in one turn, and at which it is not waited for more."""
GATHER_S: Final = 0.005
"""How long what follows an answer waits for that of others, since nobody waits for it: many rows are cheap together."""
MERGED_ROWS: Final = 64
"""Rows that are put together at most, so that a caller who comes meanwhile does not wait for long."""
ROLES: Final[dict[Way, Role]] = {
    "last": "fallback last",
    "previous": "fallback previous",
    "score": "fallback score",
}
"""What the log calls an answer that is none of the version that was to answer."""
WAITING_ROWS: Final = 8_192
"""Rows that may wait for their shadow; those beyond have none, and are counted."""


class Group(msgspec.Struct, eq=False, gc=False):
    """Requests of one service that one version answered together.

    Attributes:
        served: the routing that was in force.
        version: what answered.
        asks: the requests, all by key or all with vectors.
        outcomes: what it said of their rows, one after the other.
        x: the vectors that callers sent, rounded; None where the requests came by key or could not be read.
        predicted_ns: when it had been predicted.
        written_ns: when the answers had been written.
    """

    served: Served
    version: Version
    asks: Sequence[Ask]
    outcomes: Outcomes
    x: NDArray[np.float32] | None = None
    predicted_ns: int = msgspec.field(default_factory=perf_counter_ns)
    written_ns: int = 0

    @property
    def rows(self) -> int:
        """Return how many rows it has."""
        return len(self.outcomes.p)

    @property
    def other(self) -> Version | None:
        """Return the version that predicts these requests in shadow."""
        return self.served.stable if self.version is self.served.candidate else self.served.candidate


Note: TypeAlias = Callable[[Group, Version, Outcomes, int], None]
"""Told what a version predicted in shadow, and when it began."""


class Shadows:
    """Counts and logs what was answered, and has the other version predict it, in turns of the loop after that."""

    def __init__(self, counts: Counts, meters: Meters, waits: Waits, statistics: Statistics | None = None) -> None:
        """Start with nothing to do.

        Args:
            counts: is told of every row.
            meters: are told of them by version.
            waits: is told how long callers waited.
            statistics: are told what each version did with vectors.
        """
        self._counts = counts
        self._meters = meters
        self._waits = waits
        self._statistics = statistics
        self._answered: list[Group] = []
        self._answered_rows = 0
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: deque[tuple[Group, Version]] = deque()
        self._waiting_rows = 0
        self._following = False
        self.note: Note | None = None

    @property
    def waiting_rows(self) -> int:
        """Return how many rows wait for their shadow."""
        return self._waiting_rows

    def follow(self, group: Group) -> None:
        """Take a group whose callers have their answers; the answers leave first."""
        group.written_ns = perf_counter_ns()
        self._answered.append(group)
        self._answered_rows += group.rows
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(GATHER_S, self._go_on)
        if self._answered_rows >= SHADOW_ROWS:
            self._plan()

    def count(self) -> None:
        """Count and log everything that was taken, before returning; it is predicted in shadow after that."""
        self._take()
        if self._waiting:
            self._plan()

    def _take(self) -> None:
        """Count and log everything that was taken, and let it wait for its shadow."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        groups, self._answered, self._answered_rows = self._answered, [], 0
        for alike in _sort(groups):
            self._tell(alike)
            for some in _cut(alike):
                self._log(_join(some))

    def settle(self) -> None:
        """Count, log and predict in shadow everything that was taken, before returning."""
        self._take()
        while self._waiting:
            self._cast()

    def _plan(self) -> None:
        if self._following:
            return
        self._following = True
        # The answers leave at the end of this turn; what follows has to wait for the next.
        asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        self._following = False
        self._take()
        self._cast()
        if self._waiting:
            self._plan()

    def _tell(self, alike: Sequence[Group]) -> None:
        """Count what one version answered, and work out what each caller waited."""
        version, served = alike[0].version, alike[0].served
        model, number = version.model, version.variant.version
        meter = self._meters.of(served.routing.service, model, number)
        runs: list[Run] = []
        waits: list[int] = []
        for group in alike:
            asks, written, failed, rows = group.asks, group.written_ns, len(group.outcomes.errors), group.rows
            came = [ask.call.received_ns for ask in asks]
            waited = [(written - each) // 1_000 for each in came]
            for ask, wait in zip(asks, waited, strict=True):
                ask.answer_us = wait
            meter.add(rows, failed, waited)
            waits += waited
            runs.append((len(asks), sum(came), rows, failed, group.predicted_ns, written))
        self._waits.add(waits)
        rows, failed = sum(run[2] for run in runs), sum(run[3] for run in runs)
        self._counts.failed += failed
        if alike[0].asks[0].sent is None:
            self._counts.answered += rows - failed
            return
        self._counts.inferred += rows - failed
        if self._statistics is not None:
            self._statistics.of(model, number).add(runs)

    def _log(self, group: Group) -> None:
        """Log a group, and have it predicted by the other version later."""
        if group.x is not None:
            log_sent(group, group.version, group.x)
        log_predictions(group, group.version, "live", group.outcomes)
        other = group.other
        if other is None:
            return
        if group.served.routing.terms.shadow < 1:
            whole, group = group.rows, _spare(group)
            self._counts.shadow_spared += whole - group.rows
            if not group.rows:
                return
        if self._waiting_rows + group.rows > WAITING_ROWS:
            self._counts.shadow_dropped += group.rows
            return
        self._waiting_rows += group.rows
        self._waiting.append((group, other))

    def _cast(self) -> None:
        done = 0
        while self._waiting and done < SHADOW_ROWS:
            group, version = self._waiting.popleft()
            began_ns = perf_counter_ns()
            outcomes = _predict_shadow(group, version)
            if self.note is not None:
                self.note(group, version, outcomes, began_ns)
            log_predictions(group, version, "shadow", outcomes)
            done += group.rows
            self._waiting_rows -= group.rows
            self._counts.shadowed += group.rows
            self._counts.shadow_failed += len(outcomes.errors)
            meter = self._meters.of(group.served.routing.service, version.model, version.variant.version)
            meter.shadowed += group.rows
            meter.shadow_failed += len(outcomes.errors)


def _sort(groups: Sequence[Group]) -> list[list[Group]]:
    """Put groups together that one version answered, and of one kind."""
    alike: dict[tuple[Served, Version, bool, bool], list[Group]] = {}
    for group in groups:
        alike.setdefault((group.served, group.version, group.asks[0].sent is None, group.x is None), []).append(group)
    return list(alike.values())


def _cut(groups: list[Group]) -> list[list[Group]]:
    """Cut a list of groups into some that have a few rows together."""
    pieces: list[list[Group]] = [[]]
    rows = 0
    for group in groups:
        if rows and rows + group.rows > MERGED_ROWS:
            pieces.append([])
            rows = 0
        pieces[-1].append(group)
        rows += group.rows
    return pieces


def _join(groups: list[Group]) -> Group:
    first = groups[0]
    if len(groups) == 1:
        return first
    parts = [group.x for group in groups if group.x is not None]
    return Group(
        first.served,
        first.version,
        [ask for group in groups for ask in group.asks],
        join_outcomes([group.outcomes for group in groups]),
        np.concatenate(parts) if parts else None,
    )


def _spare(group: Group) -> Group:
    """Return the part of a group whose units both versions predict."""
    routing = group.served.routing
    if not routing.terms.shadow:
        return Group(group.served, group.version, (), Outcomes([], {}, []))
    shadows = routing.shadows
    asks = [ask for ask in group.asks if shadows(ask.unit)]
    rows = [place for place, ask in enumerate(list_rows(group.asks)[0]) if shadows(ask.unit)]
    said = group.outcomes
    outcomes = Outcomes([said.p[row] for row in rows], {}, [said.latency_us[row] for row in rows])
    return Group(group.served, group.version, asks, outcomes, None if group.x is None else group.x[rows])


def log_sent(group: Group, version: Version, x: NDArray[np.float32]) -> None:
    """Log vectors that callers sent, as they were read for a version."""
    asks, requests, keys = list_rows(group.asks)
    kept = [place for place, ask in enumerate(asks) if ask.kept]
    if version.bundle is None or not kept:
        return
    asked = [(requests[place], keys[place], asks[place].at) for place in kept]
    vectors = x if len(kept) == len(x) else x[kept]
    group.served.log.add_sent(version.form, version.bundle.manifest.inputs, asked, vectors)


def log_predictions(group: Group, version: Version, role: Role, outcomes: Outcomes) -> None:
    """Log what a version said of a group's rows."""
    asks, requests, keys = list_rows(group.asks)
    rows = Predictions(
        version=version.variant.version,
        role=role,
        token=group.served.routing.token,
        online=version.variant.online if group.asks[0].sent is None else "",
        request=requests,
        row=keys,
        at=[ask.at for ask in asks],
        unit=[ask.unit for ask in asks],
        weight=[ask.weight for ask in asks],
        answer_us=[ask.answer_us for ask in asks],
        p=outcomes.p,
        error={place: error.code for place, error in outcomes.errors.items()},
        latency_us=outcomes.latency_us,
    )
    if group.served.routing.terms.log < 1:
        rows = rows.take([place for place, ask in enumerate(asks) if ask.kept])
    if rows.request:
        group.served.log.add_predictions(rows)


def log_fallback(served: Served, ask: Ask, way: Way, p: list[float], version: int) -> None:
    """Log what a caller got in place of a prediction, a number for each row."""
    if not ask.kept:
        return
    asks, requests, keys = list_rows([ask])
    rows = len(asks)
    served.log.add_predictions(
        Predictions(
            version=version,
            role=ROLES[way],
            token=served.routing.token,
            online="",
            request=requests,
            row=keys,
            at=[ask.at] * rows,
            unit=[ask.unit] * rows,
            weight=[ask.weight] * rows,
            answer_us=[ask.answer_us] * rows,
            p=p,
            error={},
            latency_us=[0] * rows,
        )
    )


def _predict_shadow(group: Group, version: Version) -> Outcomes:
    """Predict what another version answered, from the same vectors if both read the same."""
    if group.asks[0].sent is not None:
        return _predict_sent(group, version)
    return predict(version, read_again(group.served, version, group.version, group.asks))


def _predict_sent(group: Group, version: Version) -> Outcomes:
    if version.bundle is None or (group.x is not None and version.form == group.version.form):
        return predict_matrix(version, np.empty((group.rows, 0), dtype=np.float32) if group.x is None else group.x)
    if not version.form:
        fact = f"{version.model}@{version.variant.version} says something else than one number a row"
        return fail_rows(group.rows, ShipwayError("SW-801", fact, "serve it under a name of its own"))
    found: list[Outcomes] = []
    for ask in group.asks:
        try:
            sent = read_sent(ask.call, version.bundle, version.form)
        except RefusedError as refusal:
            found.append(fail_rows(ask.rows, refusal.error))
        else:
            again = Ask(ask.call, ask.service, ask.request, {}, ask.at, sent=sent, rows=sent.rows)
            found.append(predict_matrix(version, stack([again], len(version.bundle.manifest.inputs))))
    return join_outcomes(found)
