"""Who served what since when: the history of a service, and that of a model's versions."""

from contextlib import closing

import msgspec

from shipway.app.model import find_version, list_model
from shipway.app.project import Project
from shipway.app.workspace import Workspace
from shipway.core.error import ShipwayError
from shipway.core.projection import State, VersionState
from shipway.core.standing import AliasMove
from shipway.core.tenure import Tenure, list_tenures
from shipway.kit.suggestion import did_you_mean


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that became of a version.

    Attributes:
        at: when, real time, microseconds since 1970 UTC.
        ref: the version.
        what: `opened`, `registered`, `approved`, `retired`, `restored`, `noted`, or `named` and `unnamed` for an alias.
        by: who; empty where a run did.
        said: why, or what was said.
    """

    at: int
    ref: str
    what: str
    by: str
    said: str


class History(msgspec.Struct, frozen=True, kw_only=True):
    """What a service, a model or a version lived through.

    Attributes:
        subject: as it was asked for.
        served: spans for which a version had a share of a service, oldest first, in domain time.
        events: what became of the versions, oldest first, in real time; empty where a service was asked for.
    """

    subject: str
    served: list[Tenure]
    events: list[Event]


def read_history(project: Project, subject: str) -> History:
    """Return who served what since when.

    Args:
        project: whose.
        subject: `service:NAME`, or a service, a version (`model@number`, `model@alias`), or a model, for all its
            versions; a name that both a service and a model have is the model, whose versions the service answers with.

    Raises:
        ShipwayError: SW-104 where there is none of these.
    """
    with closing(Workspace(project)) as workspace:
        state = workspace.peek()
    name = subject.removeprefix("service:")
    if name in state.services and (subject != name or name not in state.models):
        service = state.services[name]
        return History(subject=subject, served=list_tenures(name, service.shares), events=[])
    model, _, said = subject.partition("@")
    if model not in state.models:
        hint = did_you_mean(model, {**state.models, **state.services})
        raise ShipwayError("SW-104", f"there is no model or service {subject!r}", hint)
    versions = [find_version(state, subject)] if said else list_model(state, model)
    numbers = {version.number for version in versions}
    served = [
        tenure
        for service in state.services.values()
        if service.model == model
        for tenure in list_tenures(service.name, service.shares)
        if tenure.number in numbers
    ]
    events = [event for version in versions for event in _list_events(version)]
    events += [event for event in _list_moves(state, model) if not said or event.ref == versions[0].ref]
    return History(subject=subject, served=served, events=sorted(events, key=lambda event: event.at))


def _list_events(version: VersionState) -> list[Event]:
    def make(at: int, what: str, by: str = "", said: str = "") -> Event:
        return Event(at=at, ref=version.ref, what=what, by=by, said=said)

    events = [make(version.opened_at, "opened")]
    if version.registered_at is not None:
        events.append(make(version.registered_at, "registered", said=f"bundle {(version.bundle or '')[:12]}"))
    standing = version.standing
    events += [
        make(each.word.at, "approved", each.word.by, f"bundle {each.bundle[:12]}: {each.word.said}")
        for each in standing.approvals
    ]
    for each in standing.retirements:
        events.append(make(each.word.at, "retired", each.word.by, each.word.said))
        if each.restored is not None:
            events.append(make(each.restored.at, "restored", each.restored.by, each.restored.said))
    return events + [make(note.at, "noted", note.by, note.said) for note in standing.notes]


def _list_moves(state: State, model: str) -> list[Event]:
    """Return the moves of a model's aliases, each told of the version the name left and of the one it came to."""
    events: list[Event] = []
    for name, moves in state.aliases.get(model, {}).items():
        before: AliasMove | None = None
        for move in moves:
            for what, number in (("unnamed", None if before is None else before.number), ("named", move.number)):
                if number is not None:
                    said = f"{name}: {move.reason}"
                    events.append(Event(at=move.at, ref=f"{model}@{number}", what=what, by=move.by, said=said))
            before = move
    return events
