"""The page of an experiment: one HTML file on its plan, its looks, its days and its slices."""

from pathlib import Path

from shipway.app.experiment.detail import detail_trial
from shipway.app.project import Project
from shipway.app.report.experiment.page import render_experiment
from shipway.app.report.file import write_page
from shipway.ports.adapter import load_adapter

__all__ = ["render_experiment", "write_experiment"]


def write_experiment(project: Project, ref: str, path: Path) -> Path:
    """Write the page of one run of an experiment to a file, over what was there, and return where it is.

    Nothing is looked at anew, and nothing is spent.

    Args:
        project: whose.
        ref: `experiment@number`, or the experiment for its newest run.
        path: the file; its folder is made where it is missing.

    Raises:
        ShipwayError: SW-104 for an experiment or a run there is not, SW-451 for one that never began, SW-605 if its
            statistics are lost, SW-601 or SW-602 if the file cannot be written, SW-701 if what draws charts is not
            installed.
    """
    charts = load_adapter("charts.altair")()
    page = render_experiment(detail_trial(project, ref), project.config.project.timezone, charts)
    return write_page(path, page)
