"""The prediction process as a replay sees it: a child with an address that is asked over HTTP."""

import time
from pathlib import Path
from typing import Any, Final

import msgspec

from shipway.adapters.http.client import Answer, HttpClient
from shipway.app.replay.process import Child
from shipway.core.error import ShipwayError
from shipway.core.service import Routing
from shipway.ports.adapter import load_adapter
from shipway.ports.traffic import Traffic

ADDRESS: Final = "serving/server.json"
CONNECTIONS: Final = 8
START_S: Final = 60.0
"""How long a server may take until it answers."""
MOST_BYTES: Final = 500
"""How much is quoted of an answer that is not in our words."""
_POLL_S: Final = 0.01
_OK: Final = 200


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where a server listens, and which process it is."""

    pid: int
    port: int
    url: str


class Server:
    """A child that answers requests, started again as often as it dies.

    Attributes:
        child: the process.
    """

    def __init__(self, child: Child, state: Path) -> None:
        """Name the process; it is not started yet.

        Args:
            child: the process.
            state: the project's folder of state, in which it says at which address it listens.
        """
        self.child = child
        self._address = state / ADDRESS
        self._traffic: Traffic = load_adapter("traffic.http")(state)
        self._port = 0

    def start(self) -> None:
        """Start it and wait until it answers; SW-805 as `await_answer`."""
        self.child.start()
        self.await_answer()

    def restart(self) -> None:
        """End it if it still runs, start it again and wait until it answers; SW-805 as `await_answer`."""
        self.child.restart()
        self.await_answer()

    def await_answer(self) -> None:
        """Wait until it answers, starting it again where it has died.

        Raises:
            ShipwayError: SW-805 if it does not live, or lives and does not answer.
        """
        until = time.monotonic() + START_S
        said = "it has not said where it listens"
        while True:
            if not self.child.alive:
                self.child.restart()
                until = time.monotonic() + START_S
            found = self._read_address()
            if found is not None and found.pid == self.child.pid:
                self._port = found.port
                answer = self._ask()
                if answer is not None and answer.status == _OK:
                    return
                said = "it does not answer" if answer is None else write_words(answer)
            if time.monotonic() > until:
                raise ShipwayError(
                    "SW-805",
                    f"the server does not answer after {START_S:g} s: {said}",
                    f"what it printed is in {self.child.said}; mend that, then run the same command again: it goes on",
                )
            time.sleep(_POLL_S)

    def connect(self, connections: int = CONNECTIONS) -> HttpClient:
        """Return a client of it; SW-801 if it does not answer."""
        return HttpClient("127.0.0.1", self._port, connections=connections)

    def routing(self, service: str) -> Routing | None:
        """Return how it shares a service's requests, None where it knows of no such service.

        It is asked while nothing is open, and started again where it has died. SW-805 as `await_answer`.
        """
        while True:
            try:
                return self._traffic.current(service)
            except ShipwayError as error:
                if error.code != "SW-801":
                    raise
                self.restart()

    def watch_shadows(self, client: HttpClient) -> "Shadows":
        """Return what waits for the predictions that no caller waits for; none may be open now."""
        return Shadows(read_counts(client))

    def _ask(self) -> Answer | None:
        try:
            client = self.connect(1)
            try:
                return client.exchange([client.prepare("GET", "/v2/health/live")])[0]
            finally:
                client.close()
        except ShipwayError:
            return None

    def _read_address(self) -> Address | None:
        try:
            return msgspec.json.decode(self._address.read_bytes(), type=Address)
        except (OSError, msgspec.MsgspecError):
            return None


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What a server counts: requests that a version answered or failed on, and what became of their shadows."""

    answered: int
    failed: int
    shadowed: int
    shadow_dropped: int
    shadow_spared: int = 0

    @property
    def open(self) -> int:
        """Return how many more requests were answered than have their shadow."""
        return self.answered + self.failed - self.shadowed - self.shadow_dropped - self.shadow_spared


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a server's status that is read here."""

    counts: Counts


class Shadows:
    """Waits for predictions in shadow, where a store must not move on before they have read it."""

    def __init__(self, before: Counts) -> None:
        """Begin while none is open, whatever was answered without one before."""
        self._before = before

    def wait(self, client: HttpClient) -> None:
        """Wait until every request answered since has its shadow; SW-801 if the server went away."""
        while read_counts(client).open > self._before.open:
            pass


def read_counts(client: HttpClient) -> Counts:
    """Return what a server counts of itself; SW-801 if it went away."""
    answer = client.exchange([client.prepare("GET", "/v1/status")])[0]
    return msgspec.json.decode(answer.body, type=Status).counts


def write_words(answer: Answer) -> str:
    """Return what a server said, in its own words."""
    try:
        body: dict[str, Any] = msgspec.json.decode(answer.body, type=dict[str, Any])
    except msgspec.MsgspecError:
        body = {}
    said = "; ".join(str(body[name]) for name in ("fact", "hint") if body.get(name))
    words = f"{body.get('code', '')} {said}" if said else answer.body[:MOST_BYTES].decode("utf-8", "replace")
    return f"status {answer.status}, {words.strip() or 'without a word'}"
