"""The routes: which function answers which path, and what every answer looks like."""

import asyncio
import secrets
from collections.abc import Callable
from itertools import count
from time import perf_counter_ns
from typing import Final
from urllib.parse import unquote

import msgspec

from shipway.core.error import ShipwayError
from shipway.core.service import Routing
from shipway.kit.version import VERSION
from shipway.serving.ask import Ask
from shipway.serving.batch import Batcher
from shipway.serving.call import Call
from shipway.serving.desk import Desk, require_bundle
from shipway.serving.dialogue import Dialogue
from shipway.serving.exporter import Exporter
from shipway.serving.lane import Lane, find_lane
from shipway.serving.loader import Loader
from shipway.serving.log import LogWriter
from shipway.serving.lookup import Lookup, Wanted
from shipway.serving.meter import WINDOW_S, Counts, Waits
from shipway.serving.metric import KIND, write_metrics
from shipway.serving.openapi import PATH, write_openapi
from shipway.serving.refusal import RefusedError, pass_on, refuse
from shipway.serving.request import LONGEST_ID, Question, read_body, read_instant
from shipway.serving.response import Answers, Tasks, require_json, say, say_no, wrong_method
from shipway.serving.routing import RoutingTable
from shipway.serving.sent import INLINE_BYTES, Sent, read_sent
from shipway.serving.status import Status, describe_service
from shipway.serving.teller import Teller
from shipway.serving.trace import READ, Part, note_part
from shipway.serving.tracer import Tracer
from shipway.serving.version import Served

_QUESTION: Final = msgspec.json.Decoder(Question)
_ROUTING: Final = msgspec.json.Decoder(Routing)
_EXAMPLE: Final = '{"row": {"column": 1, "other": "text"}, "at": "2013-07-01T12:00:00Z"}'
_FEATURES: Final = msgspec.json.Decoder(Wanted)
_KEYS: Final = '{"rows": [{"column": 1, "other": "text"}]}'
_PATHS: Final = (
    "/v2",
    "/v2/health/live",
    "/v2/health/ready",
    "/v2/models/MODEL",
    "/v2/models/MODEL/infer",
    "/v2/models/MODEL/versions/VERSION",
    "/v2/repository/index",
    "/v1/predict/SERVICE",
    "/v1/features",
    "/v1/features/SET",
    "/v1/services/SERVICE/routing",
    "/v1/log/flush",
    "/v1/status",
    "/metrics",
    PATH,
)


class Router:
    """Answers calls; `handle` is what a web server is given."""

    def __init__(
        self,
        table: RoutingTable,
        batcher: Batcher,
        teller: Teller,
        loader: Loader,
        writer: LogWriter,
        lookup: Lookup,
        desk: Desk,
        *,
        counts: Counts,
        waits: Waits,
        now: Callable[[], int],
        replay: bool,
        exporter: Exporter | None = None,
    ) -> None:
        """Keep what answers.

        Args:
            table: the routings in force.
            batcher: answers predictions.
            teller: answers for services whose models do not say one number a row.
            loader: has the bundles and the logs.
            writer: writes the logs.
            lookup: answers with features.
            desk: answers for models by name.
            counts: requests since the start.
            waits: how long callers waited.
            now: tells the present, microseconds since 1970 UTC.
            replay: whether callers may name the instant.
            exporter: sends traces; None where nothing is traced.
        """
        self._table = table
        self._batcher = batcher
        self._loader = loader
        self._writer = writer
        self._lookup = lookup
        self._counts = counts
        self._waits = waits
        self._now = now
        self._replay = replay
        self._exporter = exporter
        self._start = secrets.token_hex(6)
        self._number = count(1)
        self._tasks = Tasks()
        self._teller = teller
        self._dialogue = Dialogue(desk, counts, self._tasks, self._take_tensors)

    def trace(self, tracer: Tracer) -> None:
        """Tell of what is done for requests that are traced, and let callers set which are."""
        self._batcher.trace(tracer)
        self._teller.trace(tracer)
        self._dialogue.trace(tracer)

    def handle(self, call: Call) -> None:
        """Answer a call, now or later in the loop."""
        try:
            lane: Lane | None = call.known
            if lane is None:
                lane = call.known = find_lane(call)
            if not lane.service:
                # Whoever asks how the server does hears of every answer given before.
                self._batcher.count()
                self._find(call)(call)
            elif lane.keyed:
                self._take_prediction(call, lane)
            elif (served := self._table.match(lane.service)) is not None:
                self._take_vectors(call, lane, served)
            else:
                self._find(call)(call)
        except RefusedError as refusal:
            say_no(call, refusal)

    def _find(self, call: Call) -> Callable[[Call], None]:
        answers = self._list_answers([unquote(part) for part in call.path.split("/")[1:]])
        if answers is None:
            hint = f"there is {', '.join(_PATHS)}"
            raise refuse(404, f"there is no path {call.path[:200]!r}", hint, code="SW-104")
        method = "GET" if call.method == "HEAD" else call.method
        if method not in answers:
            raise wrong_method(call, list(answers))
        return answers[method]

    def _list_answers(self, parts: list[str]) -> Answers | None:
        match parts:
            case ["v2", *rest]:
                return self._dialogue.list_answers(rest)
            case ["openapi.json"]:
                return {"GET": lambda call: call.answer(200, write_openapi())}
            case ["v1", "services", service, "routing"]:
                return {
                    "GET": lambda call: say(call, self._table.find(service).routing),
                    "PUT": lambda call: self._apply(call, service),
                }
            case ["v1", "features"]:
                return {"GET": lambda call: say(call, {"sets": self._lookup.names})}
            case ["v1", "features", name]:
                return {"POST": lambda call: self._look_up(call, name)}
            case ["v1", "log", "flush"]:
                return {"POST": self._flush}
            case ["metrics"]:
                return {"GET": self._tell_metrics}
            case ["v1", "status"]:
                return {"GET": lambda call: say(call, self._describe())}
            case _:
                return None

    # predictions

    def _take_prediction(self, call: Call, lane: Lane) -> None:
        if call.method != "POST":
            raise wrong_method(call, ["POST"])
        service = lane.service
        served = self._table.find(service)
        try:
            if not lane.usual:
                require_json(call)
            asked = read_body(call.body, _QUESTION, _EXAMPLE)
            at = self._read_at(asked.at)
            request = asked.request
            if request is None:
                request = f"{self._start}-{next(self._number)}"
            elif not 0 < len(request) <= LONGEST_ID:
                raise refuse(422, f"a request's id has 1 to {LONGEST_ID} characters", "shorten it, or leave it away")
        except RefusedError:
            self._counts.refused += 1
            raise
        ask = Ask(call, service, request, asked.row, at)
        if not served.stable.form and served.interface is not None:
            self._teller.submit(ask)
            return
        self._batcher.submit(ask, served.routing.terms.wait_us)

    def _take_vectors(self, call: Call, lane: Lane, served: Served) -> None:
        """Take vectors that are sent to a service by its name; a large body is read in a thread."""
        stable = served.stable
        if lane.usual and stable.usual is not None and len(call.body) <= INLINE_BYTES:
            sent = stable.usual.read(call.body)
            if sent is not None:
                self._submit(call, served, sent)
                return
        if call.method != "POST":
            raise wrong_method(call, ["POST"])

        async def read_later() -> None:
            self._submit(call, served, await asyncio.to_thread(read_sent, call, require_bundle(stable), stable.form))

        try:
            bundle = require_bundle(stable)
            require_json(call, binary=True, encoded=True)
            if len(call.body) > INLINE_BYTES:
                self._tasks.start(call, read_later())
                return
            sent = read_sent(call, bundle, stable.form)
        except RefusedError:
            self._counts.refused += 1
            raise
        self._submit(call, served, sent)

    def _take_tensors(self, call: Call, served: Served) -> None:
        """Take what is sent to a service by its name whose model does not say one number a row."""
        require_bundle(served.stable)
        service = served.routing.service

        def make(sent: Sent) -> Ask:
            return Ask(call, service, f"{self._start}-{next(self._number)}", {}, self._now(), sent, sent.rows)

        self._teller.take(call, served, make)

    def _submit(self, call: Call, served: Served, sent: Sent) -> None:
        routing = served.routing
        ask = Ask(call, routing.service, f"{self._start}-{next(self._number)}", {}, self._now(), sent, sent.rows)
        self._batcher.submit(ask, routing.terms.wait_us)

    def _read_at(self, at: int | str | None) -> int:
        if at is None:
            return self._now()
        if not self._replay:
            hint = "leave at away; a server that was started with --replay takes it"
            raise refuse(400, "this server answers for the present alone", hint)
        try:
            return read_instant(at)
        except ValueError as error:
            hint = "send microseconds since 1970 UTC, or ISO 8601 text with a zone"
            raise refuse(422, f"at: {error}", hint) from error

    def _look_up(self, call: Call, name: str) -> None:
        try:
            require_json(call)
            asked = read_body(call.body, _FEATURES, _KEYS)
            rows = [asked.rows] if isinstance(asked.rows, dict) else asked.rows
            began_ns = perf_counter_ns()
            answer = self._lookup.read(name, rows, self._read_at(asked.at))
            note_part(
                call, Part(READ, began_ns, perf_counter_ns(), {"shipway.batch.rows": len(rows)}), {"shipway.set": name}
            )
        except RefusedError:
            self._counts.refused += 1
            raise
        say(call, answer)
        self._counts.looked_up += len(rows)
        self._waits.add([(perf_counter_ns() - call.received_ns) // 1_000])

    # routings and the log

    def _apply(self, call: Call, service: str) -> None:
        require_json(call)
        routing = read_body(call.body, _ROUTING, "a routing, as GET returns it")

        async def apply() -> None:
            served = await self._table.apply(service, routing)
            say(call, served.routing)

        self._tasks.start(call, apply())

    def _flush(self, call: Call) -> None:
        loop = asyncio.get_running_loop()

        def told(error: ShipwayError | None) -> None:
            loop.call_soon_threadsafe(finish, error)

        def finish(error: ShipwayError | None) -> None:
            if error is None:
                say(call, self._writer.state)
            else:
                say_no(call, pass_on(error))

        self._batcher.settle()
        self._teller.settle()
        self._loader.seal()
        self._writer.flush(told)

    # what the server tells of itself

    def _tell_metrics(self, call: Call) -> None:
        batcher = self._batcher
        spans = None if self._exporter is None else self._exporter.state
        waiting = batcher.waiting_rows + self._teller.waiting_rows
        said = write_metrics(self._counts, batcher.meters, self._writer.state, waiting, spans)
        call.answer(200, said, kind=KIND)

    def _describe(self) -> Status:
        p50, p99 = self._waits.quantiles((0.5, 0.99))
        return Status(
            version=VERSION,
            replay=self._replay,
            services={name: describe_service(served) for name, served in self._table.services.items()},
            faults={name: f"{error.code} {error.fact}" for name, error in self._table.faults.items()},
            bundles=self._loader.bundles,
            counts=self._counts,
            fallbacks=self._batcher.fallbacks,
            p50_us=p50,
            p99_us=p99,
            window_s=WINDOW_S,
            log=self._writer.state,
            spans=None if self._exporter is None else self._exporter.state,
        )
