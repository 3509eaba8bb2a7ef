"""The page of the registry: one HTML file on every model, its versions, their names, and what serves where."""

from pathlib import Path

from shipway.app.project import Project
from shipway.app.report.file import write_page
from shipway.app.report.registry.collection import collect_registry
from shipway.app.report.registry.page import render_registry

__all__ = ["collect_registry", "render_registry", "write_registry"]


def write_registry(project: Project, folder: Path) -> Path:
    """Write the page of a project's registry to `index.html` in a folder and return where it is.

    Args:
        project: whose.
        folder: made where it is missing.

    Raises:
        ShipwayError: SW-601 if the disk is full, SW-602 if the file cannot be written, SW-605 if a bundle is damaged.
    """
    return write_page(folder / "index.html", render_registry(collect_registry(project)))
