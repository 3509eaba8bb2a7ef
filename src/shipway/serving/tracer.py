"""The tracer: which requests are recorded, and who is told of the marks of those that are.

A request that is not traced is asked one question and goes on as it came. One that is goes on as a call of the same
kind, which notes when it was answered; those that read features and predict tell here when they did.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from random import getrandbits
from time import perf_counter_ns
from typing import Final, Protocol

from shipway.core.error import ShipwayError
from shipway.core.span import Attribute
from shipway.serving.admission import name_asked
from shipway.serving.ask import Ask
from shipway.serving.call import Call
from shipway.serving.desk import Inquiry
from shipway.serving.heard import Heard
from shipway.serving.outcome import Outcome
from shipway.serving.parent import Parent, read_baggage, read_parent
from shipway.serving.sampling import Sampling
from shipway.serving.sent import INLINE_ROWS
from shipway.serving.shadow import Group
from shipway.serving.trace import PREDICT, READ, SHADOW, WAIT, Aside, Part, Trace, Traced, make_span_id
from shipway.serving.version import Outcomes, Served, Version, find_error

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

    def note_read(self, group: Sequence[Ask], online: str, began_ns: int) -> None:
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

        find = partial(find_error, outcomes.errors)
        self._note(group.served, group.version, group.asks, (began_ns, group.predicted_ns), find_taken, find)

    def note_outcome(self, heard: Heard, began_ns: int) -> None:
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
        error = find_error(outcomes.errors, 0, group.rows)
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


def _write_error(error: ShipwayError | None) -> str | None:
    return None if error is None else f"{error.code} {error.fact}"
