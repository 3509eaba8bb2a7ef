"""What a service came to, from a log and a ledger that tell of it, against sums done another way."""

import datetime as dt
import re
import shutil
from contextlib import closing

import msgspec
import numpy as np
import polars as pl
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from shipway.app.candidate import code_digest
from shipway.app.live import LiveSummary, summarise_service
from shipway.app.progress import ignore
from shipway.app.project import find_project
from shipway.app.replay.clock import Tally
from shipway.app.replay.report import Latency, ReplayReport
from shipway.app.report import write_report
from shipway.app.runner import Runner
from shipway.app.workspace import Workspace
from shipway.core.error import ShipwayError
from shipway.data.plan import AT, LABEL, LABEL_KNOWN_AT
from shipway.kit.duration import DAY
from shipway.maths.interval import clustered_mean, interval


def labelled(lived):
    """Return the rows that were answered, not failed, and have a label known by then."""
    at, known = (pl.col(name).dt.timestamp("us") for name in (AT, LABEL_KNOWN_AT))
    rows = lived.rows.with_row_index("place")
    counts = (at < lived.known_by) & (known <= lived.known_by) & (pl.col("place") != 7)
    rows = rows.filter(counts, pl.col(LABEL).is_not_null())
    after = (rows[AT].dt.timestamp("us") >= lived.promoted).to_numpy()
    return rows, np.where(after, rows["p2"].to_numpy(), rows["p1"].to_numpy())


def test_everything_is_counted(lived):
    summary, rows = lived.summary, lived.rows
    asked = rows.filter(pl.col(AT).dt.timestamp("us") < lived.known_by)
    assert (summary.service, summary.model, summary.period) == ("desk", "buyer", (lived.start, lived.end))
    assert summary.known_by == lived.known_by
    assert summary.history == ((lived.start, 1), (lived.promoted, 2))
    assert (summary.answered, summary.failed) == (asked.height + 1, 1)
    assert summary.labelled == labelled(lived)[0].height


def test_policies_are_measured_on_the_same_labelled_answers(lived):
    rows, served = labelled(lived)
    y, found = rows[LABEL].to_numpy(), lived.summary.comparison
    assert (found.rows, found.days) == (rows.height, rows[AT].dt.convert_time_zone("Europe/Paris").dt.date().n_unique())
    for policy, p in ((found.never, rows["p1"].to_numpy()), (found.triggered, served), (found.first, served)):
        assert policy.score.loss == pytest.approx(log_loss(y, p), abs=1e-12)
        assert policy.score.auc == pytest.approx(roc_auc_score(y, p), abs=1e-12)
    gain = found.never.score.loss - found.monthly.score.loss
    assert gain > 0
    assert found.triggered.share == pytest.approx((found.never.score.loss - found.triggered.score.loss) / gain)
    assert (found.never.share, found.monthly.share) == (0, 1)
    # What was served is the first release and nothing after it, so retraining keeps nothing of what that leaves.
    assert found.first.share == pytest.approx(found.triggered.share)
    assert found.left == pytest.approx(0, abs=1e-12)
    assert (found.triggered.changes, found.first.changes) == ((lived.promoted,), (lived.promoted,))


def test_differences_are_paired_and_clustered_by_day(lived):
    rows, served = labelled(lived)
    y, found = rows[LABEL].to_numpy(), lived.summary.comparison
    losses = [-np.where(y, np.log(p), np.log1p(-p)) for p in (served, rows["p1"].to_numpy())]
    days = rows[AT].dt.convert_time_zone("Europe/Paris").dt.date().to_physical().cast(pl.Int64).to_numpy()
    estimate = clustered_mean(losses[0] - losses[1], days)
    low, high = interval(estimate)
    assert msgspec.structs.astuple(found.never.difference) == pytest.approx((estimate.value, low, high), abs=1e-12)
    assert found.never.difference.value == pytest.approx(found.triggered.score.loss - found.never.score.loss)
    assert found.monthly.difference.value == pytest.approx(found.triggered.score.loss - found.monthly.score.loss)
    assert found.triggered.difference is None


def test_the_first_month_costs_nothing_and_later_ones_are_trained(lived):
    trained = {task.name: task.unchanged for task in lived.tasks if task.name.startswith("train")}
    assert trained == {"train monthly 2024-02-01": True, "train monthly 2024-03-01": False}
    march = lived.project.instant(dt.datetime(2024, 3, 1))
    assert lived.summary.comparison.monthly.changes == (march,)


def test_a_second_summary_finds_everything_made_and_says_the_same(lived):
    with closing(Workspace(lived.project)) as workspace:
        runner = Runner(workspace, ignore, code=code_digest())
        again = summarise_service(runner, "desk")
    assert all(task.unchanged for task in runner.tasks)
    assert again == lived.summary


def test_a_summary_survives_being_written_down(lived):
    assert msgspec.json.decode(msgspec.json.encode(lived.summary), type=LiveSummary) == lived.summary


def test_weeks_add_up(lived):
    weeks, summary = lived.summary.weeks, lived.summary
    rows, served = labelled(lived)
    assert [week.start for week in weeks] == [f"2024-{day}" for day in ("01-29", "02-05", "02-12", "02-19", "02-26",
                                                                         "03-04", "03-11")]  # fmt: skip
    assert sum(week.answered for week in weeks) == summary.answered
    assert sum(week.n for week in weeks) == summary.comparison.rows
    assert [sorted(week.versions) for week in weeks[:3]] == [[1], [1, 2], [2]]
    local = rows[AT].dt.convert_time_zone("Europe/Paris").dt.date()
    inside = local.is_between(dt.date(2024, 2, 5), dt.date(2024, 2, 11)).to_numpy()
    y = rows[LABEL].to_numpy()[inside]
    second = weeks[1]
    assert second.mean == pytest.approx(y.mean())
    assert second.mean_p == pytest.approx(served[inside].mean())
    assert second.scores["triggered"].loss == pytest.approx(log_loss(y, served[inside]))
    assert second.scores["never"].auc == pytest.approx(roc_auc_score(y, rows["p1"].to_numpy()[inside]))
    for name in ("never", "first release", "triggered", "monthly"):
        total = sum(week.n * week.scores[name].loss for week in weeks if week.n)
        measured = {policy.name: policy for policy in summary.comparison.policies}[name]
        assert total / summary.comparison.rows == pytest.approx(measured.score.loss)


def test_skew_of_what_was_served_finds_the_one_bit(lived):
    (audit,) = lived.summary.served_audit
    assert (audit.versions, audit.release, audit.features) == ((1, 2), None, 4)
    assert audit.requests == lived.summary.answered
    assert (audit.unlogged, audit.unmatched, audit.differing) == (1, 1, 1)
    assert audit.compared == audit.requests - 2
    (column,) = audit.columns
    assert (column.column, column.rows, column.row) == ("row_x", 1, str(lived.rows["id"][100]))
    assert column.online == np.nextafter(column.offline, 9.0)


def test_skew_of_a_version_on_trial_names_its_features(lived):
    (audit,) = lived.summary.shadow_audit
    asked = lived.rows[AT].dt.timestamp("us").is_between(lived.promoted, lived.promoted + DAY, closed="left").sum()
    assert (audit.versions, audit.release, audit.requests) == ((3,), "desk/2", asked)
    assert audit.online.endswith("~6h")
    assert (audit.compared, audit.differing, audit.unlogged) == (asked, asked, 0)
    assert [(column.column, column.rows) for column in audit.columns] == [("shop_n_1d", asked), ("shop_won_7d", 3)]
    assert audit.columns[0].online == audit.columns[0].offline - 40


def test_drift_is_of_the_newest_window_against_what_the_version_learned(lived):
    drift = lived.summary.drift
    assert (drift.version, drift.until - drift.since) == (2, 28 * DAY)
    at = pl.col(AT).dt.timestamp("us")
    assert drift.rows == lived.rows.filter(at >= drift.since, at < drift.until).height
    assert sorted(column.column for column in drift.columns) == ["row_shop", "row_x", "shop_n_1d", "shop_won_7d"]
    effects = [column.stability - column.chance for column in drift.columns]
    assert effects == sorted(effects, reverse=True)


def test_releases_are_told_step_by_step(lived):
    good, bad = lived.summary.releases
    begun = lived.start + 5 * DAY
    assert (good.outcome, good.ended_at, good.reason) == ("promoted", lived.promoted, "all 1 rules pass")
    assert [(step.name, step.since, step.until) for step in good.steps] == [
        ("shadow", begun, begun + 2 * DAY),
        ("10 %", begun + 2 * DAY, lived.promoted),
        ("100 %", lived.promoted, lived.promoted),
    ]
    assert [judgement.verdict.outcome for judgement in good.steps[0].judgements] == ["hold", "pass"]
    assert [evidence.check for evidence in good.steps[0].evidence] == ["paired_loss() <= 0.01"]
    assert (bad.outcome, bad.reason) == ("rolled back", "feature_lag <= 0.05: fail said")
    assert [step.since is None for step in bad.steps] == [False, True, True]
    assert (bad.steps[0].since, bad.steps[0].until) == (lived.promoted, lived.promoted + DAY)


def test_retrains_and_incidents_are_told(lived):
    (retrain,) = lived.summary.retrains
    assert (retrain.number, retrain.outcome, retrain.ended) == (4, "fail", "auc >= 0.9: 0.8")
    assert (retrain.asked_at, retrain.release, retrain.released) == (lived.start + 21 * DAY, None, None)
    first, second = lived.summary.incidents
    assert (first.opened_at, first.closed_at, first.closed_by, first.failed) == (
        lived.start + 21 * DAY,
        lived.start + 23 * DAY,
        "hold",
        2,
    )
    assert (second.opened_at, second.closed_at, second.closed_by) == (lived.start + 25 * DAY, None, None)
    assert lived.summary.gates == {"fresh": 6}


def test_a_service_that_was_never_open_is_refused(lived):
    with closing(Workspace(lived.project)) as workspace, pytest.raises(ShipwayError, match="SW-104 service 'desc'"):
        summarise_service(Runner(workspace, ignore, code="x"), "desc")


def test_report_of_a_life_is_written_over_what_was_there(lived, tmp_path):
    replay = ReplayReport(
        service="desk",
        started_at=lived.start,
        ended_at=lived.end,
        tally=Tally(requests=6_880, statuses={"200": 6_879, "503": 1}, restarts={"server": 2}),
        since=lived.start + DAY,
        seconds=60.0,
        serving_s=40.0,
        deciding_s=15.0,
        requests_per_second=172.0,
        latency=Latency(requests=6_880, p50_ms=0.5, p99_ms=2.0, p999_ms=3.0, max_ms=9.0),
        peak_mb={"server": 300.0},
        together_mb=None,
    )
    path = tmp_path / "report.html"
    write_report(lived.project, lived.run, path)
    bare = path.read_text()
    write_report(lived.project, lived.run, path, live=lived.summary, replay=replay)
    page = path.read_text()
    headings = re.findall("<h2>([^<]*)", page)
    without = re.findall("<h2>([^<]*)", bare)
    told = ["The releases", "The timeline", "Performance by week", "Labels that have come", "Was retraining worth it?",
            "Skew audit", "Drift",
            "The server"]  # fmt: skip
    assert headings == [*without[:-1], *told, without[-1]]
    assert not set(told) & set(without)
    assert not re.search(r"https?://(?!www\.w3\.org/)|url\(|@import|<script|<link|<img", page)
    assert page.count('id="') == len(headings)
    assert "Version 3 was taken back on 2024-02-11 because feature_lag &lt;= 0.05: fail said." in page
    assert "server 2 times" in page
    assert "1 of them not with a prediction" in page
    assert "from 2024-02-02 on" in page
    write_report(lived.project, lived.run, path, live=lived.summary)
    assert "The server" not in re.findall("<h2>([^<]*)", path.read_text())


@pytest.mark.parametrize(("label", "kind"), [("answers.won", "number"), ("answers.shop", "class")])
def test_a_label_that_became_another_kind_labels_nothing_and_is_told(lived, tmp_path, label, kind):
    root = tmp_path / "shop"
    shutil.copytree(lived.project.root, root)
    code = root / "project.py"
    code.write_text(code.read_text().replace('"won", answers.won > 0', f'"won", {label}'))
    with closing(Workspace(find_project(root))) as workspace:
        summary = summarise_service(Runner(workspace, ignore, code=code_digest()), "desk")
    assert (summary.predicts, summary.declares) == ("condition", kind)
    assert (summary.answered, summary.labelled) == (lived.summary.answered, 0)
    assert summary.comparison is None
    assert [week.n for week in summary.weeks] == [0] * len(lived.summary.weeks)
    assert [week.versions for week in summary.weeks] == [week.versions for week in lived.summary.weeks]
    assert summary.unlabelled.startswith(f"SW-403 the label of 'buyer' is a {kind} now, and versions of 'desk' predict")
    assert lived.summary.unlabelled == ""
