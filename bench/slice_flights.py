"""Do the checks on slices say of flights what is true of them? Four changes of a model of delays, May to December.

Every model predicts lateness two hours before departure from the same 46 features of `examples/flights`, all of them as
known. `frozen` learned from January to March; the others are made anew each month:

    expanding    learned from everything known by then: better everywhere, so an alarm on a slice is false
    Platt        frozen, its log odds recalibrated on the month before: better on all rows, worse in some hours
    rolling      learned from the three months before: a change whose slices look worse than they are if rows of one
                 day are taken as independent

Printed for each: log loss of both, the z of the difference on all rows, and by each check the slices that it alarms on,
with errors clustered by day (as shipway has it) and by row; then the worst slices.

    slice_regression     carrier, origin, 4-hour band, distance and month, and their pairs; Benjamini-Yekutieli
    found_regressions    these, destination and five features, numbers cut at their quantiles; Benjamini-Hochberg

    python bench/slice_flights.py
"""

import datetime as dt
import shutil
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import lightgbm
import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.app.candidate import make_runner
from shipway.app.frame import frame_of, read_rows
from shipway.app.ingest import admit, make_tables
from shipway.app.part import calendar_part, code_labels
from shipway.app.project import find_project
from shipway.app.workspace import Workspace
from shipway.core.measure import SliceRegression
from shipway.core.slice_measure import ROW, FoundRegression
from shipway.data.plan import AT, LABEL, LABEL_KNOWN_AT
from shipway.maths.interval import clustered_mean
from shipway.maths.metric import auc
from shipway.validation.cut import cut_column, cut_name
from shipway.validation.found import search_regressions
from shipway.validation.sample import Sample, make_sample
from shipway.validation.slices import find_regressions

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
EXAMPLE: Final = Path(__file__).parents[1] / "examples" / "flights"
ZONE: Final = "America/New_York"
TEXTS: Final = ("flight_carrier", "flight_origin", "flight_dest")
FEATURES: Final = (
    *TEXTS, "flight_distance", "flight_minute", "flight_weekday", "plane_seats", "plane_year",
    *(f"wx_{name}" for name in ("temp", "dewp", "humid", "wind_speed", "wind_gust", "precip", "pressure", "visib")),
    *(f"sys_{name}_{w}" for name in ("dep_mean", "arr_mean", "late_share", "canc_n") for w in ("1h", "3h")),
    *(f"org_{name}_{w}" for name in ("dep_mean", "late_share") for w in ("1h", "3h")), "org_canc_n_3h", "org_backlog",
    "org_sched_next", *(f"co_{name}_3h" for name in ("dep_mean", "late_share", "canc_n")), "car_dep_mean_3h",
    "car_late_share_7d", "car_late_share_28d", "dst_dep_mean_3h", "dst_late_share_3h", "dst_late_share_7d",
    "dst_late_share_28d", "rt_late_share_7d", "rt_late_share_28d", "fn_late_share_28d", "tail_last_delay",
    "tail_last_age",
)  # fmt: skip
DECLARED: Final = ("carrier", "origin", "hour_band", "distance_band", "month")
SEARCHED: Final = (
    "carrier", "origin", "dest", "hour_band", "weekday", "month", "flight_distance", "wx_temp", "wx_visib",
    "org_dep_mean_1h", "org_backlog",
)  # fmt: skip
MONTHS: Final = range(5, 13)
PARAMS: Final[dict[str, Any]] = {
    "objective": "binary", "learning_rate": 0.15, "num_leaves": 31, "max_bin": 127, "min_data_in_leaf": 100,
    "feature_fraction": 0.7, "num_threads": 1, "seed": 1, "deterministic": True, "force_row_wise": True,
    "verbosity": -1,
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """Labelled flights in the order they are asked about: features, labels, and when each is asked and known."""

    frame: pl.DataFrame
    x: Floats
    y: Bools
    asked: NDArray[np.int64]
    known: NDArray[np.int64]
    at: pl.Series


def build() -> World:
    """Build the frame of the example, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(shutil.copytree(EXAMPLE, Path(folder) / "flights"))
        project = find_project(place)
        with closing(Workspace(project)) as workspace, workspace.hold():
            runner = make_runner(workspace)
            _, admission = admit(runner, make_tables(runner))
            assert admission.granted
            artifact, _ = frame_of(runner, project.registry.models["delay"])
            frame = read_rows(runner, artifact, [AT, LABEL, LABEL_KNOWN_AT, *FEATURES])
    frame = frame.filter(pl.col(LABEL).is_not_null()).sort(AT)
    columns = [
        code_labels(frame[name]).codes.astype(np.float64)
        if name in TEXTS
        else frame[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        for name in FEATURES
    ]
    return World(
        frame=frame,
        x=np.column_stack(columns),
        y=frame[LABEL].to_numpy().astype(np.bool_),
        asked=frame[AT].to_physical().to_numpy(),
        known=frame[LABEL_KNOWN_AT].to_physical().to_numpy(),
        at=frame[AT].dt.convert_time_zone(ZONE),
    )


def instant(month: int) -> int:
    """Return when a month of 2013 begins in New York, in microseconds since 1970 UTC."""
    year, month = 2013 + (month - 1) // 12, (month - 1) % 12 + 1
    return int(pl.Series([dt.datetime(year, month, 1)]).dt.replace_time_zone(ZONE).dt.epoch("us")[0])


def train(world: World, start: int, cut: int) -> Any:
    """Train on flights asked about from a month on whose label is known by another."""
    rows = (world.asked >= instant(start)) & (world.known < instant(cut))
    data = lightgbm.Dataset(world.x[rows], world.y[rows], categorical_feature=[0, 1, 2], params=PARAMS)
    return cast("Any", lightgbm).train(PARAMS, data, num_boost_round=60)


def predict_all(world: World) -> dict[str, Floats]:
    """Return what each model predicts, flights before May by `frozen`."""
    frozen = train(world, 1, 4)
    p = np.asarray(frozen.predict(world.x), np.float64)
    known = {name: p.copy() for name in ("frozen", "expanding", "Platt", "rolling")}
    for month in MONTHS:
        rows = (world.asked >= instant(month)) & (world.asked < instant(month + 1))
        known["expanding"][rows] = train(world, 1, month).predict(world.x[rows])
        known["rolling"][rows] = train(world, month - 3, month).predict(world.x[rows])
        before = (world.asked >= instant(month - 1)) & (world.known < instant(month))
        known["Platt"][rows] = recalibrate(p[before], world.y[before], p[rows])
    return known


def recalibrate(p: Floats, y: Bools, new: Floats) -> Floats:
    """Return new predictions recalibrated by a logistic regression on the log odds of others (Platt 1999)."""
    x = np.column_stack([np.ones(p.size), np.log(p / (1 - p))])
    beta = np.array([0.0, 1.0])
    for _ in range(25):
        q = 1 / (1 + np.exp(-x @ beta))
        beta += np.linalg.solve((x * (q * (1 - q))[:, None]).T @ x, x.T @ (y - q))
    return 1 / (1 + np.exp(-(beta[0] + beta[1] * np.log(new / (1 - new)))))


def compare(world: World, candidate: Floats, baseline: Floats) -> Sample:
    """Return the flights from May on as a sample in which one model is compared with another."""
    rows = world.asked >= instant(MONTHS[0])
    at, frame = world.at.filter(pl.Series(rows)), world.frame.filter(pl.Series(rows))
    parts = {name: calendar_part(at, name) for name in ("day", "hour_band", "weekday", "month")}
    parts |= {name: frame[f"flight_{name}"] for name in ("carrier", "origin", "dest")}
    parts["distance_band"] = (frame["flight_distance"] // 500 * 500).cast(pl.Int64)
    parts |= {name: frame[name] for name in SEARCHED if name not in parts}
    n = int(rows.sum())
    return make_sample(
        y=world.y[rows],
        p=candidate[rows],
        baselines={"base rate": np.full(n, 0.25), "current": baseline[rows]},
        clusters={"day": code_labels(parts["day"]).codes, ROW: np.arange(n, dtype=np.int64)},
        groups={name: code_labels(parts[name]) for name in DECLARED}
        | {cut_name(name, 10): cut_column(parts[name]) for name in SEARCHED},
        scored=n,
        x=np.empty((n, 0)),
        columns=(),
        predict=lambda x: x[:, 0],
    )


def report(name: str, sample: Sample) -> None:
    """Print what the checks say of one change."""
    theirs, ours = sample.lose(sample.baselines["current"]), sample.lose(sample.p)
    whole = clustered_mean(ours - theirs, sample.clusters["day"])
    areas = [auc(sample.happened, p) for p in (sample.baselines["current"], sample.p)]
    print(
        f"{name}: AUC {areas[0]:.3f} -> {areas[1]:.3f}, log loss {theirs.mean():.4f} -> {ours.mean():.4f}, "
        f"z {whole.value / whole.standard_error:+.1f} by day"
    )
    for cluster in ("day", ROW):
        declared = find_regressions(SliceRegression(DECLARED, cluster=cluster), sample)
        found = search_regressions(FoundRegression(SEARCHED, cluster=cluster), sample)
        alone = sum(row["decides"] and row["p"] < 0.05 for row in declared.detail or [])
        print(
            f"  errors by {cluster}: slice_regression {declared.value:.0f} of {declared.facts['tested']:,} "
            f"({alone} at p < .05 uncorrected); found_regressions {found.value:.0f} of {found.facts['tested']:,} "
            f"in {found.facts['lines']} lines"
        )
        if cluster == "day":
            for row in (declared.detail or [])[:2]:
                z = row["difference"] / row["standard_error"]
                print(f"    declared {row['slice']:34} {row['n']:7,} rows {row['difference']:+.4f} z {z:+.1f}")
            for row in (found.detail or [])[:3]:
                print(f"    searched {row['slice']:34} {row['n']:7,} rows {row['difference']:+.4f} p {row['p']:.1e}")


def main() -> None:
    started = time.process_time()
    world = build()
    print(f"{world.y.size:,} labelled flights, {len(FEATURES)} features, {time.process_time() - started:.0f} CPU s")
    known = predict_all(world)
    print(f"models made, {time.process_time() - started:.0f} CPU s")
    for baseline, candidate in (
        ("frozen", "expanding"), ("frozen", "Platt"), ("frozen", "rolling"), ("expanding", "rolling")
    ):  # fmt: skip
        report(f"{baseline} -> {candidate}", compare(world, known[candidate], known[baseline]))
    control = compare(world, known["expanding"], known["frozen"])
    assert find_regressions(SliceRegression(DECLARED), control).value == 0
    recalibrated = find_regressions(SliceRegression(DECLARED), compare(world, known["Platt"], known["frozen"]))
    if not any(row["regressed"] and row["slice"] == "hour_band=04h" for row in recalibrated.detail or []):
        sys.exit("the regression of the recalibrated model in the early hours was missed")


if __name__ == "__main__":
    main()
