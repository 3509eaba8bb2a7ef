"""Admission: which requests are taken, before anything of them is read but their path and headers.

A server that takes everything answers nothing in time: what it was asked waits behind what nobody waits for any more.
So no more requests wait at once than are answered within a time, by what they cost lately. Those beyond are refused: by
the web server unread where all of them are (`full`), otherwise here, before their JSON is parsed. 429 says that this
model or this caller has too many in flight, 503 that the server has; both say when to try again. 504 says that the time
the caller gives is over.
"""

from collections.abc import Callable
from time import perf_counter_ns
from typing import Final
from urllib.parse import unquote

from shipway.core.error import ShipwayError
from shipway.serving.call import Call
from shipway.serving.key import OPEN, Key, Keys, require
from shipway.serving.meter import Counts
from shipway.serving.refusal import LATE, RefusedError, refuse, write_refusal

TIMEOUT: Final = "request-timeout"
"""Header that says how many milliseconds the caller waits."""
RETRY_S: Final = 1
"""After how many seconds a refused caller may try again."""
_READY: Final = "/v2/health/ready"
_KNOWN: Final = 1_024
"""Paths remembered; a caller that makes up more of them only makes the server parse paths anew."""
_LONGEST_MS: Final = 86_400_000
_LEAST: Final = 16
"""Requests that may wait whatever they cost."""
_WINDOW: Final = 256
"""Answers after which it is found out anew what one costs, if the server is not idle before."""
_KEEP: Final = 0.9
"""Share of what was found out before in what an answer is taken to cost."""
_FULL: Final = ShipwayError("SW-801", "the server has as much to answer as it takes", "try again later")
_STOPPING: Final = ShipwayError("SW-801", "the server is about to stop", "ask another one")


class Gate:
    """What one model, or one caller, has in flight.

    Attributes:
        name: whose.
        most: how many requests may be open; 0 for no bound.
        open: how many are.
        leave: notes that one was answered.
    """

    __slots__ = ("leave", "most", "name", "open")

    def __init__(self, name: str, most: int, left: Callable[[], None] | None = None) -> None:
        """Start with none.

        Args:
            name: whose.
            most: how many may be open.
            left: is called after each.
        """
        self.name = name
        self.most = most
        self.open = 0

        def leave() -> None:
            self.open -= 1
            if left is not None:
                left()

        self.leave: Final = leave


class Admission:
    """Stands before what answers; `handle` is what a web server is given, and the whole is its door."""

    unread: Final = (b"POST /v1/predict/", b"POST /v1/features/", b"POST /v2/models/")
    refusal: Final = write_refusal(_FULL)
    retry_s: Final = RETRY_S

    def __init__(
        self,
        answer: Callable[[Call], None],
        counts: Counts,
        *,
        queue: int = 4_096,
        wait_ms: int = 100,
        per_model: int = 0,
        timeout_ms: int = 0,
        keys: Keys | None = None,
    ) -> None:
        """Keep what answers.

        Args:
            answer: answers what is taken.
            counts: is told of what is not.
            queue: requests that may wait at a time, however cheap they are.
            wait_ms: for how long one may be expected to wait; 0 for any time.
            per_model: those of one model or service; 0 for no bound of its own.
            timeout_ms: how long a caller waits that does not say so; 0 for ever.
            keys: who may ask; None for everybody.
        """
        self._answer = answer
        self._counts = counts
        self._queue = self._room = queue
        self._wait_ns = wait_ms * 1_000_000
        self._per_model = per_model
        self._timeout_ns = timeout_ms * 1_000_000
        self._keys = keys
        self._paths: dict[str, tuple[str | None, Gate | None]] = {}
        self._gates: dict[str, Gate] = {}
        self._callers: dict[str, Gate] = {}
        self._open = 0
        self._since_ns = 0
        self._left = 0
        self._busy_ns = self._answers = 0.0
        self.stopping = False

    @property
    def full(self) -> bool:
        """Tell whether no more requests are taken for now."""
        return self._open >= self._room

    @property
    def open(self) -> int:
        """Return how many requests wait."""
        return self._open

    def count_unread(self, requests: int) -> None:
        """Take note of requests that the web server refused unread."""
        self._counts.shed += requests

    def handle(self, call: Call) -> None:
        """Answer a call, or refuse it."""
        path = call.path
        asked = self._paths.get(path) or self._learn(path)
        try:
            caller = self._identify(call, asked[0]) if self._keys is not None else None
            if asked[1] is not None:
                self._admit(call, asked[1], caller)
            elif path == _READY and self.stopping:
                raise RefusedError(503, _STOPPING)
        except RefusedError as refusal:
            call.answer(refusal.status, write_refusal(refusal.error), headers=refusal.headers)
            return
        self._answer(call)

    def _admit(self, call: Call, gate: Gate, caller: Gate | None) -> None:
        """Take a request, or refuse it.

        Raises:
            RefusedError: 503 if the server is full, 429 if the model or the caller has too many in flight, 504 if its
                time is over, 400 if it states none.
        """
        if self._open >= self._room:
            self._counts.shed += 1
            raise RefusedError(503, _FULL, [("retry-after", str(RETRY_S))])
        if gate.most or caller is not None:
            self._limit(gate, caller)
        timeout_ns = self._timeout_ns
        said = call.headers.get(TIMEOUT)
        if said is not None:
            timeout_ns = _read_timeout(said)
        if timeout_ns and not call.deadline_ns:
            call.deadline_ns = call.received_ns + timeout_ns
        if call.deadline_ns and call.deadline_ns <= perf_counter_ns():
            self._counts.late += 1
            raise RefusedError(504, LATE)
        if not self._open:
            self._since_ns, self._left = call.received_ns, 0
        self._open += 1
        gate.open += 1
        if caller is None:
            call.then = gate.leave
            return
        caller.open += 1

        def leave() -> None:
            caller.open -= 1
            gate.leave()

        call.then = leave

    def _limit(self, gate: Gate, caller: Gate | None) -> None:
        """Refuse with 429 what a model or a caller has too much of in flight."""
        for bound in (gate, caller):
            if bound is not None and bound.most and bound.open >= bound.most:
                self._counts.limited += 1
                error = ShipwayError("SW-801", f"{bound.name} has {bound.open} requests in flight", "try again later")
                raise RefusedError(429, error, [("retry-after", str(RETRY_S))])

    def _leave(self) -> None:
        """Note that a request was answered, and from time to time what that cost and how many more may wait."""
        self._open -= 1
        self._left += 1
        if self._open and self._left < _WINDOW:
            return
        now = perf_counter_ns()
        # Answers of one batch come at one instant: so times and answers are added up, and divided only then.
        self._busy_ns = _KEEP * self._busy_ns + now - self._since_ns
        self._answers = _KEEP * self._answers + self._left
        self._since_ns, self._left = now, 0
        if self._wait_ns:
            self._room = min(self._queue, max(_LEAST, int(self._wait_ns * self._answers / (self._busy_ns + 1))))

    def _identify(self, call: Call, service: str | None) -> Gate | None:
        """Return what the caller has in flight; None for what needs no key."""
        if call.path.startswith(OPEN) or call.trusted:
            return None
        assert self._keys is not None
        try:
            found: tuple[str, Key] = self._keys.identify(call.headers)
            require(found, service)
        except RefusedError:
            self._counts.denied += 1
            raise
        name, key = found
        gate = self._callers.get(name)
        if gate is None:
            gate = self._callers[name] = Gate(f"the caller {name!r}", key.in_flight)
        gate.most = key.in_flight
        return gate

    def _learn(self, path: str) -> tuple[str | None, Gate | None]:
        """Return which service or model a path asks, and what that has in flight if it asks it to predict."""
        name, predicts = name_asked(path)
        gate = None
        if predicts and name is not None:
            gate = self._gates.get(name)
            if gate is None:
                gate = Gate(f"{name[:100]!r}", self._per_model, self._leave)
                self._gates[name] = gate
        if len(self._paths) >= _KNOWN:
            self._paths.clear()
            self._gates = {known: kept for known, kept in self._gates.items() if kept.open}
            if gate is not None and name is not None:
                self._gates[name] = gate
        asked = self._paths[path] = name, gate
        return asked


def name_asked(path: str) -> tuple[str | None, bool]:
    """Return the service, model or set of features that a path asks, and whether it asks it to compute something.

    Args:
        path: as it was sent.
    """
    match [unquote(part) for part in path.split("/")[1:]]:
        case ["v1", "predict" | "features", name]:
            return name, True
        case ["v2", "models", _, "trace", "setting"]:
            return None, False
        case ["v2", "models", name, *rest]:
            return name, rest[-1:] == ["infer"]
        case _:
            return None, False


def _read_timeout(said: str) -> int:
    """Return what the header says, in nanoseconds."""
    if not said.isascii() or not said.isdecimal() or not 0 < int(said[:12]) <= _LONGEST_MS:
        raise refuse(400, f"{TIMEOUT} is {said[:30]!r}", "send whole milliseconds, from 1 to a day")
    return int(said) * 1_000_000
