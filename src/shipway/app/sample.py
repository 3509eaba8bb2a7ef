"""The rows that a version is judged on, put together of its predictions and of what checks group them by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Final

import msgspec
import numpy as np
import polars as pl

from shipway.app.attribution import Rival
from shipway.app.classes import list_told, name_constant, read_predictions
from shipway.app.frame import admitted, read_columns, read_rows, read_table
from shipway.app.part import CALENDAR, calendar_part, code_labels
from shipway.app.runner import Runner
from shipway.app.training import Trained, load_predictor, read_inputs
from shipway.core.artifact import Artifact
from shipway.core.check import Check
from shipway.core.error import ShipwayError
from shipway.core.feature import flatten
from shipway.core.label import read_classes
from shipway.core.measure import Improvement, Score, SliceRegression, Value, ValueImprovement
from shipway.core.model import Model
from shipway.core.probe import MOST_CASES
from shipway.core.slice_measure import ROW, AdvantageTrend, Fairness, FoundRegression
from shipway.data.plan import AT, LABEL
from shipway.kit.suggestion import did_you_mean
from shipway.maths.multiclass import spread_classes
from shipway.training.frame import encode_frame, read_labels
from shipway.validation.cut import cut_column, cut_name
from shipway.validation.sample import BASE_RATE, Predict, Sample, make_sample, spread_rows, take_rows

PERTURBED_ROWS: Final = MOST_CASES
"""Rows a behavioural test changes; they are spread evenly over the evaluated ones."""


@dataclass(frozen=True, slots=True)
class Predicted:
    """What a version predicted of some rows, and all that is needed to measure it.

    Attributes:
        model: the declaration.
        subject: the version, as `model:name@number`.
        frame: the frame that it reads.
        trained: its model.
        predictions: of the rows.
        baselines: baseline to the name it goes by and its predictions of the same rows.
        limit: the moment of judging, after which no label is seen, microseconds since 1970 UTC; that of the newest
            label where None.
        rival: the version that reasons are compared with; None where there is none.
    """

    model: Model
    subject: str
    frame: Artifact
    trained: Trained
    predictions: Artifact
    baselines: Mapping[str, tuple[str, Artifact]]
    limit: int | None
    rival: Rival | None = None

    def list_inputs(self, runner: Runner) -> dict[str, str]:
        """Return the digests of what a measurement of it depends on, by name."""
        return {
            "frame": self.frame.digest,
            "spine": admitted(runner, (self.model.on.name,))[self.model.on.name].digest,
            "model": self.trained.model.digest,
            "inputs": self.trained.inputs.digest,
            "predictions": self.predictions.digest,
            **{f"baseline {name}": artifact.digest for name, (_, artifact) in self.baselines.items()},
        }

    def list_params(self, runner: Runner, checks: Sequence[Check]) -> dict[str, Any]:
        """Return the parameters that a measurement of checks on it depends on, by name."""
        return {
            "subject": self.subject,
            "checks": msgspec.to_builtins(checks),
            "names": {name: said for name, (said, _) in self.baselines.items()},
            "typical": self.trained.typical,
            "timezone": runner.workspace.project.config.project.timezone,
            "known_by": self.limit,
        }


def assemble_sample(
    runner: Runner, predicted: Predicted, checks: Sequence[Check], scored: pl.DataFrame, also: Sequence[str] = ()
) -> Sample:
    """Return the evaluated rows: those of the test period whose label is known.

    Args:
        runner: reads the columns that checks group and cluster by.
        predicted: what was predicted of them.
        checks: what is to be measured.
        scored: the predictions, also of rows without a label.
        also: columns of the source and parts of the calendar that cut the rows further.

    Raises:
        ShipwayError: SW-104 for a column or a feature that is not there, SW-403 where a baseline was scored on other
            rows.
    """
    model, trained, baselines = predicted.model, predicted.trained, predicted.baselines
    zone = runner.workspace.project.config.project.timezone
    rows = scored.filter(pl.col(LABEL).is_not_null())
    classes, learned = list_told(predicted.trained, predicted.baselines, scored), trained.classes
    typical = np.full((rows.height, *np.shape(trained.typical)), trained.typical)
    known = {BASE_RATE: spread_classes(typical, learned, classes) if classes else typical}
    for name, (_, artifact) in baselines.items():
        other = read_table(runner, artifact)
        if not other.select(model.on.key).equals(scored.select(model.on.key)):
            raise ShipwayError(
                "SW-403", f"baseline {name!r} was scored on other rows", "shipway run --force scores anew"
            )
        labelled = other.filter(scored[LABEL].is_not_null())
        known[name] = read_predictions(labelled, read_classes(artifact.facts), classes)
    at = rows[AT].dt.convert_time_zone(zone)
    measures = [check.measure for check in checks]
    wanted = {"month", *also} | {by for m in measures if isinstance(m, SliceRegression) for by in m.by}
    wanted |= {m.query for m in measures if isinstance(m, Score | Improvement) and m.query}
    wanted |= {"day"} if any(isinstance(m, AdvantageTrend) for m in measures) else set()
    searches = [m for m in measures if isinstance(m, FoundRegression | Fairness)]
    features = {by for m in searches for by in m.by if "." in by}
    cut = {by for m in searches for by in m.by} - features
    clusters = {"day"} | {
        m.cluster
        for m in measures
        if isinstance(m, Score | Improvement | Value | SliceRegression | FoundRegression | Fairness)
    }
    clusters |= {m.value.cluster for m in measures if isinstance(m, ValueImprovement)}
    clusters -= {ROW}
    columns = _columns(runner, model, rows, sorted((wanted | clusters | cut) - set(CALENDAR)))
    parts = {name: calendar_part(at, name) if name in CALENDAR else columns[name] for name in wanted | clusters | cut}
    read = _features(runner, predicted.frame, scored, sorted(features))
    cuts = {cut_name(by, m.bins): cut_column((read | parts)[by], m.bins) for m in searches for by in m.by}
    return make_sample(
        y=read_labels(rows[LABEL], classes),
        p=read_predictions(rows, learned, classes),
        baselines=known,
        baseline_names={name: said for name, (said, _) in baselines.items()} | name_constant(trained.kind),
        clusters={name: code_labels(parts[name]).codes for name in clusters},
        groups={name: code_labels(parts[name], ordered=name in CALENDAR) for name in wanted} | cuts,
        scored=scored.height,
        x=np.empty((rows.height, 0), dtype=np.float64),
        columns=(),
        predict=_predict_with(runner, trained, classes),
        classes=classes,
        learned=learned if classes else None,
    )


def _predict_with(runner: Runner, trained: Trained, classes: Sequence[str]) -> Predict:
    """Return what predicts rows by a version; its library is loaded when somebody asks, which most checks never do."""
    load = cache(partial(load_predictor, runner, trained))
    if classes:
        return lambda x: spread_classes(load().predict(x), trained.classes, classes)
    return lambda x: load().predict(x)


def _columns(runner: Runner, model: Model, rows: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Return columns of the model's source for the evaluated rows, in their order."""
    if not names:
        return pl.DataFrame()
    source = model.on
    for name in names:
        source[name]  # refuses a column the source does not declare
    snapshot = admitted(runner, (source.name,))[source.name]
    table = runner.workspace.tables.read(snapshot, [*source.key, *(n for n in names if n not in source.key)])
    joined = rows.select(source.key).join(table, on=list(source.key), how="left", maintain_order="left")
    return joined.select(names)


def _features(runner: Runner, frame: Artifact, scored: pl.DataFrame, names: Sequence[str]) -> dict[str, pl.Series]:
    """Return features named `view.name`, of the evaluated rows in their order; SW-104 for one the frame lacks."""
    if not names:
        return {}
    columns = {name: flatten(*name.split(".", maxsplit=1)) for name in names}
    there = read_columns(runner, frame)
    for name, column in columns.items():
        if column not in there:
            raise ShipwayError("SW-104", f"the model has no feature {name}", did_you_mean(column, there))
    rows = read_rows(runner, frame, list(columns.values()), period=period_of(scored))
    kept = rows.filter(scored[LABEL].is_not_null())
    return {name: kept[column] for name, column in columns.items()}


def take_features(
    runner: Runner, sample: Sample, frame: Artifact, trained: Trained, scored: pl.DataFrame, labelled: pl.Series
) -> Sample:
    """Return an evenly spread part of a sample with its features, for tests that change them.

    Args:
        runner: reads the features.
        sample: the evaluated rows.
        frame: the features.
        trained: the model, which says what it reads.
        scored: the predictions, also of rows without a label.
        labelled: which of them have one.
    """
    period = period_of(scored)
    inputs = read_inputs(runner, trained)
    names = [column.name for column in inputs]
    chosen = spread_rows(sample.n, PERTURBED_ROWS)
    positions = np.flatnonzero(labelled.to_numpy())[chosen] if sample.n else chosen
    rows = read_rows(runner, frame, names, period=period)[positions]
    return take_rows(sample, chosen, encode_frame(rows, inputs), tuple(names), support=inputs)


def period_of(scored: pl.DataFrame) -> tuple[int, int]:
    """Return from when to when (exclusive) rows were asked about, microseconds since 1970 UTC; zeros without rows."""
    asked = scored[AT].to_physical().to_numpy()
    return (int(asked.min()), int(asked.max()) + 1) if len(asked) else (0, 0)
