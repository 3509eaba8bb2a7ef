"""What a controller needs of the world, and how it tells of what it does."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from shipway.app.progress import Event, Watch, ignore
from shipway.app.workspace import Workspace
from shipway.core.check import Check, Evidence
from shipway.core.projection import RetrainState, ServiceState
from shipway.core.release import Release
from shipway.ports.traffic import Traffic


class Instruments(Protocol):
    """What measures a service; all of it is a function of the log, the labels and the domain time."""

    def measure_step(
        self, service: ServiceState, release: Release, checks: Sequence[Check], now: int
    ) -> dict[str, Evidence]:
        """Measure checks on the present step of a release; the evidence is about `release.subject`."""
        ...

    def measure_live(self, service: ServiceState, checks: Sequence[Check], now: int) -> dict[str, Evidence]:
        """Measure checks on what a service answered lately; the evidence is about `service.subject`."""
        ...


class Retrain(Protocol):
    """What follows where a retrain is asked for."""

    def __call__(self, workspace: Workspace, service: ServiceState, asked: RetrainState, watch: Watch) -> None:
        """Make a version as of `asked.asked_at`, let its gates decide, and remember `RetrainEnded` as the last entry.

        It may be called again for the same one after a crash, and continues then. Releasing the version is not its
        business.
        """
        ...


@dataclass(frozen=True, slots=True)
class Controller:
    """What reconciling needs of the world.

    Attributes:
        workspace: the project's state.
        traffic: routes requests.
        instruments: measures services.
        retrain: makes a new version.
        replaying: whether domain time is a replay's: a service begins with its model's oldest version, not the newest,
            and the drill that `[replay]` asks for takes place.
        watch: told what happens.
        told: what was told once and is enough so: of a service, about a version or setting, and what is wrong with it.
    """

    workspace: Workspace
    traffic: Traffic
    instruments: Instruments
    retrain: Retrain
    replaying: bool
    watch: Watch = ignore
    told: set[tuple[str, str, str]] = field(default_factory=set[tuple[str, str, str]])


def tell_once(controller: Controller, name: str, about: str, why: str, said: str) -> None:
    """Tell something of a service, about a version or setting, once for each reason why."""
    if (name, about, why) not in controller.told:
        controller.told.add((name, about, why))
        tell(controller, name, said)


def tell(controller: Controller, name: str, said: str) -> None:
    """Tell something of a service."""
    controller.watch(Event(stage="note", step=name, said=said))
