"""The demonstration: the flights example, run from raw data to a report in a folder of its own."""

from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import msgspec

from shipway.app.apart import call_apart
from shipway.app.candidate import make_runner
from shipway.app.live import LiveSummary, summarise_service
from shipway.app.progress import Watch, ignore
from shipway.app.project import PROJECT_FILE, Project, find_project
from shipway.app.replay import ReplayReport, run_replay
from shipway.app.report import write_report
from shipway.app.run import RunReport, run_project
from shipway.app.scaffold import stage_target
from shipway.app.workspace import Workspace
from shipway.core.error import ShipwayError
from shipway.kit.file import write_atomic
from shipway.kit.package import PACKAGE
from shipway.ports.adapter import EXTRAS, load_adapter, needs_extra
from shipway.ports.clock import Stopwatch

NAME: Final = "flights"
REPORT: Final = "report.html"
ENDINGS: Final = (".py", ".toml", ".md")


_NEEDED: Final = ("train", "serve", "report", "demo")
"""The extras whose libraries the demonstration uses."""


class Demonstration(msgspec.Struct, frozen=True, kw_only=True):
    """What the demonstration came to.

    Attributes:
        path: its folder.
        report: its report.
        run: the path from raw data to versions.
        replay: the half-year that the service lived through.
        live: what the service came to.
        seconds: real time of everything, report included.
    """

    path: str
    report: str
    run: RunReport
    replay: ReplayReport
    live: LiveSummary
    seconds: float


def run_demo(folder: Path, *, watch: Watch = ignore) -> Demonstration:
    """Copy the flights example into a folder, run it there, let its service live through history, and write its report.

    Each part is a process of its own, so that the memory of one is free for the next.

    A folder that holds the demonstration already is used as it is: what has not changed since is not made again.

    Args:
        folder: where to.
        watch: told what happens.

    Raises:
        ShipwayError: SW-701 if a library of the extra `demo` is missing, SW-107 if the folder holds something else,
            what a run refuses.
    """
    for module, extra in EXTRAS.items():
        if extra in _NEEDED and find_spec(module) is None:
            needed = needs_extra(module, "the demonstration")
            raise ShipwayError(needed.code, needed.fact, "pip install 'shipway[demo]'")
    project = prepare_demo(folder)
    stopwatch: Stopwatch = load_adapter("stopwatch.system")()
    begun, report = stopwatch.seconds(), project.root / REPORT
    run = call_apart(make_all, project.root, watch)
    replay = run_replay(project, watch=watch)
    live = call_apart(_summarise, project.root, watch)
    write_report(project, run, report, live=live, replay=replay)
    return Demonstration(
        path=str(project.root),
        report=str(report),
        run=run,
        replay=replay,
        live=live,
        seconds=round(stopwatch.seconds() - begun, 1),
    )


def make_all(project: Project, watch: Watch) -> RunReport:
    """Run a project's whole path, as a function that another process can be asked for."""
    return run_project(project, watch=watch)


def _summarise(project: Project, watch: Watch) -> LiveSummary:
    assert project.config.replay is not None
    with closing(Workspace(project)) as workspace, workspace.hold():
        summary = summarise_service(make_runner(workspace, watch), project.config.replay.service)
        workspace.store_state()
    return summary


def prepare_demo(folder: Path) -> Project:
    """Copy the flights example into a folder unless it is there, and return it as a project; SW-107 as `run_demo`."""
    if not (folder / PROJECT_FILE).is_file():
        example = find_example()
        files = {path.name: path.read_bytes() for path in sorted(example.iterdir()) if path.suffix in ENDINGS}
        with stage_target(folder) as staged:
            for path, content in files.items():
                write_atomic(staged / path, content)
    project = find_project(folder, upward=False)
    if project.config.project.name != NAME:
        raise ShipwayError(
            "SW-107",
            f"{project.root} holds another project, {project.config.project.name!r}",
            "name another folder: shipway demo FOLDER",
        )
    return project


def find_example() -> Path:
    """Return the folder of the flights example: in the installed package, or in a checkout of the sources."""
    for folder in (PACKAGE / "examples" / NAME, PACKAGE.parents[1] / "examples" / NAME):
        if (folder / PROJECT_FILE).is_file():
            return folder
    raise ShipwayError(
        "SW-605", f"the example {NAME!r} is not where it was installed", "pip install --force-reinstall 'shipway[demo]'"
    )
