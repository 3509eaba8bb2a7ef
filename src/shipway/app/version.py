"""One version of a model: a frame as known at each row's instant, a model trained at a cut, and its predictions."""

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray
from polars.exceptions import PolarsError

from shipway.adapters.file.fault import translate_fault
from shipway.app.adapter import load_adapter
from shipway.app.runner import Made, Runner
from shipway.core.artifact import Artifact
from shipway.core.body import VersionOpened
from shipway.core.bundle import InputColumn, Manifest
from shipway.core.error import ShipwayError
from shipway.core.feature import Expr, FeatureView, flatten
from shipway.core.model import Model
from shipway.core.projection import VersionState
from shipway.core.table import Snapshot
from shipway.data.frame import build_frame
from shipway.data.plan import AT, LABEL, LABEL_KNOWN_AT, Plan, plan_frame
from shipway.delivery.bundle import NATIVE
from shipway.kit.canonical import canonical_json, digest_value
from shipway.ports.model import ModelFormat, Predictor
from shipway.training.fit import fit
from shipway.training.frame import encode_frame, prepare_frame

P = "_p"
"""The column of a prediction table that holds the probability."""
FORMATS = ("lightgbm", "sklearn")
_OS_ERROR = re.compile(r"os error (\d+)")
_INPUTS: msgspec.json.Decoder[tuple[InputColumn, ...]] = msgspec.json.Decoder(tuple[InputColumn, ...])


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained model and where its parts are kept.

    Attributes:
        format: native form, such as `lightgbm`.
        model: the native form's artifact.
        inputs: the columns it reads, as an artifact.
        facts: rows, rate and what else training saw.
    """

    format: str
    model: Artifact
    inputs: Artifact
    facts: dict[str, Any]

    @property
    def key(self) -> str:
        """Return the digest of what was trained: equal models read from equal columns are one version."""
        return digest_value([self.format, self.model.digest, self.inputs.digest, self.facts])


def frame_of(runner: Runner, model: Model, *, name: str | None = None, refuse: bool = True) -> tuple[Artifact, Plan]:
    """Build a model's frame from the main branch, or find it built.

    Args:
        runner: runs and remembers.
        model: whose features.
        name: what people read instead of `frame MODEL`.
        refuse: whether a read before known-at is refused; lifted only to price a leak.

    Raises:
        ShipwayError: SW-401 if no verdict has let data onto the main branch yet; what building a frame refuses.
    """
    workspace = runner.workspace
    plan = plan_frame(model, workspace.project.registry.sources)
    snapshots = admitted(runner, plan.tables)
    outputs = runner.make(
        name or f"frame {model.name}",
        partial(_frame, runner, plan, snapshots, refuse),
        inputs={table: snapshot.digest for table, snapshot in snapshots.items()},
        params={"plan": describe_plan(plan), "refuse": refuse},
    )
    return outputs["frame"], plan


def admitted(runner: Runner, tables: Sequence[str]) -> dict[str, Snapshot]:
    """Return the snapshots of these tables on the main branch; SW-401 if one was not admitted."""
    return runner.workspace.admitted(tables)


def describe_plan(plan: Plan) -> dict[str, Any]:
    """Return everything a frame depends on beside its tables, as plain data."""
    return {
        "spine": msgspec.to_builtins(plan.spine),
        "at": msgspec.to_builtins(plan.at),
        "columns": [[c.name, msgspec.to_builtins(c.expr), c.entity and list(c.entity.keys)] for c in plan.columns],
        "events": {name: msgspec.to_builtins(event) for name, event in plan.events.items()},
        "label": plan.label and msgspec.to_builtins(plan.label),
    }


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
        ShipwayError: SW-402 for too few rows, SW-206 if the training function raises, SW-501 if what it returns is of
            no library that can be packaged.
    """
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
    return Trained(str(facts["format"]), outputs["model"], outputs["inputs"], facts)


def open_version(runner: Runner, model: Model, trained: Trained, cut: int) -> VersionState:
    """Return the version a trained model is, giving it the next number if it is new."""
    versions = runner.workspace.state().models.get(model.name, [])
    for version in versions:
        if version.key == trained.key:
            return version
    number = len(versions) + 1
    body = VersionOpened(model=model.name, number=number, key=trained.key, cut=cut)
    state = runner.workspace.remember((f"model:{model.name}@{number}", body))
    version = state.version(model.name, number)
    assert version is not None
    return version


def current_of(runner: Runner, version: VersionState) -> VersionState | None:
    """Return the registered version that a version would replace, or None if it would be the first.

    That is the one with the latest cut not after its own, and of those with one cut the newest: a version is compared
    with what could have been in service when it was trained, never with one that has seen more.
    """
    versions = runner.workspace.state().models.get(version.model, [])
    earlier = [v for v in versions if v.bundle is not None and v.number < version.number and v.cut <= version.cut]
    return max(earlier, key=lambda v: (v.cut, v.number), default=None)


def trained_of(runner: Runner, version: VersionState) -> Trained:
    """Return a registered version's model out of its bundle.

    Raises:
        ShipwayError: SW-502 if the bundle is not what its name says.
    """
    manifest = _manifest_of(runner, version)
    native = next(path for path in manifest.files if path.startswith(f"{NATIVE}."))
    inputs = runner.workspace.blobs.put(canonical_json(manifest.inputs))
    return Trained(
        manifest.format,
        Artifact(kind="model", digest=manifest.files[native], facts=manifest.training),
        Artifact(kind="inputs", digest=inputs),
        manifest.training,
    )


def frame_of_version(runner: Runner, model: Model, version: VersionState, frame: Artifact) -> Artifact:
    """Return the frame a registered version reads: the model's, unless a feature has another definition by now.

    A version that is compared must be fed what it was trained on, not what is called like that today.

    Args:
        runner: runs and remembers.
        model: the model as it is declared now.
        version: the registered version.
        frame: the model's frame.

    Raises:
        ShipwayError: as `frame_of`, where the version's features can no longer be built.
    """
    views, now = _manifest_of(runner, version).views, _definitions(model.features)
    if all(now.get(name) == then for name, then in _definitions(views).items()):
        return frame
    then = msgspec.structs.replace(model, features=views, rising=(), falling=(), baselines={})
    return frame_of(runner, then, name=f"frame {version.model}@{version.number}")[0]


def score(runner: Runner, frame: Artifact, trained: Trained, period: tuple[int, int], *, name: str) -> Artifact:
    """Predict every row asked about in a period, also those whose label will never be known.

    Args:
        runner: runs and remembers.
        frame: the features.
        trained: the model.
        period: from and to (exclusive), microseconds since 1970 UTC.
        name: what people read.

    Returns:
        A table of the rows' keys, `_at`, `_label` and `_p`.

    Raises:
        ShipwayError: SW-202 if the frame lacks a column the model reads.
    """
    outputs = runner.make(
        name,
        partial(_score, runner, frame, trained, period),
        inputs={"frame": frame.digest, "model": trained.model.digest, "inputs": trained.inputs.digest},
        params={"format": trained.format, "period": list(period), "threads": threads_of(runner)},
    )
    return outputs["prediction"]


def read_rows(
    runner: Runner, frame: Artifact, columns: Sequence[str], *, period: tuple[int, int] | None = None
) -> pl.DataFrame:
    """Read columns of a kept table, in the order named, of the rows asked about in a period.

    Raises:
        ShipwayError: SW-202 for a column it lacks.
    """
    lazy = pl.scan_parquet(runner.workspace.blobs.path(frame.digest))
    there = lazy.collect_schema().names()
    missing = [column for column in columns if column not in there]
    if missing:
        raise ShipwayError(
            "SW-202",
            f"the frame has no column {missing[0]!r}",
            "a version reads the columns it was trained on: keep them",
        )
    if period is not None:
        asked = pl.col(AT).to_physical()
        lazy = lazy.filter((asked >= period[0]) & (asked < period[1]))
    return lazy.select(columns).collect()


def load_predictor(runner: Runner, trained: Trained) -> Predictor:
    """Return a model ready to predict, from its native form."""
    model_format: ModelFormat = load_adapter(f"model.{trained.format}")()
    return model_format.load(runner.workspace.blobs.get(trained.model.digest))


def read_inputs(runner: Runner, trained: Trained) -> tuple[InputColumn, ...]:
    """Return the columns a model reads."""
    return _INPUTS.decode(runner.workspace.blobs.get(trained.inputs.digest))


def threads_of(runner: Runner) -> int:
    """Return how many threads a library may use."""
    return runner.workspace.project.config.resources.threads


def predict_rows(
    runner: Runner, trained: Trained, frame: Artifact, period: tuple[int, int], extra: Sequence[str]
) -> tuple[NDArray[np.float64], pl.DataFrame]:
    """Predict a period's rows of a frame.

    Returns:
        Probabilities of shape (rows,), and the extra columns of the same rows.
    """
    inputs = read_inputs(runner, trained)
    names = [column.name for column in inputs]
    rows = read_rows(runner, frame, [*extra, *names], period=period)
    x = encode_frame(rows.select(names), inputs)
    return load_predictor(runner, trained).predict(x), rows.select(extra)


def write_parquet(runner: Runner, rows: pl.DataFrame, name: str) -> Any:
    """Write a table to a file on its way into the blob store and return its path; SW-601 or SW-602 if it cannot be."""
    path = runner.workspace.scratch(name)
    with translate_fault(path.parent):
        try:
            rows.write_parquet(path, compression="zstd", compression_level=1, statistics=True, row_group_size=1 << 17)
        except (OSError, PolarsError) as error:
            path.unlink(missing_ok=True)
            fault = _OS_ERROR.search(str(error))  # Polars has the system's number in its message only
            if fault is None:
                raise
            raise OSError(int(fault[1]), os.strerror(int(fault[1]))) from error
    return path


def _manifest_of(runner: Runner, version: VersionState) -> Manifest:
    if version.bundle is None:
        raise ShipwayError("SW-104", f"{version.subject} has no bundle", "only a version that passed its gate has one")
    return msgspec.json.decode(runner.workspace.blobs.get(version.bundle), type=Manifest)


def _definitions(views: tuple[FeatureView, ...]) -> dict[str, tuple[Expr, tuple[str, ...] | None]]:
    """Return what each column of a frame is: its expression, and the keys of whose it is."""
    return {
        flatten(view.name, name): (expr, None if view.entity is None else view.entity.keys)
        for view in views
        for name, expr in view.features.items()
    }


def _frame(
    runner: Runner, plan: Plan, snapshots: dict[str, Snapshot], refuse: bool, report: Callable[[int, int], None]
) -> Made:
    tables = {name: runner.workspace.tables.read(snapshot) for name, snapshot in snapshots.items()}
    frame = build_frame(plan, tables, refuse=refuse, report=report)
    facts = {"rows": frame.height, "columns": len(plan.columns)}
    said = f"{frame.height:,} rows, {len(plan.columns)} features"
    return Made({"frame": ("frame", write_parquet(runner, frame, "frame.parquet"), facts)}, said=said)


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
    model_format = _format_of(estimator)
    rate = float(prepared.y.mean())
    facts = {"format": model_format.name, "rows": prepared.rows, "rate": round(rate, 6), "cut": cut}
    return Made(
        {
            "model": ("model", model_format.dump(estimator), facts),
            "inputs": ("inputs", canonical_json(inputs), {"columns": len(inputs)}),
        },
        said=f"{prepared.rows:,} rows, {rate:.1%} true",
    )


def _score(
    runner: Runner, frame: Artifact, trained: Trained, period: tuple[int, int], report: Callable[[int, int], None]
) -> Made:
    del report
    there = pl.scan_parquet(runner.workspace.blobs.path(frame.digest)).collect_schema().names()
    keys = there[: there.index(AT)]
    p, rows = predict_rows(runner, trained, frame, period, [*keys, AT, LABEL])
    rows = rows.with_columns(pl.Series(P, p))
    facts = {"rows": rows.height, "labelled": int(rows[LABEL].is_not_null().sum())}
    said = f"{rows.height:,} rows, {facts['labelled']:,} with a label"
    return Made({"prediction": ("prediction", write_parquet(runner, rows, "prediction.parquet"), facts)}, said=said)


def _format_of(estimator: object) -> ModelFormat:
    for name in FORMATS:
        model_format: ModelFormat = load_adapter(f"model.{name}")()
        if model_format.accepts(estimator):
            return model_format
    raise ShipwayError(
        "SW-501",
        f"the training function returned a {type(estimator).__module__}.{type(estimator).__name__}",
        f"return a fitted estimator of {' or '.join(FORMATS)}",
    )
