"""The page of what gates say: one HTML file on the data, rule by rule, with the rows that are against them."""

from pathlib import Path

from shipway.app.check import Checked
from shipway.app.project import Project
from shipway.app.report.check.collection import collect_check
from shipway.app.report.check.page import render_check
from shipway.app.report.file import write_page

__all__ = ["collect_check", "render_check", "write_check"]


def write_check(project: Project, checked: Checked, path: Path) -> Path:
    """Write the page of what gates say to a file, over what was there, and return where it is.

    Args:
        project: whose gates were asked.
        checked: what they said, with rows that break rules.
        path: the file; its folder is made where it is missing.

    Raises:
        ShipwayError: SW-601 if the disk is full, SW-602 if the file cannot be written, SW-605 if data that is compared
            is lost or damaged.
    """
    return write_page(path, render_check(collect_check(project, checked)))
