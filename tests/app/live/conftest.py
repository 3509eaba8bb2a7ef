"""A service that lived through six weeks: a small project that really ran, and a log and decisions made by hand.

Version 1 answers until February 10, then version 2. Version 3 is version 2 on a feed that runs late, on trial for a day
and taken back. The log tells the truth of the offline frame but for three answers: one vector is off by one bit, one
was never logged, and one is of a row that nobody knows.
"""

import datetime as dt
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest

from shipway.adapters.log.parquet import ParquetLog
from shipway.app.candidate import code_digest
from shipway.app.frame import frame_of, read_rows
from shipway.app.live import LiveSummary, summarise_service
from shipway.app.progress import ignore
from shipway.app.project import Project, find_project
from shipway.app.release import open_service, release_feed, start_release
from shipway.app.replay.clock import ReplayClock, replay_folder, write_clock, write_reconciled
from shipway.app.run import RunReport, run_project
from shipway.app.runner import Runner
from shipway.app.training import predict_rows
from shipway.app.version import trained_of
from shipway.app.workspace import Workspace
from shipway.core.body import EvidenceRecorded, ReleaseMoved, RetrainAsked, RetrainEnded, VerdictGiven
from shipway.core.check import Evidence
from shipway.core.gate import Finding, Verdict
from shipway.data.plan import AT, LABEL, LABEL_KNOWN_AT
from shipway.kit.canonical import digest_value
from shipway.kit.duration import DAY, HOUR

CODE = """
import numpy as np
import polars as pl
import shipway as sw
from shipway import entity, feature_view, windows as w
from sklearn.linear_model import LogisticRegression


@sw.source(key="id", raw="visits", known_at={"asked": ("x", "shop"), "answered": ("won",)})
def visits(visits: pl.DataFrame) -> pl.DataFrame:
    return visits.with_columns(pl.col("asked", "answered").str.to_datetime(time_unit="us", time_zone="UTC"))


answers = visits.event("answered")
row = feature_view("row", visits, {"x": visits.x, "shop": visits.shop})
lately = {"won_7d": w.mean(answers.won, last="7d"), "n_1d": w.count(answers, last="1d")}
shop = feature_view("shop", entity("shop"), lately)
won = sw.label("won", answers.won > 0)


@sw.model("buyer", on=visits, at=visits.asked, label=won, features=[row, shop])
def train(frame):
    return LogisticRegression().fit(np.nan_to_num(frame.x), frame.y)


sw.gate("good", sw.auc >= 0.5, before="release")
sw.gate("fresh", sw.newest_seen(answers, within="12h"), every="1d")
"""
TOML = """
[project]
name = "shop"
timezone = "Europe/Paris"
at = 2024-05-01

[raw]
visits = "visits.csv"

[models.buyer]
cuts = [2024-01-20, 2024-02-01]
test = [2024-02-01, 2024-03-15]

[services.desk]
model = "buyer"
tick = "1d"
walk = [{weight = 0, hold = "2d"}, {weight = 0.1, hold = "1d"}, {weight = 1}]

[replay]
service = "desk"
period = [2024-02-01, 2024-03-15]
"""
ROWS = 11_500
PERIOD = ("2024-02-01", "2024-03-15")
FEATURES = ("row_x", "row_shop", "shop_won_7d", "shop_n_1d")


@dataclass(frozen=True)
class Lived:
    """The project, its summary and what the summary was made from, so that a test can compute it another way.

    `rows` are the frame's rows of the period with `p1` and `p2`, what versions 1 and 2 predict of them; `tasks` are
    those of the summary.
    """

    project: Project
    run: RunReport
    summary: LiveSummary
    rows: pl.DataFrame
    start: int
    end: int
    promoted: int
    known_by: int
    tasks: list


def write_visits(path):
    random = np.random.default_rng(11)
    start = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    asked = [start + dt.timedelta(minutes=9 * at) for at in range(ROWS)]
    x = random.normal(size=ROWS)
    # What x says of the outcome grows by and by, so that newer versions are better.
    slope = np.linspace(0.2, 2.5, ROWS)
    won = random.random(ROWS) < 1 / (1 + np.exp(-slope * x))
    answered = [when + dt.timedelta(hours=20) if random.random() < 0.9 else None for when in asked]
    frame = {
        "id": range(ROWS),
        "asked": [when.isoformat() for when in asked],
        "answered": [None if when is None else when.isoformat() for when in answered],
        "x": x,
        "shop": random.choice(["north", "south"], ROWS),
        "won": [None if when is None else int(w) for w, when in zip(won, answered, strict=True)],
    }
    pl.DataFrame(frame).write_csv(path)


def judge(workspace, subject, gate, rule, outcome, at, *, n=100):
    """Remember a verdict of one rule with its evidence, and return it."""
    evidence = Evidence(
        check=rule, subject=subject, value=0.5, low=0.4, high=0.6, n=n, facts={"said": f"{outcome} said"}
    )
    finding = Finding(rule=rule, outcome=outcome, reason=f"{outcome} said", evidence=evidence.id)
    verdict = Verdict(gate=gate, subject=subject, outcome=outcome, findings=(finding,))
    recorded = (subject, EvidenceRecorded(evidence=evidence, at=at))
    workspace.remember(recorded, (subject, VerdictGiven(verdict=verdict, gates=(gate,), at=at)))
    return verdict


def move(workspace, release, outcome, step, verdict, at):
    body = ReleaseMoved(
        release=release,
        outcome=outcome,
        step=step,
        weight=0.0,
        verdict=digest_value(verdict),
        reason=verdict.reason,
        at=at,
    )
    workspace.remember((f"release:{release}", body))


def decide(workspace, start):
    """Let the service live: two releases, a retrain that came to nothing, an incident."""
    open_service(workspace, "desk", 1, start)
    begun, promoted = start + 5 * DAY, start + 9 * DAY
    start_release(workspace, "desk", 2, begun)
    judge(workspace, "release:desk/1@0", "canary", "paired_loss() <= 0.01", "hold", begun + DAY)
    first = judge(workspace, "release:desk/1@0", "canary", "paired_loss() <= 0.01", "pass", begun + 2 * DAY)
    move(workspace, "desk/1", "walking", 1, first, begun + 2 * DAY)
    last = judge(workspace, "release:desk/1@1", "canary", "paired_loss() <= 0.01", "pass", promoted)
    move(workspace, "desk/1", "promoted", 2, last, promoted)
    store = workspace.state().services["desk"].stable.online
    release_feed(workspace, "desk", promoted, f"{store}~6h")
    stale = judge(workspace, "release:desk/2@0", "canary", "feature_lag <= 0.05", "fail", promoted + DAY)
    move(workspace, "desk/2", "rolled back", 0, stale, promoted + DAY)
    subject = workspace.state().services["desk"].subject
    for place, outcome in enumerate(["pass", "fail", "fail", "hold", "pass", "fail"]):
        judge(workspace, subject, "fresh", "newest_seen <= 12h", outcome, start + (20 + place) * DAY)
    asked = RetrainAsked(service="desk", model="buyer", verdict="0" * 64, reason="gate fresh", at=start + 21 * DAY)
    ended = RetrainEnded(
        service="desk", model="buyer", asked_at=asked.at, number=4, outcome="fail", reason="auc >= 0.9: 0.8"
    )
    workspace.remember(("service:desk", asked), ("service:desk", ended))
    return promoted


def vectors_of(rows):
    """Return rows of a frame as the server logs their vectors."""
    names = [str(key) for key in rows["id"]]
    columns = {"request": names, "row": names, "at": rows[AT].to_physical().to_numpy()}
    for name in FEATURES:
        texts = rows[name].dtype == pl.String
        columns[name] = rows[name].to_list() if texts else rows[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
    return columns


def predictions_of(rows, version, online, p, role="live"):
    names, count = [str(key) for key in rows["id"]], rows.height
    return {
        "request": names,
        "row": names,
        "at": rows[AT].to_physical().to_numpy(),
        "unit": names,
        "version": np.asarray(version, dtype=np.int64) * np.ones(count, dtype=np.int64),
        "role": [role] * count,
        "weight": np.zeros(count),
        "token": np.ones(count, dtype=np.int64),
        "p": p,
        "error": [None] * count,
        "latency_us": np.full(count, 200, dtype=np.int64),
        "answer_us": np.full(count, 900, dtype=np.int64),
        "online": [online] * count,
    }


def take(columns, mask):
    """Return columns of a segment where a mask is true."""
    return {
        name: [value for value, keep in zip(values, mask, strict=True) if keep]
        if isinstance(values, list)
        else values[mask]
        for name, values in columns.items()
    }


def write_log(workspace, rows, promoted):
    """Write what the service would have logged, and the three answers that are not as they should be."""
    service = workspace.state().services["desk"]
    log, online = ParquetLog(workspace.folder / "log" / "desk"), service.stable.online
    at = rows[AT].to_physical().to_numpy()
    after = at >= promoted
    p = np.where(after, rows["p2"].to_numpy(), rows["p1"].to_numpy())
    answers, vectors = predictions_of(rows, np.where(after, 2, 1), online, p), vectors_of(rows)
    answers["error"][7], answers["p"][7] = "SW-503", np.nan
    log.append("predictions", answers)
    late = service.releases[1]
    shown = (at >= late.started_at) & (at < late.ended_at)
    shadow = take(predictions_of(rows, 3, late.candidate.online, p, "shadow"), shown)
    log.append("predictions", shadow)
    stale = take(vectors, shown)
    stale["shop_n_1d"] = stale["shop_n_1d"] - 40
    stale["shop_won_7d"][:3] += 0.25
    log.append(f"features.{late.candidate.online}", stale)
    x = vectors["row_x"] = vectors["row_x"].copy()
    x[100] = np.nextafter(x[100], 9.0)
    log.append(f"features.{online}", take(vectors, np.arange(rows.height) != 200))
    unknown = rows[300:301].with_columns(id=pl.lit(999_999, dtype=pl.Int64))
    log.append("predictions", predictions_of(unknown, 1, online, p[300:301]))
    log.append(f"features.{online}", vectors_of(unknown))


@pytest.fixture(scope="session")
def lived(tmp_path_factory):
    """Return a service that lived, summarised; read it only."""
    root = tmp_path_factory.mktemp("lived") / "shop"
    root.mkdir()
    write_visits(root / "visits.csv")
    (root / "project.py").write_text(CODE)
    (root / "shipway.toml").write_text(TOML)
    project = find_project(root)
    run = run_project(project)
    assert all(version.bundle for version in run.versions)
    with closing(Workspace(project)) as workspace:
        start, end = (project.instant(dt.datetime.fromisoformat(day)) for day in PERIOD)
        promoted = decide(workspace, start)
        runner = Runner(workspace, ignore, code=code_digest())
        frame, _ = frame_of(runner, project.registry.models["buyer"])
        columns = ["id", AT, LABEL, LABEL_KNOWN_AT, *FEATURES]
        rows = read_rows(runner, frame, columns, period=(start, end))
        for number in (1, 2):
            trained = trained_of(runner, workspace.state().version("buyer", number))
            p, _ = predict_rows(runner, trained, frame, (start, end), ["id"])
            rows = rows.with_columns(pl.Series(f"p{number}", p))
        write_log(workspace, rows, promoted)
        folder, known_by = replay_folder(workspace), end - 12 * HOUR
        folder.mkdir()
        write_clock(folder, ReplayClock(position=known_by, start=start, end=end))
        write_reconciled(folder, known_by)
        runner = Runner(workspace, ignore, code=code_digest())
        summary = summarise_service(runner, "desk")
    return Lived(project, run, summary, rows, start, end, promoted, known_by, runner.tasks)
