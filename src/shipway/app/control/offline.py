"""What is known of a model's rows without asking its service: labels, training rows, and vectors computed offline."""

from collections.abc import Mapping, Sequence
from typing import Final

import polars as pl

from shipway.app.frame import frame_of, read_rows
from shipway.app.runner import Runner
from shipway.app.version import frame_of_version
from shipway.app.workspace import Workspace
from shipway.core.artifact import Artifact
from shipway.core.bundle import Manifest
from shipway.core.feature import Expr
from shipway.core.label import LabelKind
from shipway.core.model import Model
from shipway.core.prediction import join_key
from shipway.core.projection import VersionState
from shipway.data.frame import build_frame
from shipway.data.plan import AT, LABEL, LABEL_KNOWN_AT, plan_views
from shipway.maths.expression import Column, walk
from shipway.monitoring.reading import kind_of
from shipway.training.frame import kind_of_labels

LABELS: Final[Mapping[LabelKind, pl.Schema]] = {
    "condition": pl.Schema({"row": pl.String(), "label": pl.Boolean(), "known_at": pl.Int64()}),
    "number": pl.Schema({"row": pl.String(), "label": pl.Float64(), "known_at": pl.Int64()}),
    "class": pl.Schema({"row": pl.String(), "label": pl.String(), "known_at": pl.Int64()}),
}
"""Columns of labels of each kind: the row's key as the log writes it, what came true, and when that was known."""


def read_labels(workspace: Workspace, model: Model) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Read what came true of the rows of a model, as far as the main branch knows.

    Args:
        workspace: the project's state.
        model: the declaration.

    Returns:
        Columns as `LABELS`, for the rows that have a label, and columns at and known_at of all rows, null without a
        label; instants in microseconds since 1970 UTC. A number that is not finite is no label.

    Raises:
        ShipwayError: SW-401 if no data has passed its gate yet.
    """
    plan = plan_views(model.on, model.at, (), workspace.project.registry.sources, label=model.label)
    snapshot = workspace.admitted([model.on.name])[model.on.name]
    event = plan.events[model.label.stream]
    names = dict.fromkeys([*model.on.key, *_names(model.at), *_names(model.label.value), event.known_at])
    table = workspace.tables.read(snapshot, [name for name in names if name in snapshot.columns])
    # What a label reads too early was refused when the model's frame was built; to ask again takes more columns.
    every = build_frame(plan, {model.on.name: table}, refuse=False)
    kind = kind_of_labels(every.schema[LABEL])
    if kind == "number":
        value = pl.col(LABEL).cast(pl.Float64)
        every = every.with_columns(pl.when(value.is_finite()).then(value).alias(LABEL))
    labelled = pl.when(pl.col(LABEL).is_not_null()).then(pl.col(LABEL_KNOWN_AT).to_physical())
    asked = every.select(at=pl.col(AT).to_physical(), known_at=labelled).drop_nulls("at")
    rows = every.drop_nulls([LABEL, LABEL_KNOWN_AT])
    keys, known = name_rows(rows, model.on.key), rows[LABEL_KNOWN_AT].to_physical()
    return pl.DataFrame({"row": keys, "label": rows[LABEL], "known_at": known}, schema=LABELS[kind]), asked


def keep_labels(labels: pl.DataFrame, predicts: LabelKind) -> pl.DataFrame:
    """Return labels of a model's rows where they are of the kind that its versions predict, else none.

    A project may declare another label while a service goes on with what it was opened with: a number is nothing that a
    probability could be measured by.

    Args:
        labels: columns as `LABELS`.
        predicts: which kind of label the versions predict.
    """
    return labels if kind_of(labels) == predicts else LABELS[predicts].to_frame()


def read_reference(runner: Runner, manifest: Manifest, features: Sequence[str]) -> pl.DataFrame:
    """Read the features of the rows that a version was trained on.

    Args:
        runner: reads.
        manifest: of the version's bundle, which names the frame.
        features: names of the features.

    Raises:
        ShipwayError: SW-202 for a feature that the frame lacks, SW-605 if the frame is lost.
    """
    frame = Artifact(kind="frame", digest=str(manifest.training["frame"]))
    rows = read_rows(runner, frame, [*features, LABEL, LABEL_KNOWN_AT], period=(-(2**62), manifest.cut))
    known = pl.col(LABEL).is_not_null() & (pl.col(LABEL_KNOWN_AT).to_physical() <= manifest.cut)
    return rows.filter(known).select(features)


def read_offline(
    runner: Runner, model: Model, version: VersionState, features: Sequence[str], period: tuple[int, int]
) -> pl.DataFrame:
    """Read the features of every row asked about in a period, as the batch side computes them from the main branch.

    The frame is the one that `shipway run` made of the same data by the same code; it is made anew where there is none.

    Args:
        runner: finds the frame, or makes it.
        model: the declaration.
        version: whose features.
        features: their names.
        period: from and to (exclusive), microseconds since 1970 UTC.

    Returns:
        The columns row (the key as the log writes it), at (int64 microseconds since 1970 UTC) and the features.

    Raises:
        ShipwayError: what building a frame refuses.
    """
    frame = frame_of_version(runner, model, version, frame_of(runner, model)[0])
    rows = read_rows(runner, frame, [*model.on.key, AT, *features], period=period)
    found = rows.select(name_rows(rows, model.on.key), pl.col(AT).to_physical().alias("at"))
    return found.hstack(rows.select(features))


def name_rows(rows: pl.DataFrame, key: Sequence[str]) -> pl.Series:
    """Return the key of each row as the log writes it, as a column `row`."""
    values = rows.select(pl.col(key).to_physical()).iter_rows()
    return pl.Series("row", [join_key(value) for value in values], dtype=pl.String)


def _names(expr: Expr) -> list[str]:
    return [node.name for node in walk(expr) if isinstance(node, Column)]
