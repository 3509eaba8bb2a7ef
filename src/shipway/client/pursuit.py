"""What a client does until it has an answer: whom it asks, when it asks again, and when it gives up.

Everything here is decided and nothing is done: a pursuit is a generator of attempts and pauses, and whoever drives it
sends back what became of them. So the client that blocks and the one that awaits decide alike.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Final, TypeAlias

from shipway.client.endpoint import Endpoint, Endpoints
from shipway.client.policy import Budget, Latencies, Policy
from shipway.client.wire import Reply
from shipway.core.error import ShipwayError

_PAST_LIMIT: Final = (429, 503)
"""A server that says so has not begun to answer; asking it again does no harm."""
_LOST: Final = (502,)
"""Something between says that it lost the answer."""


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """What is asked.

    Attributes:
        method: of HTTP.
        path: below the endpoint, as it is sent.
        body: the content.
        kind: its media type; empty where there is none.
        headers: further header lines, each ended.
        repeats: whether asking twice does no more than asking once.
        patient: whether it is asked again where the server has no room.
    """

    method: str
    path: str
    body: bytes = b""
    kind: str = ""
    headers: bytes = b""
    repeats: bool = True
    patient: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Fault:
    """An attempt without an answer.

    Attributes:
        endpoint: who was asked.
        said: what happened, as a clause.
        sent: whether the server may have the question.
        late: whether it is the caller's time that was over.
        stale: whether it was a kept connection that the server had closed, so that it tells nothing of its health.
    """

    endpoint: Endpoint
    said: str
    sent: bool
    late: bool = False
    stale: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Attempt:
    """Ask a server.

    Attributes:
        endpoint: whom.
        deadline: until when, by the stopwatch.
        hedge_s: after how many seconds without an answer to ask `other`; None for never.
        other: returns whom to ask as well, None where that may not be; asking it spends of the budget.
        fresh: whether to ask on a new connection, whatever is kept.
    """

    endpoint: Endpoint
    deadline: float
    hedge_s: float | None
    other: Callable[[], Endpoint | None]
    fresh: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Pause:
    """Wait."""

    seconds: float


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """An answer, who gave it, and how long it took from the attempt's beginning."""

    endpoint: Endpoint
    reply: Reply
    seconds: float


Step: TypeAlias = Attempt | Pause
Outcome: TypeAlias = Answered | Fault | None
"""What became of an attempt; None of a pause."""


@dataclass(frozen=True, slots=True, eq=False)
class Shared:
    """What all calls of a client have in common.

    Attributes:
        policy: how patient it is.
        endpoints: whom it asks.
        retries: what may be spent on asking again.
        hedges: what may be spent on asking two at once.
        latencies: of the latest answers.
        now: the stopwatch, seconds.
        draw: draws a number evenly from [0, 1).
    """

    policy: Policy
    endpoints: Endpoints
    retries: Budget
    hedges: Budget
    latencies: Latencies
    now: Callable[[], float]
    draw: Callable[[], float]


def pursue(question: Question, shared: Shared, timeout_s: float) -> Generator[Step, Outcome, Reply]:
    """Ask until there is an answer, and return it, whatever it says.

    Args:
        question: what is asked.
        shared: of the client.
        timeout_s: how long it may take in all.

    Raises:
        ShipwayError: SW-801 where there is none in time.
    """
    policy, deadline = shared.policy, shared.now() + timeout_s
    shared.retries.earn()
    shared.hedges.earn()
    endpoint = shared.endpoints.choose()
    attempt = 0
    while True:
        attempt += 1
        outcome = yield _make_attempt(question, shared, endpoint, deadline)
        if _was_idle(question, outcome) and policy.attempts > 1:
            # No attempt and no retry, RFC 9112 9.3.1: a server that was started anew has closed all that was kept, and
            # however much that is, none of it tells that the server has too much to do.
            outcome = yield _make_attempt(question, shared, endpoint, deadline, fresh=True)
        assert outcome is not None
        reply = outcome.reply if isinstance(outcome, Answered) else None
        following = None
        if _judge(question, shared, outcome) and attempt < policy.attempts:
            following = shared.endpoints.choose(but=outcome.endpoint)
            pause = _pause_s(shared, outcome, attempt + 1, same=following is outcome.endpoint)
            if shared.now() + pause >= deadline or not shared.retries.spend():
                following = None
            elif pause:
                yield Pause(pause)
        if following is None:
            if reply is not None:
                return reply
            assert isinstance(outcome, Fault)
            raise _give_up(outcome, attempt, timeout_s)
        endpoint = following


def _make_attempt(
    question: Question, shared: Shared, endpoint: Endpoint, deadline: float, *, fresh: bool = False
) -> Attempt:
    hedge = shared.policy.hedge
    after = shared.latencies.p95_s if hedge == "p95" else hedge
    if after is not None and (not question.repeats or shared.now() + after >= deadline):
        after = None

    def other() -> Endpoint | None:
        return shared.endpoints.choose(but=endpoint) if shared.hedges.spend() else None

    return Attempt(endpoint, deadline, after, other, fresh)


def _was_idle(question: Question, outcome: Outcome) -> bool:
    """Tell whether only a kept connection failed, of a question that may be asked once more."""
    return isinstance(outcome, Fault) and outcome.stale and (question.repeats or not outcome.sent)


def _judge(question: Question, shared: Shared, outcome: Answered | Fault) -> bool:
    """Tell whether a question may be asked again, and note what its outcome tells of the server."""
    match outcome:
        case Answered():
            status = outcome.reply.status
            lost, full = status in _LOST, status in _PAST_LIMIT
            if not lost and not full:
                shared.latencies.add(outcome.seconds)
            # One that is full is healthy, and the next call may as well go elsewhere first.
            shared.endpoints.note(outcome.endpoint, fine=not lost and status != 503)
            return (full and question.patient) or (lost and question.repeats)
        case Fault():
            if not outcome.stale:
                shared.endpoints.note(outcome.endpoint, fine=False)
            return not outcome.late and (question.repeats or not outcome.sent)


def _pause_s(shared: Shared, outcome: Answered | Fault, attempt: int, *, same: bool) -> float:
    """Return how long to pause: as long as a server asks for that is asked again, and what is drawn on top of it."""
    if isinstance(outcome, Fault):
        return 0.0 if outcome.stale else shared.policy.pause_s(attempt, shared.draw())
    said = outcome.reply.header("retry-after") if same else None
    asked = float(said) if said is not None and said.isascii() and said.isdecimal() else 0.0
    return asked + shared.policy.pause_s(attempt, shared.draw())


def _give_up(fault: Fault, attempts: int, timeout_s: float) -> ShipwayError:
    times = "" if attempts == 1 else f", asked {attempts} times"
    if fault.late:
        fact = f"no answer from {fault.endpoint.authority} within {timeout_s:g} s{times}"
        return ShipwayError("SW-801", fact, "give it more time with timeout_s, or see whether the server keeps up")
    fact = f"no answer from {fault.endpoint.authority} ({fault.said}){times}"
    return ShipwayError("SW-801", fact, "see whether the server runs: shipway serve")
