"""Features recomputed for requests: what they were as known when they were asked for, and what they would have been.

Each request is asked again at its own instant, whatever a frame would ask, so nothing but the tables is needed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from shipway.core.column import row_columns
from shipway.core.feature import ALWAYS, Entity, Event, FeatureView, Source, view_entities, windows_of
from shipway.data.frame import build_frame
from shipway.data.known import instants_of
from shipway.data.plan import plan_views
from shipway.data.spine import ASKED, ask_view
from shipway.maths.expression import Column

WHEN: Final = "_asked_at"
"""The spine's column that says when each row is asked."""
TRIAL: Final = "_trial"
"""The key of what stands for an entity in a trial."""
Tables = Mapping[str, pl.DataFrame]


@dataclass(frozen=True, slots=True)
class Recomputation:
    """What recomputing needs.

    Attributes:
        views: the features.
        source: the source whose rows are asked about.
        sources: the project's sources by name.
        tables: their rows by name.
    """

    views: tuple[FeatureView, ...]
    source: Source
    sources: Mapping[str, Source]
    tables: Tables

    def streams_of(self, views: Sequence[FeatureView]) -> dict[str, Event]:
        """Return the streams that views read, by name."""
        names = dict.fromkeys(
            node.stream
            for view in views
            for expr in view.features.values()
            for _, node in windows_of(expr, view.entity)
        )
        split = {name: name.partition(".") for name in names}
        return {name: self.sources[source].event(instant) for name, (source, _, instant) in split.items()}


def spine_rows(work: Recomputation, asked: pl.DataFrame, rows: pl.Series) -> pl.DataFrame:
    """Return the rows that were asked about as they were known at the instant, in the order asked.

    Args:
        work: what recomputing needs.
        asked: columns row (the key as the log writes it) and at (microseconds since 1970 UTC).
        rows: the key of each row of the source, as the log writes it.

    Returns:
        Columns row and at, `WHEN`, and every column of the source that features or entities read, null where it was not
        known yet; without requests about rows that are not in the table.
    """
    table = work.tables[work.source.name]
    read = dict.fromkeys(
        column.name for view in work.views for expr in view.features.values() for column in row_columns(expr)
    )
    keys = [key for view in work.views for entity in view_entities(view) for key in entity.keys]
    columns = list(dict.fromkeys([*read, *keys]))
    instants = dict.fromkeys(work.source.instant_of(name) for name in columns)
    kept = [name for name in table.columns if name in columns or name in instants]
    there = table.select(kept).with_columns(rows.alias("row"))
    found = asked.select("row", "at").join(there, on="row", how="inner", validate="m:1", maintain_order="left")
    when = pl.col("at")
    masked: list[pl.Series] = []
    for name in columns:
        instant = work.source.instant_of(name)
        if instant is None:
            continue
        known = pl.Series("known", instants_of(work.source, instant, found))
        masked.append(found.select(pl.when(known <= found["at"]).then(pl.col(name)).alias(name)).to_series())
    return found.with_columns(masked).select(
        "row", "at", when.cast(pl.Datetime("us", "UTC")).alias(WHEN), *(name for name in columns)
    )


def recompute(
    work: Recomputation,
    spine: pl.DataFrame,
    *,
    views: Sequence[FeatureView] | None = None,
    tables: Tables | None = None,
) -> pl.DataFrame:
    """Return features of the rows of a spine, each as known at its `WHEN`.

    Args:
        work: what recomputing needs.
        spine: rows as `spine_rows` gives them; their `WHEN` may be moved.
        views: other views than those of the work.
        tables: other tables.
    """
    chosen = tuple(ask_view(view, work.source.name) for view in (work.views if views is None else views))
    columns = [name for name in spine.columns if name not in ("row", "at")]
    asked = Source(ASKED, (), (), {ALWAYS: tuple(columns)})
    plan = plan_views(asked, Column(ASKED, WHEN), chosen, work.sources)
    frame = build_frame(plan, {**(tables or work.tables), ASKED: spine}, refuse=False)
    return spine.select("row", "at").hstack(frame.select(column.name for column in plan.columns))


def as_trials(view: FeatureView) -> FeatureView:
    """Return a view whose entity is a trial's: rows with the same trial are the same one."""
    return FeatureView(view.name, Entity(TRIAL, (TRIAL,)), view.features)
