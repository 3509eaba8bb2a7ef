"""What is asked of rows before one is scored: which columns, at which instants, and what a bundle makes of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.app.instant import read_instant
from shipway.app.project import Project
from shipway.app.score.rows import Rows
from shipway.core.bundle import KeyedFeatures, Manifest, OutputColumn
from shipway.core.error import ShipwayError
from shipway.core.feature import ALWAYS, Expr, Source, entities_of
from shipway.core.record import name_places
from shipway.core.score import BUNDLE, CLASS, ERROR, ROW, VERSION
from shipway.data.column import evaluate_instant
from shipway.data.known import own_columns
from shipway.data.plan import AT, Plan, plan_views
from shipway.data.slice import spine_columns
from shipway.data.spine import ASKED, ask, ask_view, spine_like
from shipway.kit.suggestion import did_you_mean
from shipway.maths.expression import Column, Constant, render


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of rows.

    Attributes:
        key: the columns that name a row; none where its place does.
        read: the columns that are read of it.
        plan: how its features are built; None for rows that hold the model's inputs themselves.
        at: the column of its instant among those of such rows; empty where they have none.
    """

    key: tuple[str, ...]
    read: tuple[str, ...]
    plan: Plan | None = None
    at: str = ""


def list_instants(project: Project, manifest: Manifest, at: str | None) -> set[str]:
    """Return the columns that are instants where somebody brings them: those that features and the model ask by."""
    named = set[str]() if at is None else {at}
    features, model = manifest.features, project.registry.models.get(manifest.model)
    if features is None:
        return named
    if at is None and model is not None:
        named.update(own_columns(model.at))
    return named | {name for name, kind in features.schema.get(features.spine, {}).items() if kind == "instant"}


def ask_features(
    project: Project, manifest: Manifest, rows: Rows, *, at: str | None = None, key: Sequence[str] = ()
) -> Question:
    """Plan the features of rows, by the views that the bundle has and not by those of today.

    Rows of the bundle's own source are read as they became known; all columns that somebody brings are known.

    Args:
        project: whose sources the views read.
        manifest: the bundle's.
        rows: what is scored.
        at: the column that says when each row is asked about, or an instant for all of them; where None, the model's
            own instant.
        key: the columns that name a row in the result; those of the bundle where there is none.

    Raises:
        ShipwayError: SW-202 for a column that is missing, with what needs it, or where nothing says when rows are asked
            about; SW-104 for a source that is declared no longer.
    """
    features = manifest.keyed
    named = tuple(key) or features.key
    there = tuple(rows.snapshot.columns)
    own = rows.source is not None and rows.name == features.spine
    spine = spine_like(rows.source) if own and rows.source else Source(ASKED, (), (), {ALWAYS: there})
    _require(rows, named, "names a row")
    instant = _find_instant(project, manifest, features, rows, at)
    views = tuple(ask_view(view, features.spine) for view in features.views)
    plan = plan_views(spine, instant, views, project.registry.sources)
    for column in plan.columns:
        keys = [name for entity in entities_of(column.expr, column.entity) for name in entity.keys]
        _require(rows, [*own_columns(column.expr), *keys], f"is read by feature {column.name}")
    _refuse_names(manifest, (*named, AT))
    return Question(named, tuple(dict.fromkeys((*named, *spine_columns(plan)))), plan)


def ask_vectors(manifest: Manifest, rows: Rows, *, at: str | None = None, key: Sequence[str] = ()) -> Question:
    """Return what is read of rows that hold the model's inputs themselves.

    Raises:
        ShipwayError: SW-202 for a column that is missing.
    """
    _require(rows, key, "names a row")
    _require(rows, [column.name for column in manifest.inputs], "is an input of the model")
    if at is not None:
        _require(rows, [at], "says when each is asked about")
    _refuse_names(manifest, (*(key or (ROW,)), *((AT,) if at else ())))
    read = (*key, *(column.name for column in manifest.inputs), *((at,) if at else ()))
    return Question(tuple(key), tuple(dict.fromkeys(read)), at=at or "")


def name_columns(output: OutputColumn) -> tuple[str, ...]:
    """Return the columns that an output has in the result: its name, or it with each of its classes.

    They are called as in the prediction log, such as `probabilities[lost]`.
    """
    return (name_places(output, "") if len(output.classes) > 1 else ()) or (output.name,)


def refuse_rows(question: Question, rows: Rows, pieces: Iterable[pl.DataFrame]) -> None:
    """Refuse rows that cannot be scored, all of them counted, before the first one is.

    Args:
        question: what is asked.
        rows: what they are called.
        pieces: the rows in their order, in the columns that are read.

    Raises:
        ShipwayError: SW-205 for rows without a key, SW-302 for rows without an instant, SW-203 for an instant that is
            none.
    """
    keyless, timeless, place = _Tally(), _Tally(), 0
    for piece in pieces:
        if question.key:
            keyless.add(piece.select(pl.any_horizontal(pl.col(question.key).is_null())).to_series().to_numpy(), place)
        at = Column(ASKED, question.at) if question.at else None if question.plan is None else question.plan.at
        if at is not None:
            timeless.add(~evaluate_instant(at, ASKED, {ASKED: piece}).valid, place)
        place += piece.height
    if keyless.rows:
        fact = f"{keyless.rows:,} of {place:,} rows of {rows.name} have no key ({', '.join(question.key)})"
        hint = "leave them out, or name the columns of another key: --key COLUMN"
        raise ShipwayError("SW-205", f"{fact}, first row {keyless.first}", hint)
    if timeless.rows:
        fact = f"{timeless.rows:,} of {place:,} rows of {rows.name} have no instant at which they are asked about"
        raise ShipwayError("SW-302", f"{fact}, first row {timeless.first}", "every row that is scored needs one")


@dataclass(slots=True)
class _Tally:
    """How many rows lack something, and the place of the first."""

    rows: int = 0
    first: int = -1

    def add(self, lacking: NDArray[np.bool_], place: int) -> None:
        found = np.flatnonzero(lacking)
        if len(found):
            self.first = place + int(found[0]) if self.first < 0 else self.first
            self.rows += len(found)


def _find_instant(project: Project, manifest: Manifest, features: KeyedFeatures, rows: Rows, at: str | None) -> Expr:
    there = rows.snapshot.columns
    if at is not None:
        if at in there:
            return Column(ASKED, at)
        try:
            return Constant(read_instant(at, project.config.project.timezone))
        except ValueError:
            fact = f"{rows.name} has no column {at!r} that would say when its rows are asked about"
            hint = f"{did_you_mean(at, there)} Or write an instant, such as 2013-06-01T18:30Z"
            raise ShipwayError("SW-202", fact, hint) from None
    model = project.registry.models.get(manifest.model)
    if model is not None and render(model.at) == features.at and set(own_columns(model.at)) <= there.keys():
        return ask(model.at, features.spine)
    raise ShipwayError(
        "SW-202",
        f"nothing says when rows of {rows.name} are asked about: {manifest.model} asks at {features.at}",
        "name a column or an instant: --at COLUMN, or --at 2013-06-01T18:30Z",
    )


def _require(rows: Rows, names: Sequence[str], why: str) -> None:
    there = rows.snapshot.columns
    for name in names:
        if name not in there:
            raise ShipwayError("SW-202", f"{rows.name} has no column {name!r}, which {why}", did_you_mean(name, there))


def _refuse_names(manifest: Manifest, taken: Sequence[str]) -> None:
    """Refuse columns of the rows that are called like one of the result's own; SW-105."""
    own = [*(name for output in manifest.outputs for name in name_columns(output)), VERSION, BUNDLE, ERROR]
    own += [CLASS] * any(output.classes for output in manifest.outputs)
    for name in taken:
        if name in own or list(taken).count(name) > 1:
            hint = "rename the column, or name another key: --key COLUMN"
            raise ShipwayError("SW-105", f"column {name!r} of the rows is one that the result has for itself", hint)
