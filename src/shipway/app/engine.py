"""The engine that a project says its frames are built by, and the memory it says they may take."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from shipway.app.workspace import Workspace
from shipway.core.compute import ComputeSection
from shipway.core.table import Snapshot
from shipway.data.batch import PIECE_ROWS, Parts
from shipway.data.frame import build_slices
from shipway.data.partition import build_frame_in_parts
from shipway.data.plan import Plan
from shipway.data.room import Room, Stock, build_within, fits
from shipway.data.slice import size_slices, stream_columns, table_columns
from shipway.kit.size import parse_size
from shipway.ports.adapter import load_adapter
from shipway.ports.engine import Engine


def build_slices_of(
    workspace: Workspace,
    plan: Plan,
    snapshots: Mapping[str, Snapshot],
    *,
    refuse: bool = True,
    report: Callable[[int, int], None] | None = None,
) -> Iterator[pl.DataFrame]:
    """Build a frame as the project says: by its engine, and within its memory; it is that of `build_frame` either way.

    Args:
        workspace: the project's.
        plan: which columns over which rows.
        snapshots: the tables.
        refuse: as for `build_frame`.
        report: as for `build_frame`.

    Raises:
        ShipwayError: as for `build_apart`.
    """
    config, lake, columns = workspace.project.config, workspace.tables, table_columns(plan)
    compute = config.compute if refuse else ComputeSection()
    if not config.resources.memory:
        tables = {name: lake.read(snapshots[name], names) for name, names in columns.items()}
        if compute.engine == "here":
            yield from build_slices(plan, tables, refuse=refuse, report=report)
        else:
            yield build_apart(compute, plan, tables)
        return
    memory_bytes, stock = parse_size(config.resources.memory), take_stock(workspace, columns, snapshots)
    if compute.engine == "here" and fits(plan, stock, memory_bytes):
        streams = {name: lake.read(snapshots[name], names) for name, names in stream_columns(plan).items()}
        rows = size_slices(plan, streams, memory_bytes)
        spine = stock.tables[plan.spine.name]
        yield from build_slices(plan, streams, spine=spine, rows=rows, refuse=refuse, report=report)
        return
    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory(dir=workspace.scratch("frame").parent, prefix="frame-"))
        engine = None if compute.engine == "here" else stack.enter_context(closing(load_engine(compute)))
        room = Room(memory_bytes, Path(folder), engine, compute.workers, apart=bool(compute.address))
        yield from build_within(plan, stock, room, refuse=refuse, report=report)


def build_apart(compute: ComputeSection, plan: Plan, tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Build a frame by the engine of a project; it is that of `build_frame`, whichever it is.

    Raises:
        ShipwayError: SW-701 if the library of the engine is not installed, SW-201 if its cluster cannot be reached,
            SW-806 if its processes die, and what building a frame refuses.
    """
    entities = len({column.entity for column in plan.columns}) or 1
    with closing(load_engine(compute)) as engine:
        # Every piece sorts the streams again, so there are no more than keep all workers busy.
        return build_frame_in_parts(plan, tables, engine, pieces=-(-compute.workers // entities))


def load_engine(compute: ComputeSection) -> Engine:
    """Return the engine that a project names.

    Raises:
        ShipwayError: as for `build_apart`.
    """
    return load_adapter(f"engine.{compute.engine}")(compute.workers, compute.address)


def take_stock(workspace: Workspace, columns: Mapping[str, Sequence[str]], snapshots: Mapping[str, Snapshot]) -> Stock:
    """Return the tables of a frame, read in parts and in the columns that count, by the tables' names."""
    lake, tables = workspace.tables, dict[str, Parts]()
    for name, read in columns.items():
        types = lake.files.types_of(snapshots[name])
        schema = pl.Schema({column: types[column] for column in read if column in types})
        tables[name] = Parts(schema, partial(lake.read_parts, snapshots[name], rows=PIECE_ROWS))
    return Stock(tables, {name: sum(part.rows for part in snapshots[name].parts) for name in tables})
