"""What a version is judged on: labels that were known by the domain time of the project's file, and no others."""

from pathlib import Path

from shipway.app.project import find_project
from shipway.app.run import RunReport, run_project
from shipway.testing.refusal import expect_refusal


def run_at(root: Path, at: str) -> RunReport:
    """Run the shop at a domain time."""
    path = root / "shipway.toml"
    lines = [line for line in path.read_text().splitlines() if not line.startswith("at = ")]
    lines.insert(lines.index("[project]") + 1, f"at = {at}")
    path.write_text("\n".join(lines) + "\n")
    return run_project(find_project(root), leaks=False)


def test_a_label_that_became_known_later_is_not_known(fresh: Path) -> None:
    (whole,) = run_at(fresh, "2025-06-01").versions
    (early,) = run_at(fresh, "2024-10-15").versions
    assert early.prediction["rows"] == whole.prediction["rows"]
    assert 0 < early.prediction["labelled"] < whole.prediction["labelled"]
    assert early.evidence["auc"].n == early.prediction["labelled"]


def test_an_estimator_of_another_kind_than_the_label_is_refused(fresh: Path) -> None:
    path = fresh / "project.py"
    text = path.read_text()
    assert text.count('"objective": "binary"') == 1
    path.write_text(text.replace('"objective": "binary"', '"objective": "regression"'))
    with expect_refusal("SW-501") as refusals:
        run_project(find_project(fresh), leaks=False)
    assert "predicts regression, not a probability" in refusals[0].fact
    assert "the label is a condition" in refusals[0].hint
