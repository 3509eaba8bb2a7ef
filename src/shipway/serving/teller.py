"""Services of models that do not say one number a row: several numbers, classes, embeddings, texts, any tensors.

Who answers is found out as for a binary model (`ask.assign`), and what a version fails on is seen as its failure. What
arrived in one turn of the loop for a model that reads a matrix is predicted together; a request of tensors by itself,
since such a model may look at all rows of it. What takes long, by what a version's rows cost lately, is predicted in a
thread, so that nobody else waits for it.
"""

import asyncio
import logging
from collections.abc import Callable
from time import perf_counter_ns
from typing import Final

from shipway.core.error import ShipwayError
from shipway.serving.ask import Ask, assign
from shipway.serving.call import Call
from shipway.serving.echo import Echoes
from shipway.serving.encoding import deflate
from shipway.serving.feed import read_keyed
from shipway.serving.heard import Heard, count_bytes
from shipway.serving.inference import write_outputs
from shipway.serving.meter import Counts, Meters, Waits
from shipway.serving.outcome import Run, execute, plan_keyed, plan_sent, read_tensors
from shipway.serving.refusal import LATE, RefusedError, write_refusal
from shipway.serving.reply import write_keyed
from shipway.serving.response import Tasks, require_json, say_unforeseen
from shipway.serving.sent import INLINE_BYTES, INLINE_ROWS, Sent
from shipway.serving.statistic import Statistics
from shipway.serving.substitute import Substitutes
from shipway.serving.tracer import Tracer
from shipway.serving.version import Served, Version

INLINE_NS: Final = 3_000_000
"""Time that a prediction in the event loop may be expected to take; a longer one goes to a thread."""
_SHARE: Final = 0.2
"""Share of the newest prediction in what a row is taken to cost."""


logger: Final = logging.getLogger(__name__)


class Teller:
    """Answers requests to services of any kind of model, and looks after what follows."""

    def __init__(
        self,
        find: Callable[[str], Served],
        counts: Counts,
        waits: Waits,
        meters: Meters,
        statistics: Statistics,
        substitutes: Substitutes,
    ) -> None:
        """Start with nothing to do.

        Args:
            find: returns the routing in force of a service, or raises a RefusedError.
            counts: is told of every request.
            waits: is told how long callers waited.
            meters: are told what each version did.
            statistics: are told what each version did with tensors.
            substitutes: answer what versions do not.
        """
        self._find = find
        self._counts = counts
        self._waits = waits
        self._meters = meters
        self._statistics = statistics
        self._substitutes = substitutes
        self._tracer: Tracer | None = None
        self._costs_ns: dict[str, float] = {}
        self._pending: dict[str, list[Ask]] = {}
        self._tasks = Tasks()
        self._threads: set[asyncio.Task[None]] = set()
        self._echoes = Echoes(counts, meters, self.is_heavy)
        self._began_ns = 0

    def trace(self, tracer: Tracer) -> None:
        """Tell of what is done for requests that are traced."""
        self._tracer = tracer
        self._echoes.note = tracer.note_echo

    @property
    def waiting_rows(self) -> int:
        """Return how many rows wait for their shadow."""
        return self._echoes.waiting_rows

    def take(self, call: Call, served: Served, make: Callable[[Sent], Ask]) -> None:
        """Take a request of tensors to a service by its name; a large body is read in a thread.

        Args:
            call: the request.
            served: the service, whose stable version was loaded.
            make: makes a request on its way of what was read.

        Raises:
            RefusedError: as `read_tensors` does, and 415 for a body that is no JSON.
        """

        async def read_later() -> None:
            try:
                sent = await asyncio.to_thread(read_tensors, call, served.stable)
            except RefusedError:
                self._counts.refused += 1
                raise
            self.submit(make(sent))

        try:
            require_json(call, binary=True, encoded=True)
            if len(call.body) > INLINE_BYTES:
                self._tasks.start(call, read_later())
                return
            sent = read_tensors(call, served.stable)
        except RefusedError:
            self._counts.refused += 1
            raise
        self.submit(make(sent))

    def submit(self, ask: Ask) -> None:
        """Take a request; it is answered with others of its service at the end of this turn of the loop."""
        pending = self._pending.get(ask.service)
        if pending is None:
            self._pending[ask.service] = [ask]
            asyncio.get_running_loop().call_soon(self._answer_service, ask.service)
        else:
            pending.append(ask)

    def settle(self) -> None:
        """Answer what is not answered in a thread, and log and shadow all that was answered, before returning."""
        for service in list(self._pending):
            self._answer_service(service)
        self._echoes.settle()

    def close(self) -> None:
        """Let go of the thread that shadows are cast in."""
        self._echoes.close()

    def is_heavy(self, version: Version, rows: int) -> bool:
        """Tell whether a version is likely to take longer for some rows than others should wait."""
        if version.bundle is None:
            return False
        return rows > INLINE_ROWS or rows * self._costs_ns.get(version.bundle.digest, 0.0) > INLINE_NS

    def _answer_service(self, service: str) -> None:
        asks = self._pending.pop(service, None)
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

    def _answer(self, served: Served, asks: list[Ask]) -> None:
        keyed: dict[Version, list[Ask]] = {}
        sent: dict[Version, list[Ask]] = {}
        now = self._began_ns = perf_counter_ns()
        for ask in asks:
            late = 0 < ask.call.deadline_ns <= now
            try:
                version = assign_tensors(served, ask)
            except RefusedError as refusal:
                self._refuse(ask, RefusedError(504, LATE) if late else refusal)
                continue
            if late:
                self._counts.late += 1
                self._substitutes.answer(served, None, ask, RefusedError(504, LATE))
            else:
                (keyed if ask.sent is None else sent).setdefault(version, []).append(ask)
        if keyed:
            self._answer_keyed(served, keyed)
        for version, group in sent.items():
            for run in plan_sent(version, group):
                self._predict(served, version, run)

    def _answer_keyed(self, served: Served, keyed: dict[Version, list[Ask]]) -> None:
        read_keyed(served, keyed, None if self._tracer is None or not self._tracer.open else self._tracer.note_read)
        for version, group in keyed.items():
            for run in plan_keyed(version, group, [ask.place for ask in group]):
                self._predict(served, version, run)

    def _predict(self, served: Served, version: Version, run: Run) -> None:
        """Have requests predicted, here or in a thread, and answer them."""
        if run.error is None and (self.is_heavy(version, run.rows) or count_bytes(run.tensors) > INLINE_BYTES):
            task = asyncio.get_running_loop().create_task(self._predict_later(served, version, run))
            self._threads.add(task)
            task.add_done_callback(self._threads.discard)
            return
        for one, outcome in execute(version, run):
            heard = Heard(served, version, one, outcome)
            self._reply(heard)
            self._echoes.follow(heard)

    async def _predict_later(self, served: Served, version: Version, run: Run) -> None:
        def predict() -> list[Heard]:
            found = [Heard(served, version, one, outcome) for one, outcome in execute(version, run)]
            for heard in found:
                heard.write()
            return found

        try:
            for heard in await asyncio.to_thread(predict):
                self._reply(heard)
                self._echoes.follow(heard)
        except Exception:
            logger.exception("a request of service %s was not foreseen", served.routing.service)
            say_unforeseen(ask.call for ask in run.asks)

    def _reply(self, heard: Heard) -> None:
        """Give callers their answers, and count them."""
        served, version, outcome = heard.served, heard.version, heard.outcome
        keeps = served.routing.terms.fallback is not None
        first = 0
        for ask in heard.run.asks:
            last = first + ask.rows
            error = outcome.find_error(first, last)
            if error is not None:
                self._substitutes.answer(served, version, ask, _explain(ask, error))
            else:
                self._write(heard, ask, first, last)
                if keeps:
                    self._substitutes.keep(served, version, ask, outcome.take(first, last))
            first = last
        self._note(heard)

    def _write(self, heard: Heard, ask: Ask, first: int, last: int) -> None:
        version, outcome, interface = heard.version, heard.outcome, heard.version.interface
        assert version.bundle is not None, "what was predicted was loaded"
        assert interface is not None, "and it is what the service says"
        if ask.sent is None or ask.sent.question is None:
            number, outputs = version.variant.version, outcome.outputs
            body = write_keyed(ask.request, version.model, number, interface, outputs, first, ask.at)
            ask.call.answer(200, body)
            return
        parameters = {"bundle": version.bundle.digest}
        outputs, name = outcome.take(first, last), heard.served.routing.service
        number, question = version.variant.version, ask.sent.question
        body, headers = write_outputs(question, outputs, interface.outputs, name, number, parameters)
        kind = "application/octet-stream" if headers else "application/json"
        body, more = deflate(body, ask.call.headers.get("accept-encoding", ""))
        ask.call.answer(200, body, kind=kind, headers=[*headers, *more])

    def _note(self, heard: Heard) -> None:
        """Count what was answered."""
        version, run, outcome = heard.version, heard.run, heard.outcome
        if self._tracer is not None and self._tracer.open:
            self._tracer.note_outcome(heard, self._began_ns)
        now = perf_counter_ns()
        failed = len(outcome.errors)
        self._counts.failed += failed
        if run.asks[0].sent is None:
            self._counts.answered += run.rows - failed
        else:
            self._counts.inferred += run.rows - failed
            came = sum(ask.call.received_ns for ask in run.asks)
            tally = self._statistics.of(version.model, version.variant.version)
            tally.add([(len(run.asks), came, run.rows, failed, outcome.predicted_ns, now)])
        waits = [(now - ask.call.received_ns) // 1_000 for ask in run.asks]
        for ask, wait in zip(run.asks, waits, strict=True):
            ask.answer_us = wait
        self._waits.add(waits)
        meter = self._meters.of(heard.served.routing.service, version.model, version.variant.version)
        meter.add(run.rows, failed, waits)
        if version.bundle is not None and run.rows and outcome.latency_us:
            digest = version.bundle.digest
            cost = outcome.latency_us * 1_000 / run.rows
            self._costs_ns[digest] = cost + (1 - _SHARE) * (self._costs_ns.get(digest, cost) - cost)

    def _refuse(self, ask: Ask, refusal: RefusedError) -> None:
        ask.call.answer(refusal.status, write_refusal(refusal.error), headers=refusal.headers)
        self._counts.refused += 1


def assign_tensors(served: Served, ask: Ask) -> Version:
    """Return the version that answers a request, as `assign` does, after reading it for a version of another form.

    Raises:
        RefusedError: as `assign` does, and 422 for tensors that only a version before the stable one could read.
    """
    version = assign(served, ask)
    sent = ask.sent
    if sent is None or sent.question is None or version.interface is None or version.bundle is None:
        return version
    if sent.question.form != version.interface.form:
        try:
            ask.sent = read_tensors(ask.call, version, ask.rows)
        except RefusedError as refused:
            if version is served.stable or served.stable.bundle is None:
                raise
            ask.place = refused.error
    return version


def _explain(ask: Ask, error: ShipwayError) -> RefusedError:
    """Return the refusal of a request that has no prediction; tensors that do not go together are the caller's."""
    return RefusedError(422 if error.code == "SW-802" and ask.sent is not None else 503, error)
