"""Micro-batches: what arrived in one turn of the event loop is read, predicted and answered together.

First the callers get their answers, each from the version its unit belongs to. Then, in later turns, the rows are
logged and the other version predicts them in shadow, a few at a time, so that no caller waits for it (`shadow.py`).

A version that fails on a request it was to answer is seen to fail: its row of the log has the code of the failure, and
the caller gets 503 with that code. The other version does not step in, or an error of the version on trial would look
like an answer of the stable one; it predicts the row in shadow as always. Where the service declares a fallback, a
caller gets that in place of 503, marked as what it is (`fallback.py`, by vector `substitute.py`); the version is seen
to fail all the same.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from time import perf_counter_ns
from typing import Final

import msgspec
import numpy as np

from shipway.core.error import ShipwayError
from shipway.serving.ask import Ask, assign, stack
from shipway.serving.encoding import LEAST_BYTES, deflate
from shipway.serving.fallback import FALLBACK, Fallbacks
from shipway.serving.feed import read_keyed
from shipway.serving.inference import write_answer
from shipway.serving.meter import Counts, Meters, Waits
from shipway.serving.refusal import LATE, RefusedError, write_refusal
from shipway.serving.request import ANSWERS
from shipway.serving.response import say_unforeseen
from shipway.serving.sent import INLINE_ROWS
from shipway.serving.shadow import Group, Shadows, log_fallback
from shipway.serving.statistic import Statistics
from shipway.serving.substitute import Substitutes
from shipway.serving.template import write_numbers
from shipway.serving.tracer import Tracer
from shipway.serving.version import Served, Version, fail_rows, find_error, predict, predict_matrix

MOST_REQUESTS: Final = 512
"""Requests that are answered in one turn of the loop: of thousands the first need not wait until the last are done."""
MOST_ROWS: Final = 256
"""Requests that wait for one another at most, where they are told to wait."""
_ENCODE: Final = msgspec.json.Encoder().encode
_WEIGHT: Final = 0.1
"""Share of the newest batch in what a request is taken to cost."""
_SMOOTH: Final = 3
"""The time between requests is smoothed over about two to the power of this many of them."""


logger: Final = logging.getLogger(__name__)


class Batcher:
    """Collects requests, answers them, and looks after what follows."""

    def __init__(
        self, find: Callable[[str], Served], counts: Counts, waits: Waits, statistics: Statistics | None = None
    ) -> None:
        """Start with nothing to do.

        Args:
            find: returns the routing in force of a service, or raises a RefusedError.
            counts: is told of every request.
            waits: is told how long callers waited.
            statistics: are told what each version did with vectors.
        """
        self._find = find
        self._counts = counts
        self._cost_ns = 0.0
        self._began_ns = 0
        self._tracer: Tracer | None = None
        self._pending: dict[str, list[Ask]] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._gaps: dict[str, tuple[int, int]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.meters = Meters()
        self._shadows = Shadows(counts, self.meters, waits, statistics)
        self._fallbacks = Fallbacks()
        self.substitutes = Substitutes(counts, self._fallbacks.counts)

    def trace(self, tracer: Tracer) -> None:
        """Tell of what is done for requests that are traced."""
        self._tracer = tracer
        self._shadows.note = tracer.note_shadow

    @property
    def fallbacks(self) -> dict[str, dict[str, int]]:
        """Return how often each service fell back on what."""
        return self._fallbacks.counts

    def submit(self, ask: Ask, wait_us: int = 0) -> None:
        """Take a request; it is answered at the end of this turn of the loop, or when it has waited for others.

        Args:
            ask: the request.
            wait_us: how long it may wait. It does so only while requests follow one another more closely than that,
                for nobody comes to join it otherwise.
        """
        pending = self._pending.get(ask.service)
        if pending is None:
            pending = self._pending[ask.service] = []
        pending.append(ask)
        joined = wait_us and self._expect(ask, wait_us)
        if len(pending) == 1:
            loop = asyncio.get_running_loop()
            if joined:
                self._timers[ask.service] = loop.call_later(wait_us / 1e6, self._answer_service, ask.service)
            else:
                loop.call_soon(self._answer_service, ask.service)
        elif len(pending) >= MOST_ROWS and ask.service in self._timers:
            self._answer_service(ask.service)

    @property
    def waiting_rows(self) -> int:
        """Return how many rows wait for their shadow."""
        return self._shadows.waiting_rows

    def settle(self) -> None:
        """Answer, log and shadow everything that was submitted, before returning."""
        self.answer()
        self._shadows.settle()

    def count(self) -> None:
        """Count everything that was answered, which otherwise is done a few milliseconds later."""
        self._shadows.count()

    def answer(self) -> None:
        """Answer everything that was submitted."""
        while self._pending:
            self._answer_service(next(iter(self._pending)))

    def _expect(self, ask: Ask, wait_us: int) -> bool:
        """Tell whether another request is likely to come in time, by how closely they followed one another lately."""
        now = ask.call.received_ns
        last, gap = self._gaps.get(ask.service, (now, wait_us * 1_000))
        gap += (min(now - last, wait_us * 8_000) - gap) >> _SMOOTH
        self._gaps[ask.service] = now, gap
        return gap < wait_us * 1_000

    def _answer_service(self, service: str) -> None:
        asks = self._pending.pop(service, None)
        timer = self._timers.pop(service, None)
        if timer is not None:
            timer.cancel()
        if asks is not None and len(asks) > MOST_REQUESTS:
            self._pending[service] = asks[MOST_REQUESTS:]
            asyncio.get_running_loop().call_soon(self._answer_service, service)
            asks = asks[:MOST_REQUESTS]
        started = self._began_ns = perf_counter_ns()
        asks = self._drop_late(asks or [], started)
        if not asks:
            return
        try:
            served = self._find(service)
        except RefusedError as refusal:
            for ask in asks:
                self._refuse(ask, refusal)
            return
        try:
            self._answer(served, asks)
        except Exception:
            # A mistake here must not leave callers, or those of other services, without an answer.
            logger.exception("a batch of service %s was not foreseen", service)
            say_unforeseen(ask.call for ask in asks)
        self._cost_ns += _WEIGHT * ((perf_counter_ns() - started) / len(asks) - self._cost_ns)

    def _drop_late(self, asks: list[Ask], now: int) -> list[Ask]:
        """Answer those whose time will be over before their turn with 504, and return the others."""
        if not any(ask.call.deadline_ns for ask in asks):
            return asks
        kept: list[Ask] = []
        for ask in asks:
            deadline = ask.call.deadline_ns
            if deadline and deadline <= now + len(kept) * self._cost_ns:
                self._counts.late += 1
                self._answer_late(ask)
            else:
                kept.append(ask)
        return kept

    def _answer_late(self, ask: Ask) -> None:
        """Answer a request whose time is over: with what costs nothing, where there is any such, and else with 504."""
        with suppress(RefusedError):
            served = self._find(ask.service)
            if served.routing.terms.fallback is not None:
                assign(served, ask)
                if ask.sent is not None:
                    self.substitutes.answer(served, None, ask, RefusedError(504, LATE))
                    return
                if self._fall_back(served, None, ask):
                    return
        ask.call.answer(504, write_refusal(LATE))

    def _answer(self, served: Served, asks: list[Ask]) -> None:
        keyed: dict[Version, list[Ask]] = {}
        sent: dict[Version, list[Ask]] = {}
        for ask in asks:
            try:
                version = assign(served, ask)
            except RefusedError as refusal:
                self._refuse(ask, refusal)
                continue
            if ask.sent is None:
                keyed.setdefault(version, []).append(ask)
            elif ask.rows > INLINE_ROWS:
                self._answer_later(served, version, ask)
            else:
                sent.setdefault(version, []).append(ask)
        if keyed:
            self._answer_keyed(served, keyed)
        for version, group in sent.items():
            self._answer_sent(served, version, group)

    def _answer_keyed(self, served: Served, keyed: dict[Version, list[Ask]]) -> None:
        read_keyed(served, keyed, None if self._tracer is None or not self._tracer.open else self._tracer.note_read)
        for version, group in keyed.items():
            outcomes = predict(version, [ask.place for ask in group])
            predicted_ns = perf_counter_ns()
            model, number, make = version.model, version.variant.version, ANSWERS[version.predicts or "condition"]
            keeps = served.routing.terms.fallback is not None
            for place, ask in enumerate(group):
                error = outcomes.errors.get(place)
                if error is None:
                    said = make(ask.request, model, number, outcomes.p[place], ask.at)
                    ask.call.answer(200, _ENCODE(said))
                    if keeps:
                        self._fallbacks.keep(served, version, ask.key, outcomes.p[place])
                elif not self._fall_back(served, version, ask):
                    ask.call.answer(503, write_refusal(error))
            self._follow(Group(served, version, group, outcomes, predicted_ns=predicted_ns))

    def _fall_back(self, served: Served, version: Version | None, ask: Ask) -> bool:
        """Answer with what the service falls back on, and tell whether there was anything."""
        found = self._fallbacks.find(served, version, ask)
        if found is None:
            return False
        make = ANSWERS[found.predicts]
        said = make(ask.request, served.routing.model, found.version, found.p, ask.at, found.way)
        ask.call.answer(200, _ENCODE(said), headers=[(FALLBACK, found.way)])
        self._counts.fell_back += 1
        ask.answer_us = (perf_counter_ns() - ask.call.received_ns) // 1_000
        log_fallback(served, ask, found.way, [found.p], found.version)
        return True

    def _answer_sent(self, served: Served, version: Version, asks: list[Ask]) -> None:
        """Answer vectors that callers sent; those that the candidate cannot read are seen to fail."""
        readable = [ask for ask in asks if ask.sent is not None and ask.sent.form == version.form]
        columns = 0 if version.usual is None else len(version.usual.names)
        x = stack(readable, columns) if columns and readable else np.empty((0, columns), dtype=np.float32)
        if len(readable) == len(asks):
            self._reply(Group(served, version, asks, predict_matrix(version, x), x))
            return
        if readable:
            self._reply(Group(served, version, readable, predict_matrix(version, x), x))
        for ask in asks:
            if ask not in readable:
                error = version.fault or ask.place
                assert isinstance(error, ShipwayError)
                self._reply(Group(served, version, [ask], fail_rows(ask.rows, error)))

    def _answer_later(self, served: Served, version: Version, ask: Ask) -> None:
        """Answer a request of many rows from a thread."""

        async def answer() -> None:
            try:
                x = stack([ask], len(version.usual.names) if version.usual is not None else 0)
                outcomes = await asyncio.to_thread(predict_matrix, version, x)
                self._reply(Group(served, version, [ask], outcomes, x))
            except Exception:
                logger.exception("a request of service %s was not foreseen", ask.service)
                say_unforeseen([ask.call])

        if ask.sent is None or ask.sent.form != version.form:
            self._answer_sent(served, version, [ask])
            return
        task = asyncio.get_running_loop().create_task(answer())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _reply(self, group: Group) -> None:
        served, version, outcomes = group.served, group.version, group.outcomes
        said = write_numbers(outcomes.p)
        first, errors, template = 0, outcomes.errors, version.template
        keeps = served.routing.terms.fallback is not None
        for ask in group.asks:
            last = first + ask.rows
            error = find_error(errors, first, last)
            if keeps and error is None:
                self.substitutes.keep(served, version, ask, {version.output: np.array(outcomes.p[first:last])})
            if error is not None:
                self.substitutes.answer(served, version, ask, RefusedError(503, error))
            elif ask.sent is not None and ask.sent.question is not None and version.bundle is not None:
                outputs = {version.output: np.array(outcomes.p[first:last])}
                body, headers = write_answer(ask.sent.question, outputs, served.routing.service, version.bundle)
                kind = "application/octet-stream" if headers else "application/json"
                body, more = deflate(body, ask.call.headers.get("accept-encoding", ""))
                ask.call.answer(200, body, kind=kind, headers=[*headers, *more])
            elif ask.sent is not None and template is not None:
                body = template.write(ask.sent.id, said[first:last])
                if len(body) < LEAST_BYTES:
                    ask.call.answer(200, body)
                else:
                    body, more = deflate(body, ask.call.headers.get("accept-encoding", ""))
                    ask.call.answer(200, body, headers=more)
            first = last
        self._follow(group)

    def _follow(self, group: Group) -> None:
        """See to what follows an answer."""
        if self._tracer is not None and self._tracer.open:
            self._tracer.note_answers(group, self._began_ns)
        self._shadows.follow(group)

    def _refuse(self, ask: Ask, refusal: RefusedError) -> None:
        ask.call.answer(refusal.status, write_refusal(refusal.error), headers=refusal.headers)
        self._counts.refused += 1
