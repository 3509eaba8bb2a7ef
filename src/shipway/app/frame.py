"""A model's frame as an artifact: built once from the main branch, read by column and period."""

import os
import re
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
import polars as pl
from polars.exceptions import PolarsError

from shipway.adapters.file.fault import translate_fault
from shipway.app.count import write_plural
from shipway.app.engine import build_slices_of
from shipway.app.runner import Made, Runner
from shipway.core.artifact import Artifact
from shipway.core.error import ShipwayError
from shipway.core.label import LabelKind
from shipway.core.model import Model
from shipway.core.table import Snapshot
from shipway.data.plan import AT, LABEL, LABEL_KNOWN_AT, Plan, plan_frame
from shipway.data.slice import write_slices
from shipway.training.frame import kind_of_labels

_OS_ERROR = re.compile(r"os error (\d+)")
_PARQUET: Final[dict[str, Any]] = {
    "compression": "zstd", "compression_level": 1, "statistics": True, "row_group_size": 1 << 17,
}  # fmt: skip


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
    """Return the snapshots of these tables in the runner's data, or on the main branch; SW-401 if one is not there."""
    return runner.workspace.admitted(tables, commit=runner.data)


def describe_plan(plan: Plan) -> dict[str, Any]:
    """Return everything a frame depends on beside its tables, as plain data."""
    return {
        "spine": msgspec.to_builtins(plan.spine),
        "at": msgspec.to_builtins(plan.at),
        "columns": [[c.name, msgspec.to_builtins(c.expr), c.entity and list(c.entity.keys)] for c in plan.columns],
        "events": {name: msgspec.to_builtins(event) for name, event in plan.events.items()},
        "label": plan.label and msgspec.to_builtins(plan.label),
    }


def read_rows(
    runner: Runner, frame: Artifact, columns: Sequence[str], *, period: tuple[int, int] | None = None
) -> pl.DataFrame:
    """Read columns of a kept table, in the order named, of the rows asked about in a period.

    Raises:
        ShipwayError: SW-202 for a column it lacks, SW-605 if the file is missing or no table any more.
    """
    path = runner.workspace.blobs.path(frame.digest)
    lazy, there = pl.scan_parquet(path), read_columns(runner, frame)
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
    with translate_damage(path):
        return lazy.select(columns).collect()


def read_columns(runner: Runner, table: Artifact) -> list[str]:
    """Return the names of a kept table's columns, in order; SW-605 if the file is missing or no table any more."""
    path = runner.workspace.blobs.path(table.digest)
    with translate_damage(path):
        return list(pl.read_parquet_schema(path))


def read_table(runner: Runner, table: Artifact) -> pl.DataFrame:
    """Read a kept table whole; SW-605 if the file is missing or no table any more."""
    path = runner.workspace.blobs.path(table.digest)
    with translate_damage(path):
        return pl.read_parquet(path)


def kind_of_frame(runner: Runner, frame: Artifact) -> LabelKind:
    """Return what kind of label a frame has."""
    return kind_of_labels(read_rows(runner, frame, [LABEL], period=(0, 0)).schema[LABEL])


def count_settled(frame: pl.DataFrame) -> int:
    """Return how many rows of a frame are asked about when their outcome is known, so that they have no label."""
    return frame.select((pl.col(LABEL_KNOWN_AT) <= pl.col(AT)).sum()).item()


def write_parquet(runner: Runner, rows: pl.DataFrame, name: str) -> Path:
    """Write a table to a file on its way into the blob store and return its path; SW-601 or SW-602 if it cannot be."""
    path = runner.workspace.scratch(name)
    with _translate_fault(path):
        rows.write_parquet(path, **_PARQUET)
    return path


@contextmanager
def _translate_fault(path: Path) -> Generator[None]:
    with translate_fault(path.parent):
        try:
            yield
        except (OSError, PolarsError) as error:
            path.unlink(missing_ok=True)
            fault = _OS_ERROR.search(str(error))  # Polars has the system's number in its message only
            if fault is None:
                raise
            raise OSError(int(fault[1]), os.strerror(int(fault[1]))) from error


@contextmanager
def translate_damage(path: Path) -> Generator[None]:
    """Turn what Polars says of a file that is no table any more into the error a user can act on."""
    try:
        yield
    except (OSError, PolarsError) as error:
        said = (str(error).splitlines() or [type(error).__name__])[0]
        hint = "shipway run --force makes it again, or restore it from a backup"
        raise ShipwayError("SW-605", f"blob {path.name} is damaged ({said})", hint) from error


def _frame(
    runner: Runner, plan: Plan, snapshots: dict[str, Snapshot], refuse: bool, report: Callable[[int, int], None]
) -> Made:
    slices = build_slices_of(runner.workspace, plan, snapshots, refuse=refuse, report=report)
    path, rows, settled = runner.workspace.scratch("frame.parquet"), 0, 0

    def count() -> Iterator[pl.DataFrame]:
        nonlocal rows, settled
        for part in slices:
            rows += part.height
            settled += count_settled(part) if plan.label is not None and refuse else 0
            yield part

    with _translate_fault(path):
        write_slices(count(), path, **_PARQUET)
    facts = {"rows": rows, "columns": len(plan.columns)}
    said = f"{write_plural(rows, 'row')}, {write_plural(len(plan.columns), 'feature')}"
    if settled:
        said += f"; {write_plural(settled, 'row')} asked about when the outcome was known, left without a label"
    return Made({"frame": ("frame", path, facts)}, said=said)
