"""Traces: which requests are recorded, and when what was done for each of them.

A request that is not traced is asked one question and goes on as it came. One that is goes on as a call of the same
kind, which notes when it was answered; those that read features and predict note when they did, by the stopwatch. Spans
are made of these marks later, in a thread of their own (`span.py`, `exporter.py`): nobody waits for them.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import getrandbits
from time import perf_counter_ns
from typing import Any, Final, Protocol

from shipway.core.error import ShipwayError
from shipway.core.span import Attribute, Link
from shipway.serving.admission import name_asked
from shipway.serving.ask import Ask
from shipway.serving.call import Call
from shipway.serving.desk import Inquiry
from shipway.serving.outcome import Outcome, Run
from shipway.serving.parent import Parent, read_baggage, read_parent
from shipway.serving.sampling import Sampling
from shipway.serving.sent import INLINE_ROWS
from shipway.serving.shadow import Group
from shipway.serving.version import Outcomes, Served, Version

WAIT: Final = "shipway.wait"
READ: Final = "shipway.read"
PREDICT: Final = "shipway.predict"
SHADOW: Final = "shipway.shadow"
_PROBES: Final = ("/v2/health/", "/metrics")
"""What is asked all the time by those that watch the server; it begins no trace."""
_MOST_LINKS: Final = 128
_WHOLE: Final = 1 << 64


class Rpc(Call, Protocol):
    """A call that came over gRPC.

    Attributes:
        rpc: the full name of the method, such as `package.Service/Method`.
    """

    rpc: str


@dataclass(slots=True, kw_only=True)
class Share:
    """How many requests are traced.

    Attributes:
        on: whether any is.
        share: of those whose caller says nothing of it.
        left: how many more; None for all that there are.
    """

    on: bool = True
    share: float
    left: int | None = None

    @property
    def bound(self) -> int:
        """Return what the last eight bytes of a trace's id have to be below."""
        return round(self.share * _WHOLE) if self.on and self.left != 0 else 0


@dataclass(frozen=True, slots=True)
class Part:
    """What took time.

    Attributes:
        name: what was done.
        began_ns: when, by `time.perf_counter_ns`.
        ended_ns: until when.
        attributes: what is known of it.
        error: why it failed; None if it did not.
    """

    name: str
    began_ns: int
    ended_ns: int
    attributes: dict[str, Attribute]
    error: str | None = None


@dataclass(slots=True, eq=False)
class Trace:
    """What was noted of one request.

    Attributes:
        id: of the trace, 16 bytes.
        span: id of the span of the request.
        parent: where the request was sent from; None where nobody says.
        method: of HTTP.
        path: that was asked.
        rpc: the full name of the method, where it was asked over gRPC.
        headers: by name in lower case.
        received_ns: when the request was whole, by `time.perf_counter_ns`.
        received_bytes: size of its body.
        attributes: what is known of it.
        parts: what took time.
        answered_ns: when it was answered.
        status: of the answer.
        answered_bytes: size of its body.
        said: the body of a refusal.
        more: headers of the answer.
    """

    id: bytes
    span: bytes
    parent: Parent | None
    method: str
    path: str
    rpc: str
    headers: Mapping[str, str]
    received_ns: int
    received_bytes: int
    attributes: dict[str, Attribute]
    parts: list[Part] = field(default_factory=list[Part])
    answered_ns: int = 0
    status: int = 0
    answered_bytes: int = 0
    said: bytes = b""
    more: Sequence[tuple[str, str]] = ()

    @property
    def link(self) -> Link:
        """Return what others point to it with."""
        return Link(self.id, self.span, "" if self.parent is None else self.parent.state)

    @property
    def count(self) -> int:
        """Return how many spans it makes."""
        return 1 + len(self.parts)


@dataclass(frozen=True, slots=True, eq=False)
class Aside:
    """What was done for several requests when they had been answered; it is a trace of its own.

    Attributes:
        part: what.
        links: the requests, those that are traced.
    """

    part: Part
    links: tuple[Link, ...]

    @property
    def count(self) -> int:
        """Return how many spans it makes."""
        return 1


class Traced:
    """A call that is traced; it stands in the place of the one that came."""

    __slots__ = (
        "_call",
        "_tell",
        "body",
        "deadline_ns",
        "headers",
        "method",
        "path",
        "received_ns",
        "then",
        "trace",
    )

    def __init__(self, call: Call, trace: Trace, tell: Callable[[Trace], None]) -> None:
        """Stand in for a call.

        Args:
            call: that came.
            trace: takes what is noted.
            tell: is given the trace when the call was answered.
        """
        self.method = call.method
        self.path = call.path
        self.headers = call.headers
        self.body = call.body
        self.received_ns = call.received_ns
        self.deadline_ns = call.deadline_ns
        self.then: Callable[[], None] | None = None
        self.trace = trace
        self._call = call
        self._tell = tell

    @property
    def trusted(self) -> bool:
        """Tell whether the call came over a way that only this user can take, and needs no key."""
        return self._call.trusted

    @property
    def answered(self) -> bool:
        """Tell whether the answer was given."""
        return self._call.answered

    @property
    def known(self) -> Any:
        """Return what was worked out of the head; None where nothing was."""
        return self._call.known

    @known.setter
    def known(self, known: Any) -> None:
        self._call.known = known

    def answer(
        self, status: int, body: bytes, *, kind: str = "application/json", headers: Sequence[tuple[str, str]] = ()
    ) -> None:
        """Answer as the call does, and note it."""
        self._call.answer(status, body, kind=kind, headers=headers)
        then, self.then = self.then, None
        if then is not None:
            then()
        trace = self.trace
        if trace.status:
            return
        trace.status, trace.answered_bytes, trace.more = status, len(body), headers
        trace.answered_ns = perf_counter_ns()
        if status >= 400:
            trace.said = body
        self._tell(trace)


class Tracer:
    """Decides which requests are traced, and takes the marks of those that are.

    Attributes:
        open: how many traces are not closed; while there are none, no mark is of use.
        first: how many were traced when the server started.
    """

    def __init__(
        self, answer: Callable[[Call], None], sampling: Sampling, put: Callable[[Trace | Aside], None]
    ) -> None:
        """Stand before what answers.

        Args:
            answer: is given each call.
            sampling: which are traced.
            put: takes what was noted; it does not wait.
        """
        self._answer = answer
        self._sampling = sampling
        self._put = put
        self.open = 0
        self.first = Share(share=sampling.share)
        self._shares = {"": self.first}
        self._bound = self.first.bound

    def find_share(self, name: str) -> Share:
        """Return how many requests to a model or a service are traced; of all others where the name is empty."""
        return self._shares.get(name) or self._shares[""]

    def set_share(self, name: str, share: Share | None) -> None:
        """Trace so many requests from now on.

        Args:
            name: of a model or a service; empty for all that have no share of their own.
            share: how many; None for as many as of all others.
        """
        if share is None:
            self._shares.pop(name, None)
        else:
            self._shares[name] = share
        # No more than this is asked of a request that goes on untraced.
        self._bound = max(each.bound for each in self._shares.values())

    def handle(self, call: Call) -> None:
        """Answer a call, and trace it if it is to be."""
        # As OpenTelemetry's sampler does it: the last eight bytes of a trace's id say whether it is sampled.
        low = getrandbits(64)
        if "traceparent" not in call.headers and low >= self._bound:
            self._answer(call)
        else:
            self._decide(call, "", low)

    def handle_rpc(self, call: Rpc) -> None:
        """Answer a call that came over gRPC, and trace it if it is to be."""
        self._decide(call, call.rpc, getrandbits(64))

    def _decide(self, call: Call, rpc: str, low: int) -> None:
        sampling, headers = self._sampling, call.headers
        parent = None
        if sampling.reads_parents and "traceparent" in headers:
            parent = read_parent(headers["traceparent"], headers.get("tracestate", ""))
        if parent is not None:
            low = int.from_bytes(parent.trace[8:], "big")
        share = self._shares[""]
        if len(self._shares) > 1:
            share = self.find_share(name_asked(call.path)[0] or "")
        if not share.on or share.left == 0:
            sampled = False
        elif parent is not None and sampling.follows:
            sampled = parent.sampled
        else:
            sampled = low < share.bound and not call.path.startswith(_PROBES)
        if not sampled:
            self._answer(call)
            return
        if share.left is not None:
            share.left -= 1
        self._trace(call, rpc, parent, low)

    def _trace(self, call: Call, rpc: str, parent: Parent | None, low: int) -> None:
        trace = Trace(
            parent.trace if parent is not None else ((getrandbits(64) << 64 | low) or 1).to_bytes(16, "big"),
            make_span_id(),
            parent,
            call.method,
            call.path,
            rpc,
            call.headers,
            call.received_ns,
            len(call.body),
            {},
        )
        if self._sampling.baggage and "baggage" in call.headers:
            trace.attributes.update(read_baggage(call.headers["baggage"], self._sampling.baggage))
        self.open += 1
        self._answer(Traced(call, trace, self._close))

    def _close(self, trace: Trace) -> None:
        # What is answered in this turn of the loop is noted in this turn, and some of that after the answer.
        asyncio.get_running_loop().call_soon(self._hand_on, trace)

    def _hand_on(self, trace: Trace) -> None:
        self.open -= 1
        self._put(trace)

    # marks

    def note_read(self, group: Sequence["HasCall"], online: str, began_ns: int) -> None:
        """Note that the features of some requests were read together, and just now are there."""
        part = Part(READ, began_ns, perf_counter_ns(), {"shipway.online": online, "shipway.batch.rows": len(group)})
        for ask in group:
            if isinstance(ask.call, Traced):
                ask.call.trace.parts.append(part)

    def note_answers(self, group: Group, began_ns: int) -> None:
        """Note what a version answered together.

        Args:
            group: the requests.
            began_ns: when their batch began.
        """
        outcomes = group.outcomes

        def find_taken(first: int, last: int) -> int:
            return max(outcomes.latency_us[first:last], default=0) * 1_000

        def find_error(first: int, last: int) -> ShipwayError | None:
            return _find_error(outcomes, first, last)

        self._note(group.served, group.version, group.asks, (began_ns, group.predicted_ns), find_taken, find_error)

    def note_outcome(self, heard: "HasRun", began_ns: int) -> None:
        """Note what a version of any kind answered together.

        Args:
            heard: the requests, and what was said of them.
            began_ns: when their batch began.
        """
        outcome = heard.outcome
        marks = began_ns, outcome.predicted_ns

        def find_taken(first: int, last: int) -> int:  # noqa: ARG001
            return outcome.latency_us * 1_000

        self._note(heard.served, heard.version, heard.run.asks, marks, find_taken, outcome.find_error)

    def _note(
        self,
        served: Served,
        version: Version,
        asks: Sequence[Ask],
        marks: tuple[int, int],
        find_taken: Callable[[int, int], int],
        find_error: Callable[[int, int], ShipwayError | None],
    ) -> None:
        if not any(isinstance(ask.call, Traced) for ask in asks):
            return
        began_ns, predicted_ns = marks
        variant = "candidate" if version is served.candidate else "stable"
        whole = _describe(version, asks) | {"shipway.variant": variant, "shipway.role": "live"}
        first = 0
        for ask in asks:
            last = first + ask.rows
            if isinstance(ask.call, Traced):
                trace = ask.call.trace
                trace.attributes |= {
                    "shipway.service": served.routing.service,
                    "shipway.request": ask.request,
                    "shipway.rows": ask.rows,
                    "shipway.logged": ask.kept,
                    "shipway.unit": ask.unit,
                }
                taken_ns = find_taken(first, last)
                # What is predicted in a thread has waited until then, and other batches may have begun meanwhile.
                later = ask.rows > INLINE_ROWS or began_ns > predicted_ns - taken_ns
                trace.parts.append(Part(WAIT, ask.call.received_ns, predicted_ns - taken_ns if later else began_ns, {}))
                if taken_ns:
                    error = find_error(first, last)
                    trace.parts.append(Part(PREDICT, predicted_ns - taken_ns, predicted_ns, whole, _write_error(error)))
            first = last

    def note_shadow(self, group: Group, version: Version, outcomes: Outcomes, began_ns: int) -> None:
        """Note what another version just now said of requests that had been answered."""
        error = _find_error(outcomes, 0, group.rows)
        self._note_aside(group.served, version, group.asks, (began_ns, perf_counter_ns()), error)

    def note_echo(self, served: Served, version: Version, asks: Sequence[Ask], outcome: Outcome) -> None:
        """Note what another version of any kind said of requests that had been answered."""
        marks = outcome.predicted_ns - outcome.latency_us * 1_000, outcome.predicted_ns
        self._note_aside(served, version, asks, marks, outcome.find_error(0, outcome.rows))

    def _note_aside(
        self, served: Served, version: Version, asks: Sequence[Ask], marks: tuple[int, int], error: ShipwayError | None
    ) -> None:
        links = [ask.call.trace.link for ask in asks if isinstance(ask.call, Traced)]
        if not links:
            return
        attributes = _describe(version, asks) | {
            "shipway.service": served.routing.service,
            "shipway.variant": "stable" if version is served.stable else "candidate",
            "shipway.role": "shadow",
        }
        self._put(Aside(Part(SHADOW, *marks, attributes, _write_error(error)), tuple(links[:_MOST_LINKS])))


class HasRun(Protocol):
    """Requests that a version of any kind answered together."""

    @property
    def served(self) -> Served:
        """Return the routing that was in force."""
        ...

    @property
    def version(self) -> Version:
        """Return what answered."""
        ...

    @property
    def run(self) -> Run:
        """Return the requests."""
        ...

    @property
    def outcome(self) -> Outcome:
        """Return what it said of them."""
        ...


class HasCall(Protocol):
    """A request on its way."""

    @property
    def call(self) -> Call:
        """Return where the answer goes."""
        ...


def make_span_id() -> bytes:
    """Return a new id; those of 64 random bits are taken to be different."""
    return (getrandbits(64) or 1).to_bytes(8, "big")


def make_trace_id() -> bytes:
    """Return the id of a new trace."""
    return (getrandbits(128) or 1).to_bytes(16, "big")


def note_part(call: Call, part: Part, attributes: Mapping[str, Attribute]) -> None:
    """Note what took time in a call, if that is traced, and what is known of the call."""
    if isinstance(call, Traced):
        call.trace.parts.append(part)
        call.trace.attributes.update(attributes)


def note_inquiry(call: Call, inquiry: Inquiry) -> None:
    """Note what a version by its own name was asked, if that is traced; a prediction without an end has failed."""
    if not isinstance(call, Traced):
        return
    rows, version = inquiry.question.rows, inquiry.version
    trace, ended_ns = call.trace, inquiry.predicted_ns or perf_counter_ns()
    trace.attributes["shipway.rows"] = rows
    trace.parts.append(Part(WAIT, call.received_ns, inquiry.began_ns, {}))
    error = None if inquiry.predicted_ns else "SW-801 the prediction failed"
    attributes = {**_describe_version(version), "shipway.batch.rows": rows, **_count(1)}
    trace.parts.append(Part(PREDICT, inquiry.began_ns, ended_ns, attributes, error))


def _describe(version: Version, asks: Sequence[Ask]) -> dict[str, Attribute]:
    return {**_describe_version(version), "shipway.batch.rows": sum(ask.rows for ask in asks), **_count(len(asks))}


def _describe_version(version: Version) -> dict[str, Attribute]:
    variant = version.variant
    return {"shipway.model": version.model, "shipway.version": variant.version, "shipway.bundle": variant.bundle}


def _count(requests: int) -> dict[str, Attribute]:
    return {"shipway.batch.requests": requests}


def _find_error(outcomes: Outcomes, first: int, last: int) -> ShipwayError | None:
    if not outcomes.errors:
        return None
    return next((outcomes.errors[place] for place in range(first, last) if place in outcomes.errors), None)


def _write_error(error: ShipwayError | None) -> str | None:
    return None if error is None else f"{error.code} {error.fact}"
