"""A frame built in parts by an engine, each part so many rows of the spine for one entity's features.

Entities share nothing, so each part sorts the streams of its own entity only, and no part needs to know of another.
What is refused, and the label, is looked at on the whole before anything is handed out.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import polars as pl

from shipway.core.feature import Entity
from shipway.data.frame import build_frame, instants_asked
from shipway.data.known import find_early_reads
from shipway.data.plan import AT, Plan, PlannedColumn
from shipway.data.spine import ASKED, ask, spine_like
from shipway.ports.engine import Engine


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a frame: some features for some rows of the spine.

    Attributes:
        columns: which features, all of one entity.
        start: the first of the rows.
        stop: the row after the last.
    """

    columns: tuple[PlannedColumn, ...]
    start: int
    stop: int


def build_frame_in_parts(
    plan: Plan, tables: Mapping[str, pl.DataFrame], engine: Engine, *, pieces: int = 1
) -> pl.DataFrame:
    """Build a frame in parts; it is that of `build_frame`, whatever the parts and whoever builds them.

    Args:
        plan: which columns over which rows.
        tables: the sources' rows by name.
        engine: who builds the parts.
        pieces: in how many pieces the rows of the spine are cut.

    Raises:
        ShipwayError: as `build_frame`, and as the engine.
    """
    # Columns of the wrong kind show without a row, and are refused in the words of the whole plan.
    build_frame(plan, {name: rows.head(0) for name, rows in tables.items()})
    spine = tables[plan.spine.name]
    for read in find_early_reads(plan, tables, instants_asked(plan, spine)):
        raise read.refusal()
    rest = build_frame(replace(plan, columns=()), tables)
    parts = list(cut_frame(plan, spine.height, pieces))
    built: dict[str, list[pl.DataFrame]] = {}
    for part, frame in zip(parts, engine.run(build_part, (plan, dict(tables)), parts), strict=True):
        built.setdefault(part.columns[0].name, []).append(frame)
    features = [pl.concat(frames) for frames in built.values()]
    found = pl.concat([rest, *features], how="horizontal")
    labels = [name for name in rest.columns if name not in (*plan.spine.key, AT)]
    heads = [name for name in rest.columns if name not in labels]
    return found.select(*heads, *(column.name for column in plan.columns), *labels)


def cut_frame(plan: Plan, rows: int, pieces: int) -> Iterator[Part]:
    """Yield the parts of a frame: for each entity, so many pieces of the rows."""
    entities: dict[Entity | None, list[PlannedColumn]] = {}
    for column in plan.columns:
        entities.setdefault(column.entity, []).append(column)
    pieces = max(1, min(pieces, rows))
    for columns in entities.values():
        for piece in range(pieces):
            yield Part(tuple(columns), rows * piece // pieces, rows * (piece + 1) // pieces)


def build_part(shared: tuple[Plan, dict[str, pl.DataFrame]], part: Part) -> pl.DataFrame:
    """Return the features of a part; the rows asked about go by another name, so that all of them stay events."""
    plan, tables = shared
    source = plan.spine.name
    columns = tuple(replace(column, expr=ask(column.expr, source)) for column in part.columns)
    asked = replace(plan, spine=spine_like(plan.spine), at=ask(plan.at, source), columns=columns, label=None)
    rows = tables[source][part.start : part.stop]
    return build_frame(asked, {**tables, ASKED: rows}, refuse=False).select(column.name for column in columns)
