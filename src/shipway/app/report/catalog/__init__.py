"""The page of the catalog: one HTML file on every source, view, feature and label, to be searched and read anywhere."""

from contextlib import closing
from pathlib import Path

from shipway.app.catalog.collection import collect_catalog
from shipway.app.catalog.lineage import build_lineage
from shipway.app.project import Project
from shipway.app.report.catalog.page import render_catalog
from shipway.app.report.file import write_page
from shipway.app.workspace import Workspace

__all__ = ["render_catalog", "write_catalog"]


def write_catalog(project: Project, folder: Path) -> Path:
    """Write the page of a project's catalog to `index.html` in a folder and return where it is.

    Args:
        project: whose.
        folder: made where it is missing.

    Raises:
        ShipwayError: SW-601 if the disk is full, SW-602 if the file cannot be written, SW-605 if admitted data or
            statistics are lost.
    """
    catalog = collect_catalog(project, fresh=True)
    with closing(Workspace(project)) as workspace:
        lineage = build_lineage(project.registry, project.config, workspace.peek())
    page = render_catalog(catalog, lineage, project.config.project.timezone)
    return write_page(folder / "index.html", page)
