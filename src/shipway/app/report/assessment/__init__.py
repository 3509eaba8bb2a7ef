"""The page of an assessment: a version beside its baselines as one HTML file that needs nothing else."""

from pathlib import Path

from shipway.app.assessment.data import Assessment
from shipway.app.report.assessment.page import render_assessment
from shipway.app.report.file import write_page
from shipway.ports.adapter import load_adapter

__all__ = ["render_assessment", "write_assessment"]


def write_assessment(found: Assessment, path: Path) -> Path:
    """Write the page of an assessment to a file, over what was there, and return where it is.

    Args:
        found: what was measured.
        path: the file; its folder is made where it is missing.

    Raises:
        ShipwayError: SW-601 if the disk is full, SW-602 if the file cannot be written, SW-701 if what draws charts is
            not installed.
    """
    return write_page(path, render_assessment(found, load_adapter("charts.altair")()))
