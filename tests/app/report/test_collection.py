"""What a report collects, from real runs of a small project."""

import datetime as dt

import msgspec
import numpy as np
import polars as pl
import pytest

from shipway.app.project import find_project
from shipway.app.report import collect_report, write_report
from shipway.app.report.collection import STAGES, unit_of
from shipway.app.report.gate import Measured
from shipway.app.run import run_project
from shipway.app.workspace import Workspace
from shipway.core.candidate import auc, decision_value
from shipway.core.error import ShipwayError
from shipway.core.performance import action, action_value, recall
from shipway.maths.interval import Estimate, interval

PROJECT = '''
import numpy as np
import polars as pl
import shipway as sw
from shipway import entity, feature_view, windows as w
from sklearn.linear_model import LogisticRegression


@sw.source(key="id", raw="visits", known_at={"asked": ("x", "shop"), "answered": ("won",)})
def visits(visits: pl.DataFrame) -> pl.DataFrame:
    return visits.with_columns(pl.col("asked", "answered").str.to_datetime(time_unit="us", time_zone="UTC"))


answers = visits.event("answered")
row = feature_view("row", visits, {"x": visits.x})
shop = feature_view("shop", entity("shop"), {"won_7d": w.mean(answers.won, last="7d")})
won = sw.label("won", answers.won > 0)


@sw.model("buyer", on=visits, at=visits.asked, label=won, features=[row, shop], baselines={"bare": [shop]})
def train(frame):
    """Fit a line.

    More words that no report needs.
    """
    return LogisticRegression().fit(np.nan_to_num(frame.x), frame.y)
'''
JUDGED = """
sw.gate("enough", sw.has_rows(visits) >= 100, sw.present(visits.x), before="training")
sw.gate(
    "good",
    sw.auc >= 0.6,
    sw.log_loss.better_than("current"),
    sw.auc.better_than("bare"),
    sw.decision_value(act_if_true=2, act_if_false=5, skip_if_true=10, skip_if_false=1) > 0,
    sw.slice_regression("shop", "month", support_rows=60),
    sw.found_regressions("shop", "month", row.x, support_rows=60),
    sw.demographic_parity("shop", support_rows=50) <= 1,
    sw.advantage_trend() >= -10,
    sw.never_lowers("more_helps", {row.x: 1.0}),
    sw.never_matters("little_matters", {row.x: 0.001}),
    before="release",
)
sw.leak("too_early", model=train, swap={answers: visits.event("asked")}, doc="Answers are read as they are asked.")
"""
TOML = """
[project]
name = "shop"
owner = "sales"
timezone = "Europe/Paris"
at = 2024-05-01T00:00:00

[raw]
visits = "visits.csv"

[models.buyer]
cuts = CUTS
test = [2024-02-01, 2024-04-01]
"""
ROWS = 13_500


def write_visits(path):
    rng = np.random.default_rng(7)
    start = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    asked = [start + dt.timedelta(minutes=9 * at) for at in range(ROWS)]
    x = rng.normal(size=ROWS)
    won = rng.random(ROWS) < 1 / (1 + np.exp(-1.5 * x))
    answered = [when + dt.timedelta(hours=20) if rng.random() < 0.9 else None for when in asked]
    known = [answer is not None for answer in answered]
    frame = {
        "id": range(ROWS),
        "asked": [when.isoformat() for when in asked],
        "answered": [None if when is None else when.isoformat() for when in answered],
        "x": x,
        "shop": rng.choice(["north", "south"], ROWS),
        "won": [int(w) if there else None for w, there in zip(won, known, strict=True)],
    }
    pl.DataFrame(frame).write_csv(path)


def make_project(folder, code, cuts):
    folder.mkdir()
    write_visits(folder / "visits.csv")
    (folder / "project.py").write_text(code)
    return configure(folder, cuts)


def configure(folder, cuts):
    (folder / "shipway.toml").write_text(TOML.replace("CUTS", cuts))
    return find_project(folder)


def collect(project, run):
    workspace = Workspace(project)
    try:
        return collect_report(workspace, run)
    finally:
        workspace.close()


def read_blob(project, digest):
    return msgspec.json.decode(Workspace(project).blobs.get(digest))


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    folder = tmp_path_factory.mktemp("judged") / "shop"
    project = make_project(folder, PROJECT + JUDGED, "[2024-01-20, 2024-02-01]")
    run = run_project(project)
    return project, run, collect(project, run)


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    project = make_project(tmp_path_factory.mktemp("bare") / "shop", PROJECT, "[2024-02-01]")
    run = run_project(project)
    return project, run, collect(project, run)


def test_model_says_what_it_answers(judged):
    _, _, data = judged
    (model,) = data.models
    assert (data.project, data.owner, data.outcome) == ("shop", "sales", "hold")
    assert (model.name, model.purpose) == ("buyer", "Fit a line.")
    assert (model.label, model.at) == ("visits.answered.won > 0", "visits.asked")
    assert model.period == ("2024-02-01", "2024-03-31")


def test_versions_hold_what_was_measured(judged):
    _, run, data = judged
    (model,) = data.models
    assert [version.cut for version in model.versions] == ["2024-01-20", "2024-02-01"]
    assert [version.outcome for version in model.versions] == ["pass", "hold"]
    for version, report in zip(model.versions, run.versions, strict=True):
        assert (version.scored, version.evaluated) == (report.prediction["rows"], report.prediction["labelled"])
        assert [version.skill, version.loss, version.squared] == [
            number(report.evidence[name]) for name in ("auc", "log_loss", "brier")
        ]
        gap = report.evidence["calibration_gap"].facts
        assert version.calibration_gap == Measured(gap["gap"], gap["gap_low"], gap["gap_high"])
        assert version.saved == number(report.evidence["decision_value"])
        assert [gain for _, _, gain in version.gains] == [
            number(report.evidence[name]) for name in ("log_loss against current", "auc against bare")
        ]
    assert [gain[:2] for gain in model.versions[0].gains] == [("log_loss", "base rate"), ("auc", "bare")]
    assert [gain[:2] for gain in model.versions[1].gains] == [("log_loss", "version 1"), ("auc", "bare")]
    assert model.versions[0].bundle.digest == run.versions[0].bundle
    assert model.versions[1].bundle is None


def test_rules_stand_beside_what_they_were_judged_on(judged):
    _, run, data = judged
    assert [(gate.name, gate.subject, gate.outcome) for gate in data.gates] == [
        ("enough", run.data[0].subject, "pass"),
        ("good", "model:buyer@1", "pass"),
        ("good", "model:buyer@2", "hold"),
    ]
    rows = data.gates[0].rules[0]
    assert (rows.text, rows.unit, rows.op, rows.bound) == ("has_rows(visits) >= 100", "count", ">=", 100)
    assert rows.measured == Measured(ROWS, ROWS, ROWS)
    units = [rule.unit for rule in data.gates[2].rules]
    assert units == ["auc", "loss", "auc", "cost", "count", "count", "share", "loss", "share", "share"]
    for rule, finding in zip(data.gates[2].rules, run.versions[1].verdicts[0].findings, strict=True):
        evidence = next(each for each in run.versions[1].evidence.values() if each.id == finding.evidence)
        assert (rule.text, rule.outcome, rule.reason) == (finding.rule, finding.outcome, finding.reason)
        assert rule.measured == number(evidence)


def test_costs_by_month_add_up_to_the_costs_of_all_rows(judged):
    _, _, data = judged
    (model,) = data.models
    rows = [part.n for part in model.lines[0].parts]
    assert [cost.label for cost in model.value.months] == ["2024-02", "2024-03"]
    for name in ("nothing", "model", "oracle"):
        costs = [getattr(month, name) for month in model.value.months]
        assert np.average(costs, weights=rows) == pytest.approx(getattr(model.value, name), rel=1e-9)
    assert model.value.nothing - model.value.model == pytest.approx(model.value.saved.value)


def test_lines_are_versions_baselines_and_both_sides_of_a_leak(judged):
    _, _, data = judged
    (model,) = data.models
    assert [(line.name, line.role) for line in model.lines] == [
        ("version 2", "newest"),
        ("version 1", "earlier"),
        ("bare", "baseline"),
        ("too_early as claimed", "claimed"),
        ("too_early as served", "served"),
    ]
    for line in model.lines:
        assert sum(part.n for part in line.parts) == model.versions[-1].evaluated
        assert [part.label for part in line.parts] == ["2024-02", "2024-03"]


def test_leak_is_refused_and_priced_against_the_newest_version(judged):
    _, run, data = judged
    (leak,) = data.models[0].leaks
    assert [refusal.column for refusal in leak.refusals] == [refusal.column for refusal in run.leaks[0].refusals]
    assert leak.doc == "Answers are read as they are asked."
    assert leak.honest.skill == data.models[0].versions[-1].skill
    assert leak.claimed.skill == Measured(*run.leaks[0].claimed.skill)
    assert leak.served.loss == Measured(*run.leaks[0].served.loss)


def test_calibration_is_that_of_the_profiles_newest_first(judged):
    project, run, data = judged
    curves = data.models[0].calibration
    assert [(curve.name, curve.newest) for curve in curves] == [("version 2", True), ("version 1", False)]
    for curve, report in zip(curves, reversed(run.versions), strict=True):
        table = read_blob(project, report.profile)["calibration"]
        assert list(curve.bins) == [(row["mean_p"], row["mean"]) for row in table]


def test_slices_keep_their_order_and_get_an_interval(judged):
    project, run, data = judged
    (slices,) = data.models[0].details.slices
    evidence = run.versions[1].evidence["slice_regression by shop, month"]
    rows = read_blob(project, evidence.detail)
    assert slices.baseline == "version 1"
    assert [each.name for each in slices.tested + slices.under_support] == [row["slice"] for row in rows]
    assert len(slices.tested) == evidence.facts["tested"]
    for each, row in zip(slices.tested, rows, strict=False):
        of = Estimate(row["difference"], row["standard_error"], row["n"], row["clusters"])
        assert each.interval == interval(of)
        assert each.candidate - each.baseline == pytest.approx(each.difference)


def test_searches_fairness_and_trends_are_what_was_measured(judged):
    project, run, data = judged
    model, measured = data.models[0], run.versions[1].evidence
    details = model.details
    (search,), (fairness,), (trend,) = details.searches, details.fairness, details.trends
    found = measured["found_regressions by shop, month, row.x (support_rows=60)"]
    rows = read_blob(project, found.detail)
    assert search.check == 'found_regressions("shop", "month", row.x, support_rows=60)'
    assert (search.baseline, search.tested) == ("version 1", found.facts["tested"])
    assert [each.slice for each in search.slices] == [row["slice"] for row in rows]
    assert any("row.x=" in row["slice"] for row in rows)
    assert search.tested > 20
    assert {each.group.partition("=")[0] for each in fairness.groups} == {"shop"}
    assert fairness.said == measured["demographic_parity by shop (support_rows=50)"].facts["said"]
    assert trend.windows[0].window.startswith("2024-02-01")
    assert trend.said.endswith("days")


def test_behaviours_say_what_is_expected(judged):
    _, _, data = judged
    more, little = data.models[0].details.behaviours
    assert (more.name, more.expects) == ("more_helps", "no prediction falls by more than 0.005")
    assert (little.name, little.expects) == ("little_matters", "no prediction moves by more than 0.02")
    assert [(trial.change, trial.share_violating) for trial in more.trials] == [("row_x +1", 0.0)]
    assert more.trials[0].mean_change > little.trials[0].mean_change > 0


def test_stages_are_the_path_with_its_verdicts(judged):
    _, run, data = judged
    assert [stage.name for stage in data.stages] == list(STAGES.values())
    assert all(not task.unchanged for stage in data.stages for task in stage.tasks)
    assert sum(len(stage.tasks) for stage in data.stages) == run.made
    outcomes = {stage.name: stage.outcomes for stage in data.stages if stage.outcomes}
    assert outcomes == {"Check data": (("enough", "pass"),), "Evaluate": (("good", "hold"),)}
    assert [task.name for task in data.stages[-1].tasks] == [
        "refuse too_early",
        "frame too_early",
        "train too_early",
        "score too_early as claimed",
        "score too_early as served",
        "price too_early",
    ]


def test_origin_cites_the_history(judged):
    project, run, data = judged
    head = Workspace(project).ledger.head()
    assert (data.origin.entries, data.origin.head) == (head.seq, head.digest)
    assert data.origin.tables == {"visits": ROWS}
    assert (data.origin.made, data.origin.unchanged) == (run.made, run.unchanged)
    assert (data.origin.data, data.origin.project_code) == (run.commit, project.sources_digest)


def test_bare_project_has_only_what_it_has(bare):
    _, _, data = bare
    (model,) = data.models
    assert model.value is None
    assert (model.leaks, model.details.slices, model.details.behaviours) == ((), (), ())
    assert [line.role for line in model.lines] == ["newest", "baseline"]
    (version,) = model.versions
    assert (version.outcome, version.saved, version.bundle, version.gains) == (None, None, None, ())
    (gate,) = data.gates
    assert [(rule.text, rule.unit, rule.op) for rule in gate.rules] == [("has_rows(visits) >= 1", "number", None)]


def test_second_run_finds_everything_unchanged(bare):
    project, _, data = bare
    again = run_project(project)
    found = collect(project, again)
    assert again.made == 0
    assert all(task.unchanged for stage in found.stages for task in stage.tasks)
    assert found.models == data.models
    assert [stage.name for stage in found.stages] == [stage.name for stage in data.stages]


def test_run_with_other_cuts_shows_its_own_tasks_and_the_version_it_is_compared_with(tmp_path):
    project = make_project(tmp_path / "shop", PROJECT + JUDGED, "[2024-01-20]")
    run_project(project, leaks=False)
    project = configure(tmp_path / "shop", "[2024-02-01]")
    data = collect(project, run_project(project, leaks=False))
    assert [(line.name, line.role) for line in data.models[0].lines] == [
        ("version 2", "newest"),
        ("version 1", "earlier"),
        ("bare", "baseline"),
    ]
    names = {stage.name: [task.name for task in stage.tasks] for stage in data.stages}
    assert names["Train"] == ["train buyer 2024-02-01", "train bare 2024-02-01"]
    assert names["Evaluate"] == ["evaluate buyer@2"]


def test_refused_data_leave_a_report_without_models(tmp_path):
    refusing = 'sw.gate("enough", sw.has_rows(visits) >= 1_000_000, before="training")\n'
    project = make_project(tmp_path / "shop", PROJECT + refusing, "[2024-02-01]")
    data = collect(project, run_project(project))
    assert (data.outcome, data.models) == ("fail", ())
    assert [stage.name for stage in data.stages] == ["Ingest", "Check data"]
    assert data.origin.tables == {"visits": ROWS}


def test_missing_blob_is_refused(judged):
    project, run, _ = judged
    versions = [msgspec.structs.replace(version, profile="0" * 64) for version in run.versions]
    with pytest.raises(ShipwayError, match="SW-605"):
        collect(project, msgspec.structs.replace(run, versions=versions))


def test_report_is_written_over_what_was_there(bare, tmp_path):
    project, run, _ = bare
    path = tmp_path / "new" / "report.html"
    assert write_report(project, run, path) == path
    first = path.read_bytes()
    path.write_text("older")
    write_report(project, run, path)
    assert path.read_bytes() == first
    assert first.startswith(b"<!doctype html>")
    assert [each.name for each in path.parent.iterdir()] == ["report.html"]


def test_report_that_cannot_be_written_is_refused(bare, tmp_path):
    project, run, _ = bare
    (tmp_path / "taken").mkdir()
    with pytest.raises(ShipwayError, match="SW-602"):
        write_report(project, run, tmp_path / "taken")


def number(evidence):
    return Measured(evidence.value, evidence.low, evidence.high)


def test_every_measure_of_a_candidate_has_a_unit():
    offer = decision_value(act_if_true=6, act_if_false=2, skip_if_true=15)
    rescue = action_value(wait=action(if_true=9, if_false=0), call=action(if_true=5, if_false=2))
    due = {
        auc: "auc",
        auc.better_than("current").check: "auc",
        recall(at=0.4): "loss",
        offer: "cost",
        offer.better_than("current").check: "cost",
        rescue: "cost",
        rescue.better_than("current").check: "cost",
    }
    assert {check: unit_of(check.measure) for check in due} == due
