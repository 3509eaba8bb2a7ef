"""A version is judged on what was measured of it, and on nothing where there is nothing to measure."""

from pathlib import Path

import pytest

from shipway.app.project import find_project
from shipway.app.run import RunReport, run_project
from shipway.app.workspace import Workspace
from shipway.core.error import ShipwayError
from shipway.testing.refusal import expect_refusal

TEST = "test = [2024-09-01, 2024-12-01]"
RETURNED = 'returned=pl.col("returned") == 1'


def edit(path: Path, old: str, new: str) -> None:
    """Replace text in a file that has it once."""
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def run(root: Path) -> RunReport:
    """Run a project as a new process would."""
    return run_project(find_project(root))


def holds(made: RunReport) -> bool:
    """Tell whether the one version is held for want of evidence, rule by rule."""
    (version,) = made.versions
    (verdict,) = version.verdicts
    assert version.bundle is None
    return made.outcome == "hold" and {finding.outcome for finding in verdict.findings} == {"hold"}


def test_a_test_period_without_rows_holds(fresh: Path) -> None:
    edit(fresh / "shipway.toml", TEST, "test = [2026-09-01, 2026-12-01]")
    made = run(fresh)
    assert made.versions[0].prediction == {"rows": 0, "labelled": 0}
    assert holds(made)


def test_a_test_period_without_labels_holds(fresh: Path) -> None:
    later = "pl.lit('2024-12-01').str.to_datetime(time_zone='UTC')"
    edit(fresh / "shipway.toml", TEST, "test = [2024-12-02, 2024-12-05]")
    edit(fresh / "project.py", RETURNED, f"returned=pl.when(placed < {later}).then(pl.col('returned') == 1)")
    made = run(fresh)
    assert made.versions[0].prediction["rows"] > 0
    assert made.versions[0].prediction["labelled"] == 0
    assert holds(made)


def test_a_test_cannot_take_the_name_of_a_metric(fresh: Path) -> None:
    edit(fresh / "project.py", '"more returns before"', '"log_loss"')
    with pytest.raises(ShipwayError, match="SW-105") as refused:
        run(fresh)
    assert "'log_loss'" in refused.value.fact


def test_a_search_of_a_feature_that_is_none_names_the_nearest(fresh: Path) -> None:
    searched = 'sw.found_regressions("category", "customer.order_90d"),\n    sw.never_lowers('
    edit(fresh / "project.py", "sw.never_lowers(", searched)
    with pytest.raises(ShipwayError, match="SW-104") as refused:
        run(fresh)
    assert refused.value.fact == "the model has no feature customer.order_90d"
    assert "customer_orders_90d" in refused.value.hint


def test_damaged_predictions_are_refused_and_made_again_by_force(shop) -> None:
    """A table that can no longer be read is named as damaged, never as an error of the library that reads it."""
    workspace = Workspace(shop.project)
    runs = workspace.state().runs.values()
    digest = next(run.outputs["prediction"].digest for run in runs if run.task.startswith("score returned@"))
    path = workspace.blobs.path(digest)
    workspace.close()
    path.chmod(0o644)
    path.write_bytes(b"PAR1 no table any more")
    code = shop.root / "project.py"
    code.write_text(code.read_text().replace("sw.auc >= 0.65", 'sw.auc.better_than("base rate")'))
    with pytest.raises(ShipwayError, match="SW-605") as refused:
        run_project(shop.project)
    assert "--force" in refused.value.hint
    assert run_project(shop.project, force=True).outcome == "pass"


def test_a_model_of_classes_is_judged_and_registered(classes) -> None:
    (version,) = classes.run.versions
    assert classes.run.outcome == "pass"
    assert version.bundle is not None
    assert version.training["classes"] == ["kept", "late", "soon"]
    assert version.evidence["log_loss against current"].facts["baseline"] == "training shares"
    assert version.evidence["macro_auc"].low > 0.6
    assert set(version.evidence["macro_auc"].facts["shares"]) == {"kept", "late", "soon"}
    leaning = [each["of"] for each in version.evidence["label_maturity"].facts["bias"]]
    assert leaning == ["share of 'kept'", "share of 'late'", "share of 'soon'", "log loss"]
    assert version.evidence["action_value"].low > 0


def test_classes_that_a_version_never_learned_count_against_it(classes) -> None:
    """A class that first comes in the test period has no probability; a version that comes later has learned it."""
    lines = '.otherwise(pl.lit("late")),'
    first = "placed >= pl.lit('2024-09-20').str.to_datetime(time_zone='UTC')"
    edit(classes.root / "project.py", lines, f'.when({first}).then(pl.lit("lost"))\n        {lines}')
    edit(classes.root / "shipway.toml", "cuts = [2024-09-01]", "cuts = [2024-09-01, 2024-11-15]")
    edit(classes.root / "shipway.toml", TEST, "test = [2024-11-15, 2024-12-01]")
    first_version, later = run(classes.root).versions
    never = first_version.evidence["log_loss"]
    assert never.facts["unseen"] > 10
    assert f"{never.facts['unseen']} rows are of classes that it never learned" in never.facts["said"]
    assert set(never.facts["shares"]) == {"kept", "late", "lost", "soon"}
    assert later.training["classes"] == ["kept", "late", "lost", "soon"]
    assert "unseen" not in later.evidence["log_loss"].facts


def test_a_class_that_never_is_and_a_check_of_another_kind_are_refused_before_training(classes) -> None:
    path = classes.root / "project.py"
    edit(path, 'sw.auc.of("soon")', 'sw.auc.of("sooon")')
    with expect_refusal("SW-104") as caught:
        run(classes.root)
    assert caught[0].fact == "auc.of(\"sooon\") names class 'sooon', which label 'outcome' never is"
    edit(path, 'sw.auc.of("sooon")', "sw.auc")
    with expect_refusal("SW-403") as caught:
        run(classes.root)
    assert caught[0].fact == "auc measures predictions of a condition, and label 'outcome' is a class"
    edit(path, "sw.auc >= 0.6", "sw.macro_f1 >= 0.2")
    edit(path, '{"soon": 3, "late": 2}, otherwise=1)', '{"soon": 8, "late": 2})')
    with expect_refusal("SW-403") as caught:
        run(classes.root)
    assert "has no cost where label 'outcome' is 'kept'" in caught[0].fact
