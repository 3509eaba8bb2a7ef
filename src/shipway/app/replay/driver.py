"""The driver of a replay: it owns the domain clock, and moves it on when everything due is applied and answered."""

import os
import time
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Final

import msgspec

from shipway.adapters.http.client import Answer, HttpClient
from shipway.app.instant import write_instant
from shipway.app.progress import Event, Watch
from shipway.app.replay.clock import ReplayClock, Tally, read_reconciled, write_clock
from shipway.app.replay.history import History
from shipway.app.replay.memory import MemoryWatch
from shipway.app.replay.process import Child
from shipway.app.replay.report import ReplayReport, measure_latency
from shipway.app.replay.request import Requests
from shipway.app.replay.server import Server, write_words
from shipway.app.replay.store import Stores
from shipway.app.workspace import Workspace
from shipway.core.error import ShipwayError

TRIM_TICKS: Final = 28
"""After how many ticks stores are freed of what nobody reads any more."""
_POLL_S: Final = 0.002
_LOOK_S: Final = 0.5
"""How often memory is looked at while the controller works."""
_OK: Final = "200"
_UNAVAILABLE: Final = "503"


@dataclass(slots=True)
class Stretch:
    """What was answered between two ticks.

    Attributes:
        statuses: HTTP status to how many answers had it.
        latencies_ns: how long each answer took.
    """

    statuses: Counter[str] = field(default_factory=Counter[str])
    latencies_ns: "array[int]" = field(default_factory=lambda: array("q"))


@dataclass(slots=True)
class Spent:
    """Real time of this process.

    Attributes:
        serving_s: applying events and waiting for answers.
        deciding_s: waiting for the controller.
        requests: answered meanwhile.
        latencies_ns: how long each answer took.
    """

    serving_s: float = 0.0
    deciding_s: float = 0.0
    requests: int = 0
    latencies_ns: "array[int]" = field(default_factory=lambda: array("q"))


class Driver:
    """Moves a service through a stretch of recorded history."""

    def __init__(
        self,
        workspace: Workspace,
        service: str,
        *,
        folder: Path,
        history: History,
        stores: Stores,
        server: Server,
        controller: Child,
        ticks: Sequence[int],
        clock: ReplayClock,
        watch: Watch,
    ) -> None:
        """Take over a replay where it stands.

        Args:
            workspace: the project's state.
            service: which service answers.
            folder: where the replay keeps its position.
            history: what is asked and what becomes known.
            stores: the online stores to keep up to date.
            server: answers.
            controller: decides at every tick.
            ticks: those from the start of the period to the end of the replay.
            clock: the position.
            watch: told how it goes.
        """
        self._workspace = workspace
        self._service = service
        self._folder = folder
        self._history = history
        self._stores = stores
        self._server = server
        self._controller = controller
        self._ticks = [tick for tick in ticks if tick >= clock.position]
        self._clock = clock
        self._since = clock.position
        self._before = clock.tally
        self._watch = watch
        self._requests: Requests | None = None
        self._columns: tuple[str, ...] = ()
        self._spent = Spent()
        self._memory = MemoryWatch()

    def run(self) -> ReplayReport:
        """Live through what is left and return what the whole replay came to.

        Raises:
            ShipwayError: SW-805 if a process does not get on, the server refuses a request, or the service was not
                opened; what making stores and requests refuses.
        """
        begun = time.perf_counter()
        self._watch(Event(stage="started", step=self._step))
        try:
            self._follow(self._clock.position)
            self._stores.rewind(self._clock.position, self._named())
            self._server.start()
            self._controller.start()
            self._await_controller()
            for after, tick in pairwise(self._ticks):
                stretch = self._live(after, tick)
                self._keep(after, tick, stretch)
                self._await_controller()
                self._tell()
            report = self._report(time.perf_counter() - begun)
        finally:
            self._controller.close()
            self._server.child.close()
            self._stores.close()
        said = f"{report.tally.requests:,} requests, {report.requests_per_second:,.0f} a second"
        self._watch(Event(stage="done", step=self._step, said=said, seconds=report.seconds))
        return report

    def clock(self, *, done: bool) -> ReplayClock:
        """Return where the replay stands, over or not."""
        return msgspec.structs.replace(self._clock, done=done)

    # between two ticks

    def _live(self, after: int, tick: int) -> Stretch:
        """Answer everything asked between two ticks and have it logged.

        Where the server dies, what it had answered since the last tick and not yet logged is gone with it. So all of it
        is asked again; what was logged already has the same names, and is read once.
        """
        while True:
            begun = time.perf_counter()
            try:
                stretch = self._answer(after, tick)
            except ShipwayError as error:
                if error.code != "SW-801":
                    raise
                self._server.child.kill()
                self._stores.rewind(after, self._named())
                self._server.restart()
                continue
            self._spent.serving_s += time.perf_counter() - begun
            return stretch

    def _answer(self, after: int, tick: int) -> Stretch:
        """Apply events and send requests in their order, then flush the log; SW-801 if the server went away."""
        assert self._requests is not None, "made for the first routing"
        stretch, path = Stretch(), f"/v1/predict/{self._service}"
        client = self._server.connect()
        try:
            shadows = self._server.watch_shadows(client) if self._stores.late else None
            for at, bodies in self._requests.encode(after, tick, self._columns):
                self._stores.advance(at)
                answers = client.exchange([client.prepare("POST", path, body) for body in bodies])
                for answer in answers:
                    stretch.latencies_ns.append(answer.latency_ns)
                    stretch.statuses[self._accept(answer)] += 1
                if shadows is not None:
                    shadows.wait(client)
            self._stores.advance(tick)
            self._flush(client)
        finally:
            client.close()
        return stretch

    def _accept(self, answer: Answer) -> str:
        """Return an answer's status; SW-805 with the server's words for one that no request of ours should get."""
        status = str(answer.status)
        if status not in (_OK, _UNAVAILABLE):
            raise ShipwayError(
                "SW-805",
                f"the server refuses a request: {write_words(answer)}",
                "mend what it says, then run the same command again: it goes on",
            )
        return status

    def _flush(self, client: HttpClient) -> None:
        answer = client.exchange([client.prepare("POST", "/v1/log/flush")])[0]
        if str(answer.status) != _OK:
            raise ShipwayError(
                "SW-805",
                f"the server cannot write its log: {write_words(answer)}",
                "mend what it says, then run the same command again: it goes on from the last tick",
            )

    # at a tick

    def _keep(self, after: int, tick: int, stretch: Stretch) -> None:
        """Make a position durable: everything asked before it is answered and logged, everything known is applied."""
        self._stores.sync()
        before, requests = self._clock.tally, stretch.statuses.total()
        events, updates = self._stores.count(after, tick)
        tally = Tally(
            requests=before.requests + requests,
            statuses=dict(Counter(before.statuses) + stretch.statuses),
            events=before.events + events,
            updates=before.updates + updates,
            ticks=before.ticks + 1,
            restarts=self._count_restarts(),
        )
        self._clock = msgspec.structs.replace(self._clock, position=tick, tally=tally)
        write_clock(self._folder, self._clock)
        if tally.ticks % TRIM_TICKS == 0:
            self._stores.trim(tick)
        self._spent.requests += requests
        self._spent.latencies_ns.extend(stretch.latencies_ns)
        for child in (self._server.child, self._controller):
            child.settle()

    def _await_controller(self) -> None:
        """Wait until the controller has decided everything that follows from a tick, then feed what the routing names.

        Raises:
            ShipwayError: SW-805 if it does not get on, or has not opened the service, or the server routes otherwise.
        """
        tick, begun, looked = self._clock.position, time.perf_counter(), 0.0
        while (read_reconciled(self._folder) or tick - 1) < tick:
            if not self._controller.alive:
                self._controller.restart()
            if not self._server.child.alive:
                self._server.restart()
            if time.perf_counter() - looked > _LOOK_S:
                self._look()
                looked = time.perf_counter()
            time.sleep(_POLL_S)
        self._look()
        self._spent.deciding_s += time.perf_counter() - begun
        self._follow(tick)
        self._check_routing()

    def _follow(self, at: int) -> None:
        """Feed the stores that the ledger's routing names, and have requests bring what their versions read."""
        service = self._workspace.state().services.get(self._service)
        if service is None:
            return
        routing = service.routing
        variants = [variant for variant in (routing.stable, routing.candidate) if variant is not None]
        layouts = {variant.online: self._history.layout_of(variant) for variant in variants}
        self._stores.follow(layouts, at)
        self._columns = tuple(dict.fromkeys(name for layout in layouts.values() for name in layout.request))
        if self._requests is None or not set(self._columns) <= set(self._requests.rows.columns):
            self._requests = self._history.make_requests(self._columns)
        self._history.forget_tables()

    def _check_routing(self) -> None:
        service = self._workspace.state().services.get(self._service)
        if service is None:
            raise ShipwayError(
                "SW-805",
                f"the controller has not opened service {self._service!r}",
                f"see what it says in {self._controller.said}",
            )
        routed, terms = (
            self._server.routing(self._service),
            self._workspace.project.config.services[self._service].terms,
        )
        if routed != msgspec.structs.replace(service.routing, terms=terms):
            had = "nothing" if routed is None else f"decision {routed.token}"
            raise ShipwayError(
                "SW-805",
                f"the server routes {self._service!r} by {had}, and the ledger asks for decision {service.token}",
                "run the same command again: the controller puts the ledger's routing in force",
            )

    def _named(self) -> set[str]:
        """Return the names of the online stores that the routing of any service reads."""
        routings = [service.routing for service in self._workspace.state().services.values()]
        variants = [variant for routing in routings for variant in (routing.stable, routing.candidate)]
        return {variant.online for variant in variants if variant is not None}

    # what is told

    @property
    def _step(self) -> str:
        return f"replay {self._service}"

    def _count_restarts(self) -> dict[str, int]:
        """Return how often each process was started again, whichever driver it was that did."""
        counted = dict(self._before.restarts)
        for child in (self._server.child, self._controller):
            if child.restarts:
                counted[child.name] = self._before.restarts.get(child.name, 0) + child.restarts
        return counted

    def _look(self) -> None:
        self._memory.look({"driver": os.getpid(), "server": self._server.child.pid, "controller": self._controller.pid})

    def _tell(self) -> None:
        assert self._requests is not None, "made for the first routing"
        day = write_instant(self._clock.position, self._workspace.project.config.project.timezone)
        done, of = self._clock.tally.requests, len(self._requests.at)
        said = f"{day}, {self._rate:,.0f} requests/s"
        self._watch(Event(stage="moved", step=self._step, said=said, done=done, of=of))

    @property
    def _rate(self) -> float:
        return self._spent.requests / self._spent.serving_s if self._spent.serving_s else 0.0

    def _report(self, seconds: float) -> ReplayReport:
        return ReplayReport(
            service=self._service,
            started_at=self._clock.start,
            ended_at=self._clock.end,
            tally=self._clock.tally,
            since=self._since,
            seconds=round(seconds, 3),
            serving_s=round(self._spent.serving_s, 3),
            deciding_s=round(self._spent.deciding_s, 3),
            requests_per_second=round(self._rate, 1),
            latency=measure_latency(self._spent.latencies_ns),
            peak_mb={name: round(mb, 1) for name, mb in self._memory.peak_mb.items()},
            together_mb=None if self._memory.together_mb is None else round(self._memory.together_mb, 1),
        )
