"""The routes: which function answers which path, and what every answer looks like."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine
from itertools import count
from time import perf_counter_ns
from typing import Any, Final
from urllib.parse import unquote

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipway.core.error import ShipwayError
from shipway.core.service import Routing
from shipway.kit.version import VERSION
from shipway.serving.ask import Ask
from shipway.serving.batch import INLINE_ROWS, Batcher
from shipway.serving.call import Call
from shipway.serving.inference import HEADER, describe_model, read_question, write_answer
from shipway.serving.loader import Loader
from shipway.serving.log import LogWriter
from shipway.serving.lookup import Lookup, Wanted, list_numbers
from shipway.serving.meter import WINDOW_S, Counts, Waits
from shipway.serving.model import LoadedBundle
from shipway.serving.refusal import UNFORESEEN, RefusedError, pass_on, refuse, write_refusal
from shipway.serving.request import LONGEST_ID, Question, read_body, read_instant
from shipway.serving.routing import RoutingTable
from shipway.serving.sent import read_sent
from shipway.serving.status import Status, describe_service
from shipway.serving.version import Served, Version, predict_vectors

logger: Final = logging.getLogger(__name__)

EXTENSIONS: Final = ("binary_tensor_data",)
_ENCODE: Final = msgspec.json.Encoder(enc_hook=list_numbers).encode
_QUESTION: Final = msgspec.json.Decoder(Question)
_ROUTING: Final = msgspec.json.Decoder(Routing)
_EXAMPLE: Final = '{"row": {"column": 1, "other": "text"}, "at": "2013-07-01T12:00:00Z"}'
_PREDICT: Final = "/v1/predict/"
_MODELS: Final = "/v2/models/"
_FEATURES: Final = msgspec.json.Decoder(Wanted)
_KEYS: Final = '{"rows": [{"column": 1, "other": "text"}]}'
_PATHS: Final = (
    "/v2",
    "/v2/health/live",
    "/v2/health/ready",
    "/v2/models/MODEL",
    "/v2/models/MODEL/infer",
    "/v2/models/MODEL/versions/VERSION",
    "/v1/predict/SERVICE",
    "/v1/features",
    "/v1/features/SET",
    "/v1/services/SERVICE/routing",
    "/v1/log/flush",
    "/v1/status",
)

Answers = dict[str, Callable[[Call], None]]
"""Method to what answers it."""


class Router:
    """Answers calls; `handle` is what a web server is given."""

    def __init__(
        self,
        table: RoutingTable,
        batcher: Batcher,
        loader: Loader,
        writer: LogWriter,
        lookup: Lookup,
        *,
        counts: Counts,
        waits: Waits,
        now: Callable[[], int],
        replay: bool,
    ) -> None:
        """Keep what answers.

        Args:
            table: the routings in force.
            batcher: answers predictions.
            loader: has the bundles and the logs.
            writer: writes the logs.
            lookup: answers with features.
            counts: requests since the start.
            waits: how long callers waited.
            now: tells the present, microseconds since 1970 UTC.
            replay: whether callers may name the instant.
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
        self._start = secrets.token_hex(6)
        self._number = count(1)
        self._tasks: set[asyncio.Task[None]] = set()

    def handle(self, call: Call) -> None:
        """Answer a call, now or later in the loop."""
        try:
            path = call.path
            if path.startswith(_PREDICT):
                self._take_prediction(call)
            elif path.startswith(_MODELS) and (served := self._table.match(path[len(_MODELS) :])) is not None:
                self._take_vectors(call, served)
            else:
                self._find(call)(call)
        except RefusedError as refusal:
            _say_no(call, refusal)

    def _find(self, call: Call) -> Callable[[Call], None]:
        answers = self._list_answers([unquote(part) for part in call.path.split("/")[1:]])
        if answers is None:
            hint = f"there is {', '.join(_PATHS)}"
            raise refuse(404, f"there is no path {call.path[:200]!r}", hint, code="SW-104")
        method = "GET" if call.method == "HEAD" else call.method
        if method not in answers:
            raise _wrong_method(call, list(answers))
        return answers[method]

    def _list_answers(self, parts: list[str]) -> Answers | None:
        match parts:
            case ["v2"]:
                said = {"name": "shipway", "version": VERSION, "extensions": EXTENSIONS}
                return {"GET": lambda call: _say(call, said)}
            case ["v2", "health", "live"]:
                return {"GET": lambda call: _say(call, {"live": True})}
            case ["v2", "health", "ready"]:
                return {"GET": self._tell_ready}
            case ["v2", "models", model, *rest]:
                return self._list_model_answers(model, rest)
            case ["v1", "services", service, "routing"]:
                return {
                    "GET": lambda call: _say(call, self._table.find(service).routing),
                    "PUT": lambda call: self._apply(call, service),
                }
            case ["v1", "features"]:
                return {"GET": lambda call: _say(call, {"sets": self._lookup.names})}
            case ["v1", "features", name]:
                return {"POST": lambda call: self._look_up(call, name)}
            case ["v1", "log", "flush"]:
                return {"POST": self._flush}
            case ["v1", "status"]:
                return {"GET": lambda call: _say(call, self._describe())}
            case _:
                return None

    def _list_model_answers(self, model: str, rest: list[str]) -> Answers | None:
        number: int | None = None
        if rest[:1] == ["versions"] and len(rest) > 1:
            text = rest[1]
            if not (text.isascii() and text.isdecimal() and len(text) < 19):
                raise refuse(404, f"{model}@{text[:50]} is not served", "a version is a number", code="SW-104")
            number, rest = int(text), rest[2:]
        match rest:
            case []:
                return {"GET": lambda call: self._tell_model(call, model, number)}
            case ["ready"]:
                return {"GET": lambda call: self._tell_model_ready(call, model, number)}
            case ["infer"]:
                return {"POST": lambda call: self._infer(call, model, number)}
            case _:
                return None

    # predictions

    def _take_prediction(self, call: Call) -> None:
        service = unquote(call.path[len(_PREDICT) :])
        if call.method != "POST":
            raise _wrong_method(call, ["POST"])
        served = self._table.find(service)
        try:
            _require_json(call)
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
        self._batcher.submit(Ask(call, service, request, asked.row, at), served.routing.terms.wait_us)

    def _take_vectors(self, call: Call, served: Served) -> None:
        """Take vectors that are sent to a service by its name."""
        if call.method != "POST":
            raise _wrong_method(call, ["POST"])
        try:
            stable = served.stable
            bundle = _require_bundle(stable)
            usual = HEADER not in call.headers and stable.usual is not None
            _require_json(call, binary=not usual)
            sent = stable.usual.read(call.body) if usual and stable.usual is not None else None
            if sent is None:
                sent = read_sent(call, bundle, stable.form)
        except RefusedError:
            self._counts.refused += 1
            raise
        routing = served.routing
        request = f"{self._start}-{next(self._number)}"
        ask = Ask(call, routing.service, request, {}, self._now(), sent)
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

    def _infer(self, call: Call, model: str, number: int | None) -> None:
        version = self._table.find_version(model, number)
        _require_json(call, binary=HEADER in call.headers)
        bundle = _require_bundle(version)
        question = read_question(call.body, call.headers, bundle)

        def answer(p: NDArray[np.float64]) -> None:
            body, headers = write_answer(question, p, model, bundle)
            self._counts.inferred += len(p)
            kind = "application/octet-stream" if headers else "application/json"
            call.answer(200, body, kind=kind, headers=headers)

        async def answer_later() -> None:
            answer(await asyncio.to_thread(predict_vectors, version, question.x))

        if len(question.x) <= INLINE_ROWS:
            answer(predict_vectors(version, question.x))
        else:
            self._start_task(call, answer_later())

    def _look_up(self, call: Call, name: str) -> None:
        try:
            _require_json(call)
            asked = read_body(call.body, _FEATURES, _KEYS)
            rows = [asked.rows] if isinstance(asked.rows, dict) else asked.rows
            answer = self._lookup.read(name, rows, self._read_at(asked.at))
        except RefusedError:
            self._counts.refused += 1
            raise
        _say(call, answer)
        self._counts.looked_up += len(rows)
        self._waits.add([(perf_counter_ns() - call.received_ns) // 1_000])

    # routings and the log

    def _apply(self, call: Call, service: str) -> None:
        _require_json(call)
        routing = read_body(call.body, _ROUTING, "a routing, as GET returns it")

        async def apply() -> None:
            served = await self._table.apply(service, routing)
            _say(call, served.routing)

        self._start_task(call, apply())

    def _flush(self, call: Call) -> None:
        loop = asyncio.get_running_loop()

        def told(error: ShipwayError | None) -> None:
            loop.call_soon_threadsafe(finish, error)

        def finish(error: ShipwayError | None) -> None:
            if error is None:
                _say(call, self._writer.state)
            else:
                _say_no(call, pass_on(error))

        self._batcher.settle()
        self._loader.seal()
        self._writer.flush(told)

    def _start_task(self, call: Call, work: Coroutine[Any, Any, None]) -> None:
        async def run() -> None:
            try:
                await work
            except RefusedError as refusal:
                _say_no(call, refusal)
            except Exception:
                logger.exception("%s %s was not foreseen", call.method, call.path)
                if not call.answered:
                    call.answer(500, write_refusal(UNFORESEEN))

        task = asyncio.get_running_loop().create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # what the server tells of itself

    def _tell_ready(self, call: Call) -> None:
        for name, error in self._table.faults.items():
            raise pass_on(ShipwayError(error.code, f"{name}: {error.fact}", error.hint))
        _say(call, {"ready": True})

    def _tell_model(self, call: Call, model: str, number: int | None) -> None:
        bundle = _require_bundle(self._table.find_version(model, number))
        _say(call, describe_model(model, sorted(self._table.list_models()[model]), bundle))

    def _tell_model_ready(self, call: Call, model: str, number: int | None) -> None:
        _require_bundle(self._table.find_version(model, number))
        _say(call, {"name": model, "ready": True})

    def _describe(self) -> Status:
        p50, p99 = self._waits.quantiles((0.5, 0.99))
        return Status(
            version=VERSION,
            replay=self._replay,
            services={name: describe_service(served) for name, served in self._table.services.items()},
            faults={name: f"{error.code} {error.fact}" for name, error in self._table.faults.items()},
            bundles=self._loader.bundles,
            counts=self._counts,
            p50_us=p50,
            p99_us=p99,
            window_s=WINDOW_S,
            log=self._writer.state,
        )


def _require_bundle(version: Version) -> LoadedBundle:
    if version.bundle is None:
        assert version.fault is not None
        raise pass_on(version.fault)
    return version.bundle


def _require_json(call: Call, *, binary: bool = False) -> None:
    """Refuse a body that says it is something else; one that says nothing is taken for JSON."""
    if call.headers.get("content-encoding", "identity").lower() != "identity":
        raise refuse(415, f"the body is encoded as {call.headers['content-encoding'][:50]!r}", "send it as it is")
    kind = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in ("", "application/json") or kind.endswith("+json") or (binary and kind == "application/octet-stream"):
        return
    raise refuse(415, f"the body is {kind[:50]!r}", "send JSON, with the header content-type: application/json")


def _wrong_method(call: Call, allowed: list[str]) -> RefusedError:
    names = ", ".join([*allowed, "HEAD"] if "GET" in allowed else allowed)
    error = ShipwayError("SW-802", f"{call.path[:200]} does not answer {call.method}", f"use {names}")
    return RefusedError(405, error, [("allow", names)])


def _say(call: Call, value: Any) -> None:
    call.answer(200, _ENCODE(value))


def _say_no(call: Call, refusal: RefusedError) -> None:
    call.answer(refusal.status, write_refusal(refusal.error), headers=refusal.headers)
