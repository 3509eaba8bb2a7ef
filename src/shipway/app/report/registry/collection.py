"""Collecting what the page of the registry shows, and what it shows."""

from contextlib import closing

import msgspec

from shipway.app.model import VersionDetail, detail_of
from shipway.app.project import Project
from shipway.app.tenure import Event, read_history
from shipway.app.workspace import Workspace
from shipway.core.tenure import Tenure


class ModelData(msgspec.Struct, frozen=True, kw_only=True):
    """A model as the page shows it.

    Attributes:
        name: its name.
        versions: everything known of each, newest first.
        served: who answered for which service from when to when, newest first.
        events: what became of the versions, newest first.
        approvals: how many approvals a release of it asks for.
        approvers: whose they may be; anybody's where empty.
    """

    name: str
    versions: tuple[VersionDetail, ...]
    served: tuple[Tenure, ...]
    events: tuple[Event, ...]
    approvals: int = 0
    approvers: tuple[str, ...] = ()


class RegistryData(msgspec.Struct, frozen=True, kw_only=True):
    """What the page of the registry shows.

    Attributes:
        project: its name.
        owner: who answers for it.
        timezone: that instants are written in.
        models: those with a version, in the order they came.
        entries: length of the ledger.
        head: digest of its newest entry.
    """

    project: str
    owner: str
    timezone: str
    models: tuple[ModelData, ...]
    entries: int
    head: str

    @property
    def serving(self) -> list[tuple[str, Tenure]]:
        """Return what answers now or looks on, with its model, by service and with the greatest share first."""
        now = [(model.name, each) for model in self.models for each in model.served if each.ended_at is None]
        return sorted(now, key=lambda each: (each[1].service, -each[1].weight, each[1].number))


def collect_registry(project: Project) -> RegistryData:
    """Collect everything the page of the registry shows.

    Raises:
        ShipwayError: SW-605 if a bundle is damaged, SW-606 if a newer shipway wrote it.
    """
    config = project.config
    with closing(Workspace(project)) as workspace:
        state = workspace.peek()
        head = workspace.ledger.head() if workspace.exists else None
        details = {
            name: tuple(detail_of(workspace, state, version) for version in reversed(versions))
            for name, versions in state.models.items()
        }
    models: list[ModelData] = []
    for name, versions in details.items():
        history, section = read_history(project, name), config.models.get(name)
        models.append(
            ModelData(
                name=name,
                versions=versions,
                served=tuple(reversed(history.served)),
                events=tuple(reversed(history.events)),
                approvals=0 if section is None else section.approvals,
                approvers=() if section is None else tuple(section.approvers),
            )
        )
    return RegistryData(
        project=config.project.name,
        owner=config.project.owner,
        timezone=config.project.timezone,
        models=tuple(models),
        entries=0 if head is None else head.seq,
        head="" if head is None else head.digest,
    )
