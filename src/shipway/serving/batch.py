"""Micro-batches: what arrived in one turn of the event loop is read, predicted and answered together.

First the callers get their answers, each from the version its row belongs to. Then, in later turns, the rows are logged
and the other version predicts them in shadow, a few at a time, so that no caller waits for it.

A version that fails on a request it was to answer is seen to fail: its row of the log has the code of the failure, and
the caller gets 503 with that code. The other version does not step in, or an error of the version on trial would look
like an answer of the stable one; it predicts the row in shadow as always.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any, Final

import msgspec

from shipway.core.error import ShipwayError
from shipway.core.online import Scalar
from shipway.core.service import Role
from shipway.serving.call import Call
from shipway.serving.meter import Counts, Waits
from shipway.serving.refusal import LATE, UNFORESEEN, RefusedError, pass_on, refuse, write_refusal
from shipway.serving.request import Answer, check_row, name_row
from shipway.serving.version import Feed, Outcome, Place, Served, Version, predict, read_places

SHADOW_ROWS: Final = 32
"""Rows predicted in shadow in one turn."""
WAITING_ROWS: Final = 8_192
"""Rows that may wait for their shadow; those beyond have none, and are counted."""
_ENCODE: Final = msgspec.json.Encoder().encode
_WEIGHT: Final = 0.1
"""Share of the newest batch in what a request is taken to cost."""
_NONE: Final = ShipwayError("SW-801", "no vector was read", "ask again")

logger: Final = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Ask:
    """One request on its way through.

    Attributes:
        call: where the answer goes.
        service: who is asked.
        request: its id.
        row: the row as the caller sent it.
        at: the instant asked for.
        key: the row's key, joined; also what is assigned to a version.
        checked: the columns that the version reads; None where it cannot read any.
        feed: where its vector was read from.
        place: its vector, or why there is none.
        answer_us: what the caller waited.
    """

    call: Call
    service: str
    request: str
    row: Mapping[str, Any]
    at: int
    key: str = ""
    checked: dict[str, Scalar] | None = None
    feed: Feed | None = None
    place: Place | ShipwayError = _NONE
    answer_us: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """Requests of one service that one version answered together."""

    served: Served
    version: Version
    asks: list[Ask]
    outcomes: list[Outcome]

    @property
    def other(self) -> Version | None:
        """Return the version that predicts these requests in shadow."""
        return self.served.stable if self.version is self.served.candidate else self.served.candidate


class Batcher:
    """Collects requests, answers them, and looks after what follows."""

    def __init__(self, find: Callable[[str], Served], counts: Counts, waits: Waits) -> None:
        """Start with nothing to do.

        Args:
            find: returns the routing in force of a service, or raises a RefusedError.
            counts: is told of every request.
            waits: is told how long callers waited.
        """
        self._find = find
        self._counts = counts
        self._waits = waits
        self._pending: list[Ask] = []
        self._answered: deque[_Group] = deque()
        self._shadows: deque[tuple[_Group, Version]] = deque()
        self._waiting_rows = 0
        self._following = False
        self._cost_ns = 0.0

    def submit(self, ask: Ask) -> None:
        """Take a request; it is answered at the end of this turn of the loop."""
        if not self._pending:
            asyncio.get_running_loop().call_soon(self.answer)
        self._pending.append(ask)

    def settle(self) -> None:
        """Answer, log and shadow everything that was submitted, before returning."""
        self.answer()
        self._log_answered()
        while self._shadows:
            self._cast_shadows()

    def answer(self) -> None:
        """Answer everything that was submitted."""
        started = perf_counter_ns()
        pending, self._pending = self._drop_late(self._pending, started), []
        by_service: dict[str, list[Ask]] = {}
        for ask in pending:
            by_service.setdefault(ask.service, []).append(ask)
        for service, asks in by_service.items():
            try:
                served = self._find(service)
            except RefusedError as refusal:
                for ask in asks:
                    self._refuse(ask, refusal)
                continue
            try:
                self._answer_service(served, asks)
            except Exception:
                # A mistake here must not leave callers, or those of other services, without an answer.
                logger.exception("a batch of service %s was not foreseen", service)
                for ask in asks:
                    if not ask.call.answered:
                        ask.call.answer(500, write_refusal(UNFORESEEN))
        if pending:
            self._cost_ns += _WEIGHT * ((perf_counter_ns() - started) / len(pending) - self._cost_ns)

    def _drop_late(self, pending: list[Ask], now: int) -> list[Ask]:
        """Answer those whose time will be over before their turn with 504, and return the others."""
        kept: list[Ask] = []
        for ask in pending:
            deadline = ask.call.deadline_ns
            if deadline and deadline <= now + len(kept) * self._cost_ns:
                ask.call.answer(504, write_refusal(LATE))
                self._counts.late += 1
            else:
                kept.append(ask)
        return kept

    def _answer_service(self, served: Served, asks: list[Ask]) -> None:
        live: dict[Version, list[Ask]] = {}
        for ask in asks:
            try:
                live.setdefault(_assign(served, ask), []).append(ask)
            except RefusedError as refusal:
                self._refuse(ask, refusal)
        by_feed: dict[Feed, list[Ask]] = {}
        for version, group in live.items():
            readable = [ask for ask in group if ask.checked is not None]
            if version.feed is not None and readable:
                by_feed.setdefault(version.feed, []).extend(readable)
        for feed, group in by_feed.items():
            _read(feed, group)
            _log_vectors(served, feed, group)
        for version, group in live.items():
            outcomes = predict(version, [ask.place for ask in group])
            self._reply(version, group, outcomes)
            self._answered.append(_Group(served, version, group, outcomes))
        if self._answered:
            self._follow()

    def _reply(self, version: Version, asks: Sequence[Ask], outcomes: Sequence[Outcome]) -> None:
        model, number = version.model, version.variant.version
        for ask, outcome in zip(asks, outcomes, strict=True):
            if outcome.error is None:
                said = Answer(request=ask.request, model=model, version=number, p=outcome.p, at=ask.at)
                ask.call.answer(200, _ENCODE(said))
                self._counts.answered += 1
            else:
                ask.call.answer(503, write_refusal(outcome.error))
                self._counts.failed += 1
            ask.answer_us = (perf_counter_ns() - ask.call.received_ns) // 1_000
        self._waits.add([ask.answer_us for ask in asks])

    def _refuse(self, ask: Ask, refusal: RefusedError) -> None:
        ask.call.answer(refusal.status, write_refusal(refusal.error), headers=refusal.headers)
        self._counts.refused += 1

    def _follow(self) -> None:
        if not self._following:
            self._following = True
            # The answers leave at the end of this turn; what follows has to wait for the next.
            asyncio.get_running_loop().call_soon(self._follow_up)

    def _follow_up(self) -> None:
        self._following = False
        self._log_answered()
        self._cast_shadows()
        if self._shadows:
            self._follow()

    def _log_answered(self) -> None:
        while self._answered:
            group = self._answered.popleft()
            _log_predictions(group, group.version, "live", group.outcomes)
            if group.other is None:
                continue
            if self._waiting_rows + len(group.asks) > WAITING_ROWS:
                self._counts.shadow_dropped += len(group.asks)
                continue
            self._waiting_rows += len(group.asks)
            self._shadows.append((group, group.other))

    def _cast_shadows(self) -> None:
        done = 0
        while self._shadows and done < SHADOW_ROWS:
            group, version = self._shadows.popleft()
            outcomes = _predict_shadow(group, version)
            _log_predictions(group, version, "shadow", outcomes)
            done += len(group.asks)
            self._waiting_rows -= len(group.asks)
            self._counts.shadowed += len(group.asks)
            self._counts.shadow_failed += sum(outcome.error is not None for outcome in outcomes)


def _assign(served: Served, ask: Ask) -> Version:
    """Return the version that answers a request, after checking that the row has what the version reads.

    A row that lacks something only for the candidate is no mistake of the caller's: there, the candidate fails.
    """
    layout = served.layout
    if layout is None:
        fault = served.stable.fault
        if fault is None:
            hint = "send it vectors: POST /v2/models/NAME/infer"
            raise refuse(422, f"{served.routing.service!r} has no features, so it reads none by key", hint)
        raise pass_on(fault)
    ask.key = name_row(ask.row, layout)
    version = served.stable
    if served.candidate is not None and served.routing.choose(ask.key):
        version = served.candidate
    if version.feed is not None:
        try:
            ask.checked = check_row(ask.row, version.feed.layout)
        except RefusedError as refused:
            if version is served.stable or served.stable.feed is None:
                raise
            check_row(ask.row, served.stable.feed.layout)
            ask.place = refused.error
    return version


def _read(feed: Feed, asks: list[Ask]) -> None:
    places = read_places(feed, [ask.checked or {} for ask in asks], [ask.at for ask in asks])
    for ask, place in zip(asks, places, strict=True):
        ask.feed, ask.place = feed, place


def _predict_shadow(group: _Group, version: Version) -> list[Outcome]:
    """Predict what another version answered, from the same vectors if both read the same."""
    feed, asks = version.feed, group.asks
    if feed is None or feed is group.version.feed:
        return predict(version, [ask.place for ask in asks])
    shadows: list[Ask] = []
    places: dict[Ask, Place | ShipwayError] = {}
    for ask in asks:
        try:
            checked = check_row(ask.row, feed.layout)
        except RefusedError as refusal:
            places[ask] = refusal.error
            continue
        shadows.append(Ask(ask.call, ask.service, ask.request, ask.row, ask.at, ask.key, checked))
        places[ask] = _NONE
    if shadows:
        _read(feed, shadows)
        _log_vectors(group.served, feed, shadows)
        read = iter(shadows)
        places = {ask: next(read).place if place is _NONE else place for ask, place in places.items()}
    return predict(version, list(places.values()))


def _log_vectors(served: Served, feed: Feed, asks: Sequence[Ask]) -> None:
    groups: dict[int, tuple[Any, list[tuple[str, str, int]]]] = {}
    for ask in asks:
        if not isinstance(ask.place, ShipwayError):
            vectors = ask.place[0]
            groups.setdefault(id(vectors), (vectors, []))[1].append((ask.request, ask.key, ask.at))
    for vectors, asked in groups.values():
        served.log.add_vectors(feed.online, feed.layout, feed.texts, asked, vectors)


def _log_predictions(group: _Group, version: Version, role: Role, outcomes: Sequence[Outcome]) -> None:
    routing, variant = group.served.routing, version.variant
    weight = routing.weight if routing.candidate is not None else 0.0
    group.served.log.add_predictions(
        [
            (
                ask.request,
                ask.key,
                ask.at,
                ask.key,
                variant.version,
                role,
                weight,
                routing.token,
                outcome.p,
                None if outcome.error is None else outcome.error.code,
                outcome.latency_us,
                ask.answer_us,
                variant.online,
            )
            for ask, outcome in zip(group.asks, outcomes, strict=True)
        ]
    )
