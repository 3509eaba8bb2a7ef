"""What a person asks of a release: to begin one, or to take one back. The controller routes accordingly."""

from contextlib import closing

from shipway.app.control.clock import domain_now
from shipway.app.project import Project
from shipway.app.release import next_version, section_of, start_release, stop_release
from shipway.app.service import ServiceDetail, read_services
from shipway.app.workspace import Workspace
from shipway.core.error import ShipwayError


def ask_release(project: Project, ref: str) -> ServiceDetail:
    """Let a version begin its walk on a service, and return where the service stands.

    Args:
        project: whose.
        ref: the service with the version, as `service@number`; without a number it is the newest one not yet tried.

    Raises:
        ShipwayError: SW-104 for a service or version there is not, SW-804 where it cannot be released.
    """
    name, _, number = ref.partition("@")
    with closing(Workspace(project)) as workspace:
        section, now = section_of(workspace, name), domain_now(workspace)
        if number:
            if not number.isdecimal():
                raise ShipwayError("SW-104", f"{number!r} is no version's number", f"write such as {name}@2")
            start_release(workspace, name, int(number), now)
        else:
            state = workspace.peek()
            service = state.services.get(name)
            version = None if service is None else next_version(state, service, now)
            if version is None:
                hint = f"name one, such as {name}@2; shipway models shows all of {section.model}"
                raise ShipwayError("SW-804", f"{name!r} has no newer version that was never tried", hint)
            start_release(workspace, name, version.number, now)
    return read_services(project, name)[0]


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
