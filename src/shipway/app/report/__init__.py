"""The report of a run: one HTML file that needs nothing else."""

from pathlib import Path

import msgspec

from shipway.app.live.data import LiveSummary
from shipway.app.project import Project
from shipway.app.replay.report import ReplayReport
from shipway.app.report.collection import collect_report
from shipway.app.report.file import write_page
from shipway.app.report.page import render_report
from shipway.app.report.summary import collect_live
from shipway.app.run import RunReport
from shipway.app.workspace import Workspace
from shipway.ports.adapter import load_adapter

__all__ = ["collect_live", "collect_report", "render_report", "write_report"]


def write_report(
    project: Project, run: RunReport, path: Path, *, live: LiveSummary | None = None, replay: ReplayReport | None = None
) -> Path:
    """Write the report of a run to a file, over what was there, and return where it is.

    Args:
        project: whose run it was.
        run: what the run came to, before another one begins.
        path: the file; its folder is made where it is missing.
        live: what a service of the project came to; None for a report of the run alone.
        replay: what the replay came to that the service lived through; it is shown beside `live` only.

    Raises:
        ShipwayError: SW-601 if the disk is full, SW-602 if the file cannot be written, SW-605 if a blob that the run
            cites is missing or damaged, SW-701 if what draws charts is not installed.
    """
    charts = load_adapter("charts.altair")()
    workspace = Workspace(project)
    try:
        data = collect_report(workspace, run)
        if live is not None:
            data = msgspec.structs.replace(data, live=collect_live(workspace, live, replay))
    finally:
        workspace.close()
    return write_page(path, render_report(data, charts))
