"""A model trained on a frame at a cut, and what it predicts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.app.frame import read_columns, read_rows, write_parquet
from shipway.app.ingest import require_admission
from shipway.app.runner import Made, Runner
from shipway.core.artifact import Artifact
from shipway.core.bundle import InputColumn
from shipway.core.error import ShipwayError
from shipway.core.feature import flatten
from shipway.core.label import MEAN, LabelKind, read_classes, read_kind, say_mean, sums_to_one
from shipway.core.model import Model
from shipway.data.plan import AT, LABEL, LABEL_KNOWN_AT
from shipway.kit.canonical import canonical_json, digest_bytes, digest_value
from shipway.ports.model import ModelFormat, Predictor, open_format
from shipway.training.fit import fit
from shipway.training.frame import TrainFrame, encode_frame, prepare_frame, refer_inputs

P = "_p"
"""The column of a prediction table that holds what is predicted: a probability, a number, or an array of one for each
class."""
CLASS_ROWS = 100
"""Rows on which a model shows how many classes it tells apart."""
FORMATS = ("lightgbm", "xgboost", "torch", "sklearn")
"""Libraries whose estimators can be packaged; one that follows another's protocol stands before it."""
_INPUTS: msgspec.json.Decoder[tuple[InputColumn, ...]] = msgspec.json.Decoder(tuple[InputColumn, ...])


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained model and where its parts are kept.

    Attributes:
        format: native form, such as `lightgbm`.
        model: the native form's artifact.
        inputs: the columns it reads, as an artifact.
        facts: kind of label, rows, its rate or mean, and what else training saw.
        reference: what its columns looked like, as an artifact; None where the version is taken out of its bundle.
    """

    format: str
    model: Artifact
    inputs: Artifact
    facts: dict[str, Any]
    reference: Artifact | None = None

    @property
    def kind(self) -> LabelKind:
        """Return what kind of label it predicts."""
        return read_kind(self.facts)

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the classes that it learned, in the order of their codes; none of any other kind of label."""
        return read_classes(self.facts)

    @property
    def typical(self) -> float | tuple[float, ...]:
        """Return the mean of the labels it learned: the share that came true, a number, or the share of each class."""
        mean = self.facts[MEAN[self.kind]]
        return tuple(map(float, mean)) if self.kind == "class" else float(mean)

    @property
    def key(self) -> str:
        """Return the digest of what was trained: equal models read from equal columns are one version."""
        return digest_value([self.format, self.model.digest, self.inputs.digest, self.facts])


def train(
    runner: Runner,
    model: Model,
    frame: Artifact,
    cut: int,
    *,
    name: str,
    columns: tuple[str, ...] | None = None,
) -> Trained:
    """Train a model on the rows asked about before a cut whose label was known by then.

    Args:
        runner: runs and remembers.
        model: what is trained.
        frame: its frame.
        cut: nothing known later is learned from, microseconds since 1970 UTC.
        name: what people read.
        columns: the feature columns; all of the model's where None.

    Raises:
        ShipwayError: SW-401 if the runner's data may not be trained on, SW-402 for too few rows, SW-206 if the training
            function raises, SW-501 if what it returns is of no library that can be packaged, or predicts no label of
            the model's kind.
    """
    require_admission(runner)
    resources = runner.workspace.project.config.resources
    chosen = columns or model.columns
    constraints = {
        "rising": [c for c in (flatten(r.table, r.name) for r in model.rising) if c in chosen],
        "falling": [c for c in (flatten(f.table, f.name) for f in model.falling) if c in chosen],
    }
    outputs = runner.make(
        name,
        partial(_train, runner, model, frame, cut, chosen, constraints),
        inputs={"frame": frame.digest},
        params={
            "model": model.name,
            "columns": list(chosen),
            **constraints,
            "cut": cut,
            "params": model.params,
            "threads": resources.threads,
            "seed": resources.seed,
        },
        user_code=True,
    )
    facts = outputs["model"].facts
    return Trained(str(facts["format"]), outputs["model"], outputs["inputs"], facts, outputs["reference"])


def score(
    runner: Runner,
    frame: Artifact,
    trained: Trained,
    period: tuple[int, int],
    *,
    name: str,
    known: int | None = None,
) -> Artifact:
    """Predict every row asked about in a period, also those whose label will never be known.

    Args:
        runner: runs and remembers.
        frame: the features.
        trained: the model.
        period: from and to (exclusive), microseconds since 1970 UTC.
        name: what people read.
        known: no label known later is seen, microseconds since 1970 UTC; the domain time of runs where None.

    Returns:
        A table of the rows' keys, `_at`, `_label` and `_p`.

    Raises:
        ShipwayError: SW-202 if the frame lacks a column the model reads.
    """
    limit = known_by(runner) if known is None else known
    outputs = runner.make(
        name,
        partial(_score, runner, frame, trained, period, limit),
        inputs={"frame": frame.digest, "model": trained.model.digest, "inputs": trained.inputs.digest},
        params={
            "format": trained.format,
            "period": list(period),
            "threads": threads_of(runner),
            "known_by": limit,
        },
    )
    return outputs["prediction"]


def predict_rows(
    runner: Runner, trained: Trained, frame: Artifact, period: tuple[int, int], extra: Sequence[str]
) -> tuple[NDArray[np.float64], pl.DataFrame]:
    """Predict a period's rows of a frame.

    Returns:
        Probabilities or numbers of shape (rows,), of classes (rows, classes), and the extra columns of the same rows.
    """
    inputs = read_inputs(runner, trained)
    names = [column.name for column in inputs]
    rows = read_rows(runner, frame, [*extra, *names], period=period)
    x = encode_frame(rows.select(names), inputs)
    return load_predictor(runner, trained).predict(x), rows.select(extra)


def load_predictor(runner: Runner, trained: Trained) -> Predictor:
    """Return a model ready to predict, from its native form."""
    return format_of(runner, trained).load(runner.workspace.blobs.get(trained.model.digest))


def format_of(runner: Runner, trained: Trained) -> ModelFormat:
    """Return the native form of a model, which runs code only if the project allows it."""
    return open_format(trained.format, unpickle=runner.workspace.project.config.security.unpickle)


def read_inputs(runner: Runner, trained: Trained) -> tuple[InputColumn, ...]:
    """Return the columns a model reads."""
    return _INPUTS.decode(runner.workspace.blobs.get(trained.inputs.digest))


def known_by(runner: Runner) -> int | None:
    """Return the domain time of the project's file, after which no label is known; None where runs are in real time.

    In real time nothing known later can be in the data, and the present would make every run another one.
    """
    project = runner.workspace.project
    at = project.config.project.at
    return None if at is None else project.instant(at)


def threads_of(runner: Runner) -> int:
    """Return how many threads a library may use."""
    return runner.workspace.project.config.resources.threads


def _train(
    runner: Runner,
    model: Model,
    frame: Artifact,
    cut: int,
    columns: tuple[str, ...],
    constraints: dict[str, list[str]],
    report: Callable[[int, int], None],
) -> Made:
    workspace = runner.workspace
    rows = read_rows(runner, frame, [AT, LABEL, LABEL_KNOWN_AT, *columns], period=(-(2**62), cut))
    report(1, 4)
    resources = workspace.project.config.resources
    prepared, inputs = prepare_frame(
        rows,
        columns=columns,
        rising=constraints["rising"],
        falling=constraints["falling"],
        cut=cut,
        label=LABEL,
        label_known_at=LABEL_KNOWN_AT,
        at=AT,
        threads=resources.threads,
        seed=resources.seed,
    )
    del rows
    report(2, 4)
    estimator = fit(workspace.project.registry.function("model", model.name), prepared, model.params)
    report(3, 4)
    model_format = _find_format(estimator, unpickle=workspace.project.config.security.unpickle)
    facts = {
        "format": model_format.name,
        "label": prepared.kind,
        "rows": prepared.rows,
        **_describe_labels(prepared),
        "cut": cut,
        "fingerprint": digest_bytes(prepared.x.tobytes() + prepared.y.tobytes()),
    }
    reference = refer_inputs(inputs, prepared.x)
    native = model_format.dump(estimator, prepared.kind)
    if prepared.kind == "class":
        _check_classes(model_format.load(native), prepared)
    return Made(
        {
            "model": ("model", native, facts),
            "inputs": ("inputs", canonical_json(inputs), {"columns": len(inputs)}),
            "reference": ("reference", canonical_json(reference), {}),
        },
        said=f"{prepared.rows:,} rows, {say_mean(facts)}",
    )


def _describe_labels(prepared: TrainFrame) -> dict[str, Any]:
    if prepared.kind != "class":
        return {MEAN[prepared.kind]: round(float(prepared.y.mean()), 6)}
    shares = np.bincount(prepared.y, minlength=len(prepared.classes)) / prepared.rows
    return {"classes": list(prepared.classes), MEAN[prepared.kind]: [round(share, 6) for share in shares.tolist()]}


def _check_classes(predictor: Predictor, prepared: TrainFrame) -> None:
    """Refuse a model that tells other classes apart than the label has; most forms know how many, and not which."""
    said = predictor.predict(prepared.x[:CLASS_ROWS])
    if said.shape[1] != len(prepared.classes):
        raise ShipwayError(
            "SW-501",
            f"the model tells {said.shape[1]} classes apart, and the label has {len(prepared.classes)}: "
            f"{', '.join(map(repr, prepared.classes))}",
            "fit it on all of frame.y, which holds the place of each row's class in frame.classes",
        )
    if not sums_to_one(said).all():
        fact = "the model gives probabilities of a row that do not sum to one, and a row is of one class"
        raise ShipwayError("SW-501", fact, "train it for classes that exclude each other")


def _score(
    runner: Runner,
    frame: Artifact,
    trained: Trained,
    period: tuple[int, int],
    limit: int | None,
    report: Callable[[int, int], None],
) -> Made:
    del report
    there = read_columns(runner, frame)
    keys = there[: there.index(AT)]
    p, rows = predict_rows(runner, trained, frame, period, [*keys, AT, LABEL, LABEL_KNOWN_AT])
    if limit is not None:
        late = pl.col(LABEL_KNOWN_AT).dt.timestamp("us") > limit
        rows = rows.with_columns(pl.when(~late).then(LABEL))
    rows = rows.drop(LABEL_KNOWN_AT).with_columns(pl.Series(P, p))
    facts: dict[str, Any] = {"rows": rows.height, "labelled": int(rows[LABEL].is_not_null().sum())}
    if trained.kind == "class":
        facts["classes"] = list(trained.classes)
    said = f"{rows.height:,} rows, {facts['labelled']:,} with a label"
    return Made({"prediction": ("prediction", write_parquet(runner, rows, "prediction.parquet"), facts)}, said=said)


def _find_format(estimator: object, *, unpickle: bool) -> ModelFormat:
    # A library is imported where the estimator is of one of its classes, and not to find that it is none of them.
    libraries = {each.__module__.partition(".")[0] for each in type(estimator).__mro__}
    for name in FORMATS:
        if name in libraries:
            model_format = open_format(name)
            if model_format.accepts(estimator):
                return model_format
    model_format = open_format("python", unpickle=unpickle)
    if model_format.accepts(estimator):
        return model_format
    raise ShipwayError(
        "SW-501",
        f"the training function returned a {type(estimator).__module__}.{type(estimator).__name__}",
        f"return a fitted estimator of {', '.join(FORMATS)}, or an object with predict_proba or predict",
    )
