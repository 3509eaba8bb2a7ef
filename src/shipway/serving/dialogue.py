"""The paths below `/v2`: what callers of the Open Inference Protocol ask, and who at the desk answers it."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import msgspec

from shipway.core.inference import IndexWanted, RepositoryChange
from shipway.serving.call import Call
from shipway.serving.desk import Desk, Inquiry, read_number, require_bundle
from shipway.serving.encoding import deflate, inflate
from shipway.serving.inference import read_question
from shipway.serving.meter import Counts
from shipway.serving.refusal import pass_on, refuse
from shipway.serving.request import read_body
from shipway.serving.response import Answers, Tasks, require_json, say
from shipway.serving.sent import INLINE_BYTES, INLINE_ROWS, MOST_BYTES
from shipway.serving.trace_setting import describe_traces, set_traces
from shipway.serving.tracer import Tracer, note_inquiry
from shipway.serving.version import Served

_INDEX: Final = msgspec.json.Decoder(IndexWanted)
_CHANGE: Final = msgspec.json.Decoder(RepositoryChange)
_TRACES: Final = msgspec.json.Decoder(dict[str, str | int | list[str] | None])
_ABSENT: Final = {
    "trace": "requests are not traced, because the project says of no collector",
    "logging": "the server's log is not set over this protocol",
    "systemsharedmemory": "no memory is shared with callers",
    "cudasharedmemory": "no memory is shared with callers",
}
"""Extensions that clients know and this server does not have, and what it says to them."""


class Dialogue:
    """Answers calls below `/v2`."""

    def __init__(
        self,
        desk: Desk,
        counts: Counts,
        tasks: Tasks,
        take: Callable[[Call, Served], None],
        *,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        """Keep what answers.

        Args:
            desk: knows the models.
            counts: rows predicted since the start.
            tasks: takes what is answered later.
            take: takes what a service is asked whose model does not say one number a row.
            most_bytes: what a compressed body may become.
        """
        self._take = take
        self._desk = desk
        self._counts = counts
        self._tasks = tasks
        self._most_bytes = most_bytes
        self._tracer: Tracer | None = None

    def list_answers(self, parts: list[str]) -> Answers | None:
        """Return what answers a path by method; None where there is no such path.

        Args:
            parts: of the path, below `/v2`.

        Raises:
            RefusedError: 404 for a version that is no number, 501 for an extension that this server does not have.
        """
        desk = self._desk
        match parts:
            case []:
                return {"GET": lambda call: say(call, desk.describe_server(traces=self._tracer is not None))}
            case ["health", "live"]:
                return {"GET": lambda call: say(call, {"live": True})}
            case ["health", "ready"]:
                return {"GET": self._tell_ready}
            case ["models", "stats"]:
                return {"GET": lambda call: say(call, desk.list_statistics())}
            case ["repository", "index"]:
                return {"POST": self._list_index}
            case ["repository", "models", name, "load"]:
                return {"POST": lambda call: self._load(call, name)}
            case ["repository", "models", name, "unload"]:
                return {"POST": lambda call: self._unload(call, name)}
            case ["models", name, "trace", "setting"]:
                return self._list_trace_answers(name)
            case ["trace", "setting"]:
                return self._list_trace_answers("")
            case ["logging"]:
                return _lack("logging", "GET", "POST")
            case ["systemsharedmemory" | "cudasharedmemory" as kind, *rest]:
                match rest:
                    case ["status"] | ["region", _, "status"]:
                        return _lack(kind, "GET")
                    case ["unregister"] | ["region", _, "register" | "unregister"]:
                        return _lack(kind, "POST")
                    case _:
                        return None
            case ["models", name, "versions", text, *rest]:
                return self._list_model_answers(name, text, rest)
            case ["models", name, *rest]:
                return self._list_model_answers(name, "", rest)
            case _:
                return None

    def trace(self, tracer: Tracer) -> None:
        """Let callers read and set what is traced."""
        self._tracer = tracer

    def _list_trace_answers(self, name: str) -> Answers:
        tracer = self._tracer
        if tracer is None:
            return _lack("trace", "GET", "POST")
        if name:
            self._desk.find(name, None)

        def set_them(call: Call) -> None:
            set_traces(tracer, _read(call, _TRACES, {}, '{"trace_rate": "100"}'), name)
            say(call, describe_traces(tracer, name))

        return {"GET": lambda call: say(call, describe_traces(tracer, name)), "POST": set_them}

    def _list_model_answers(self, name: str, text: str, rest: list[str]) -> Answers | None:
        desk = self._desk
        match rest:
            case []:
                return {"GET": lambda call: say(call, desk.describe_model(name, read_number(text, name)))}
            case ["ready"]:
                return {"GET": lambda call: self._tell_model_ready(call, name, read_number(text, name))}
            case ["config"]:
                return {"GET": lambda call: say(call, desk.describe_config(name, read_number(text, name)))}
            case ["stats"]:
                return {"GET": lambda call: say(call, desk.list_statistics(name, read_number(text, name)))}
            case ["infer"]:
                return {"POST": lambda call: self._infer(call, name, read_number(text, name))}
            case _:
                return None

    def _infer(self, call: Call, name: str, number: int | None) -> None:
        headers = call.headers
        served = self._desk.find_service(name) if number is None else None
        if served is not None:
            self._take(call, served)
            return
        require_json(call, binary=True, encoded=True)

        def ask() -> Inquiry:
            body = inflate(call.body, headers.get("content-encoding", ""), self._most_bytes)
            return self._desk.ask(name, number, lambda bundle: read_question(body, headers, bundle))

        def predict(inquiry: Inquiry) -> tuple[bytes, list[tuple[str, str]]]:
            try:
                return inquiry.answer()
            finally:
                note_inquiry(call, inquiry)

        async def answer_later(inquiry: Inquiry | None) -> None:
            if inquiry is None:
                inquiry = await asyncio.to_thread(ask)
            self._answer(call, inquiry, *await asyncio.to_thread(predict, inquiry))

        if len(call.body) > INLINE_BYTES:
            # What is not served is said before a large body is read.
            require_bundle(self._desk.find(name, number))
            self._tasks.start(call, answer_later(None))
            return
        inquiry = ask()
        if inquiry.question.rows <= INLINE_ROWS:
            self._answer(call, inquiry, *predict(inquiry))
        else:
            self._tasks.start(call, answer_later(inquiry))

    def _answer(self, call: Call, inquiry: Inquiry, body: bytes, headers: list[tuple[str, str]]) -> None:
        self._counts.inferred += inquiry.question.rows
        kind = "application/octet-stream" if headers else "application/json"
        body, more = deflate(body, call.headers.get("accept-encoding", ""))
        call.answer(200, body, kind=kind, headers=[*headers, *more])

    def _tell_ready(self, call: Call) -> None:
        fault = self._desk.find_fault()
        if fault is not None:
            raise pass_on(fault)
        say(call, {"ready": True})

    def _tell_model_ready(self, call: Call, name: str, number: int | None) -> None:
        require_bundle(self._desk.find(name, number))
        say(call, {"name": name, "ready": True})

    def _list_index(self, call: Call) -> None:
        wanted = _read(call, _INDEX, IndexWanted(), '{"ready": true}')
        say(call, self._desk.list_index(ready=wanted.ready))

    def _load(self, call: Call, name: str) -> None:
        change = _read(call, _CHANGE, RepositoryChange(), '{"parameters": {}}')

        async def load() -> None:
            await self._desk.load(name, change.parameters)
            say(call, {})

        self._tasks.start(call, load())

    def _unload(self, call: Call, name: str) -> None:
        _read(call, _CHANGE, RepositoryChange(), '{"parameters": {}}')
        self._desk.unload(name)
        say(call, {})


def _read(call: Call, decoder: Any, empty: Any, example: str) -> Any:
    """Return what a body says; one that is empty says nothing."""
    if not call.body:
        return empty
    require_json(call, binary=True)
    return read_body(call.body, decoder, example)


def _lack(extension: str, *methods: str) -> Answers:
    """Return what answers calls to an extension that this server does not have."""

    def refuse_it(call: Call) -> None:
        raise refuse(501, f"{call.path[:200]} is not there: {_ABSENT[extension]}", "go on without it")

    answer: Callable[[Call], None] = refuse_it
    return dict.fromkeys(methods, answer)
