"""How far rows, or what a service was asked, are from what a bundle's model saw in training."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final, Literal, TypeAlias

import msgspec
import polars as pl

from shipway.app.bundle import InspectedBundle, inspect_bundle
from shipway.app.model import find_version
from shipway.app.project import Project
from shipway.app.workspace import Workspace
from shipway.core.bundle import Manifest
from shipway.core.error import ShipwayError
from shipway.core.raw import Raw
from shipway.core.reference import DriftReference
from shipway.core.table import MAIN
from shipway.core.tensor import PREDICTED
from shipway.data.whole import read_whole
from shipway.kit.suggestion import did_you_mean
from shipway.monitoring.drift import LITTLE, RATE, ColumnDrift, find_moved, measure_reference
from shipway.monitoring.prediction import is_told, read_predictions
from shipway.monitoring.reading import distinct_predictions, read_vectors
from shipway.ports.adapter import load_adapter
from shipway.ports.log import Log

Move: TypeAlias = Literal["moved", "little", "still"]
"""What became of a column: it moved; it did, and by little; or what is seen may be chance."""
_PREDICTED: Final = ("request", "version", "role", "at", "p", "online")


class DriftedColumn(msgspec.Struct, frozen=True, kw_only=True):
    """How far a column is from what training saw of it.

    Attributes:
        column: its name.
        role: whether the model reads it or says it.
        kind: `number` or `category`.
        move: what became of it.
        effect: the stability index less what it comes to by chance: below .1 little, above .25 much.
        stability: population stability index, over ten bins of the reference or over levels; a missing value is one.
        p: how likely a difference as great is where nothing moved, for rows that are independent.
        shift: how much greater the mean is, over the standard deviation of training; None for a category.
        missing: share of the rows without a value.
        missing_reference: share of the training rows without one.
        unseen: share of the rows with a text that training did not see; None for a number.
    """

    column: str
    role: Literal["input", "output"]
    kind: Literal["number", "category"]
    move: Move
    effect: float
    stability: float
    p: float
    shift: float | None
    missing: float
    missing_reference: float
    unseen: float | None


class BundleDrift(msgspec.Struct, frozen=True, kw_only=True):
    """Rows against what a bundle says of training.

    Attributes:
        what: the version or the folder of the bundle.
        bundle: its digest.
        compared: what the rows are, as people call it.
        rows: how many there are.
        reference: how many rows training learned from.
        rate: which share of the columns that are said to have moved may be wrong.
        columns: every column, the greatest effect first.
    """

    what: str
    bundle: str
    compared: str
    rows: int
    reference: int
    rate: float
    columns: list[DriftedColumn]


def compare_rows(project: Project | None, what: str, on: str, *, registered: bool) -> BundleDrift:
    """Compare the rows of a table or a file with what a bundle's model saw in training.

    Args:
        project: whose versions and tables are meant; None where there is none.
        what: a version as `model@number`, or the folder of an exported bundle.
        on: a table of the main branch, or a file.
        registered: whether a version is meant.

    Raises:
        ShipwayError: as `inspect_bundle`; SW-104 for rows there are none of, SW-201 if they cannot be read, SW-202 and
            SW-203 if they are not what the model reads, SW-403 if the bundle does not say what training saw.
    """
    found = inspect_bundle(project if registered else None, what)
    reference = _reference_of(found)
    rows = _read_rows(project, on, [each.name for each in reference.inputs])
    outputs = {each.name for each in reference.outputs} & set(rows.columns)
    return _compare(found, reference, on, rows, rows.select(sorted(outputs)))


def compare_log(project: Project, ref: str, name: str, since: int | None, until: int | None) -> BundleDrift:
    """Compare what a service asked a version, and what that said, with its training.

    Requests in shadow count as well. What was answered by a fallback does not.

    Args:
        project: whose.
        ref: the version, as `model@number`.
        name: the service.
        since: begin of the period that was asked about, microseconds since 1970 UTC; None for the beginning.
        until: its end, excluded; None for the end.

    Raises:
        ShipwayError: as `inspect_bundle`; SW-104 for a service there is not, or one of another model; SW-402 if the
            version predicted nothing in the period; SW-403 if the bundle does not say what training saw; SW-605 for a
            damaged segment of the log.
    """
    found = inspect_bundle(project, ref)
    reference = _reference_of(found)
    with closing(Workspace(project)) as workspace:
        state = workspace.peek()
        version = find_version(state, ref)
        service = state.services.get(name)
        if service is None or service.model != version.model:
            fact = f"no service {name!r} answers with versions of {version.model!r}"
            named = [each.name for each in state.services.values() if each.model == version.model]
            raise ShipwayError("SW-104", fact, did_you_mean(name, named) if named else "shipway serve opens one")
        log = workspace.open_log(name)
        predicted = _read_predictions(log, found.manifest, version.number, since, until)
        columns = [each.name for each in reference.inputs]
        vectors = [
            read_vectors(log, online or "", columns, since, until)
            for online in predicted["online"].unique(maintain_order=True)
        ]
    asked = predicted.select("request")
    rows = [each.join(asked, on="request", how="semi") for each in vectors if each.height]
    if not any(each.height for each in rows):
        fact = f"{version.ref} predicted nothing of {name!r} that was logged in that time"
        raise ShipwayError("SW-402", fact, f"shipway models history {name} says who answered when")
    said = _name_said(found.manifest, predicted)
    return _compare(found, reference, f"service {name}", pl.concat(rows, how="diagonal_relaxed"), said)


def _compare(
    found: InspectedBundle, reference: DriftReference, compared: str, rows: pl.DataFrame, said: pl.DataFrame
) -> BundleDrift:
    """Measure every column, and decide of all of them together which moved."""
    inputs = measure_reference(reference.inputs, rows)
    outputs = measure_reference([each for each in reference.outputs if each.name in said.columns], said)
    moved = find_moved([*inputs, *outputs])
    columns = [
        *(_describe(each, "input", each.column in moved) for each in inputs),
        *(_describe(each, "output", each.column in moved) for each in outputs),
    ]
    return BundleDrift(
        what=found.what,
        bundle=found.bundle,
        compared=compared,
        rows=rows.height,
        reference=max(each.rows for each in reference.inputs),
        rate=RATE,
        columns=sorted(columns, key=lambda each: -each.effect),
    )


def _describe(drift: ColumnDrift, role: Literal["input", "output"], moved: bool) -> DriftedColumn:
    move: Move = "still" if not moved else "little" if drift.effect < LITTLE else "moved"
    return DriftedColumn(
        column=drift.column,
        role=role,
        kind=drift.kind,
        move=move,
        effect=drift.effect,
        stability=drift.stability,
        p=drift.p,
        shift=drift.shift,
        missing=drift.missing,
        missing_reference=drift.missing_reference,
        unseen=drift.unseen,
    )


def _reference_of(found: InspectedBundle) -> DriftReference:
    if found.drift is None or not found.drift.inputs:
        fact = f"the bundle of {found.what} does not say what its model saw in training"
        raise ShipwayError(
            "SW-403", fact, "a model that was made elsewhere brings no such thing; compare a trained one"
        )
    return found.drift


def _read_rows(project: Project | None, on: str, columns: Sequence[str]) -> pl.DataFrame:
    """Return the rows of a table of the main branch, or of a file."""
    rows, path = None, Path(on)
    tables: Sequence[str] = ()
    if project is not None:
        with closing(Workspace(project)) as workspace:
            head = workspace.tables.head(MAIN) if workspace.has_data else None
            snapshots = {} if head is None else workspace.tables.get(head).tables
            tables = tuple(snapshots)
            if on in snapshots:
                rows = workspace.tables.read(snapshots[on])
    if rows is None:
        if not path.suffix and not path.exists():
            hint = did_you_mean(on, tables) if tables else "give a file, such as rows.parquet"
            raise ShipwayError("SW-104", f"there is no table or file {on!r}", hint)
        reader = load_adapter("reader.file")(Path.cwd())
        rows = read_whole(reader, Raw(name=path.stem, uri=str(path.absolute())))
    if lacking := [name for name in columns if name not in rows.columns]:
        more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
        fact = f"{on} lacks {lacking[0]!r}{more}, of the {len(columns)} columns that the model reads"
        hint = f"{did_you_mean(lacking[0], rows.columns)}; shipway frame build computes the features of any rows"
        raise ShipwayError("SW-202", fact, hint)
    return rows


def _read_predictions(log: Log, manifest: Manifest, number: int, since: int | None, until: int | None) -> pl.DataFrame:
    """Return what a version predicted in a period, live or in shadow, one row for each request."""
    kind = manifest.predicts or "condition"
    rows = read_predictions(log, kind, _PREDICTED, classes=manifest.classes, since=since, until=until)
    return distinct_predictions(rows).filter(pl.col("version") == number, is_told("p", kind))


def _name_said(manifest: Manifest, predicted: pl.DataFrame) -> pl.DataFrame:
    """Return predictions as columns that are called as the references of a bundle are: of classes one for each."""
    output = PREDICTED[manifest.predicts or "condition"]
    if not manifest.classes:
        return predicted.select(pl.col("p").alias(output))
    return predicted.select(
        pl.col("p").arr.get(place).alias(f"{output}[{name}]") for place, name in enumerate(manifest.classes)
    )
