"""What a version is judged on: labels that were known by the domain time of the project's file, and no others."""

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from shipway.app.candidate import make_runner
from shipway.app.frame import frame_of
from shipway.app.ingest import admit, make_tables
from shipway.app.project import find_project
from shipway.app.run import RunReport, period_of, run_project
from shipway.app.training import Trained, predict_rows, train
from shipway.app.workspace import Workspace
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


def train_fate(root: Path) -> tuple[Trained, np.ndarray]:
    """Train the model of classes, and return it with what it says of the rows of its test period."""
    project = find_project(root)
    with closing(Workspace(project)) as workspace, workspace.hold():
        runner = make_runner(workspace)
        admit(runner, make_tables(runner))
        model, section = project.registry.models["returned"], project.config.models["returned"]
        frame, _ = frame_of(runner, model)
        trained = train(runner, model, frame, project.instant(section.cuts[0]), name="train fate")
        return trained, predict_rows(runner, trained, frame, period_of(project, section), [])[0]


def test_a_label_may_be_a_class(fate: Path) -> None:
    trained, p = train_fate(fate)
    assert (trained.kind, trained.classes) == ("class", ("kept", "returned early", "returned late"))
    assert sum(trained.facts["shares"]) == pytest.approx(1.0, abs=1e-5)
    assert trained.typical == tuple(trained.facts["shares"])
    assert p.shape[1] == 3
    np.testing.assert_allclose(p.sum(axis=1), 1.0, atol=1e-6)
    np.testing.assert_allclose(p.mean(axis=0), trained.typical, atol=0.05)


FIT = "import lightgbm\n    return lightgbm.LGBM{}(n_estimators=2, n_jobs=1).fit({})"
BOOST = "import {0}\n    params = {1}\n    return {0}.train(params, {0}.{2}(frame.x, frame.y), 2)"
OF_FIVE = {"objective": "multi:softprob", "num_class": 5, "nthread": 1}
OF_EACH = {"objective": "multiclassova", "num_class": 3, "num_threads": 1}
RETURNED = {
    "fewer": (
        f"part = frame.y < 2\n    {FIT.format('Classifier', 'frame.x[part], frame.y[part]')}",
        "the model tells 2 classes apart, and the label has 3: 'kept', 'returned early', 'returned late'",
    ),
    "more": (
        BOOST.format("xgboost", OF_FIVE, "DMatrix"),
        "the model tells 5 classes apart, and the label has 3",
    ),
    "one against all": (
        BOOST.format("lightgbm", OF_EACH, "Dataset"),
        "predicts multiclassova, not a probability of each class",
    ),
    "a number": (FIT.format("Regressor", "frame.x, frame.y"), "predicts regression, not a probability of each class"),
}


@pytest.mark.parametrize("way", RETURNED)
def test_an_estimator_of_other_classes_than_the_label_is_refused(fate: Path, way: str) -> None:
    body, fact = RETURNED[way]
    path = fate / "project.py"
    head, line, _ = path.read_text().partition('    """Boost trees on everything')
    assert line
    path.write_text(f"{head}    {body}\n")
    with expect_refusal("SW-501") as refusals:
        train_fate(fate)
    assert fact in refusals[0].fact
