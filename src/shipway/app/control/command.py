"""What a person asks of a release: to begin one, or to take one back. The controller routes accordingly."""

from contextlib import closing

from shipway.app.control.clock import domain_now
from shipway.app.model import find_version
from shipway.app.project import Project
from shipway.app.release import model_section_of, next_version, section_of, start_release, stop_release
from shipway.app.service import ServiceDetail, read_services
from shipway.app.workspace import Workspace
from shipway.core.error import ShipwayError
from shipway.core.projection import State


def ask_release(project: Project, ref: str) -> ServiceDetail:
    """Let a version begin its walk on a service, and return where the service stands.

    Args:
        project: whose.
        ref: the service with the version, as `service@number` or `service@alias`; a service alone is the newest version
            not yet tried.

    Raises:
        ShipwayError: SW-104 for a service or version there is not, SW-804 where it cannot be released, SW-406 and
            SW-407 where it lacks approvals or is retired.
    """
    name, _, said = ref.partition("@")
    with closing(Workspace(project)) as workspace:
        section, now = section_of(workspace, name), domain_now(workspace)
        state = workspace.peek()
        if said:
            start_release(workspace, name, _read_number(state, section.model, said), now)
        else:
            service, asked = state.services.get(name), model_section_of(workspace, section.model)
            version = None if service is None else next_version(state, service, now, asked)
            if version is None:
                hint = f"name one, such as {name}@2; shipway models shows all of {section.model}"
                raise ShipwayError("SW-804", f"{name!r} has no newer version that was never tried", hint)
            start_release(workspace, name, version.number, now)
    return read_services(project, name)[0]


def _read_number(state: State, model: str, said: str) -> int:
    """Return the number of the version that stands after the `@`; whether there is one is the release's to say."""
    return int(said) if said.isdecimal() else find_version(state, f"{model}@{said}").number


def ask_stop(project: Project, name: str, reason: str) -> ServiceDetail:
    """Take back the version that walks on a service by a person's word, and return where the service stands.

    Args:
        project: whose.
        name: the service.
        reason: why; it is remembered beside who said so.

    Raises:
        ShipwayError: SW-104 for a service there is not, SW-804 where nothing walks.
    """
    with closing(Workspace(project)) as workspace:
        stop_release(workspace, name, domain_now(workspace), by=workspace.actor, reason=reason)
    return read_services(project, name)[0]
