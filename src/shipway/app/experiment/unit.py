"""The units that met an experiment, and what became of each: read from the admitted data, as known at an instant."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.app.asking import cast_keys
from shipway.app.workspace import Workspace
from shipway.core.effect import Effect
from shipway.core.error import ShipwayError
from shipway.core.experiment import Experiment
from shipway.core.feature import Event, Expr, FeatureView, Source, flatten
from shipway.core.prediction import join_key
from shipway.core.split import SplitExperiment, SplitLayer, find_variant
from shipway.data.column import evaluate_row
from shipway.data.frame import build_frame
from shipway.data.known import instants_of
from shipway.data.plan import Plan, plan_views
from shipway.data.slice import stream_columns
from shipway.data.spine import ASKED, spine_of
from shipway.data.stream import NEVER
from shipway.maths.expression import Column, Operation, Span, render, walk
from shipway.validation.experiment import DAY, VARIANT

Floats = NDArray[np.float64]
UNIT, MET, CLUSTER = "_unit", "_met", "_cluster"
"""Columns of units beside their keys: the key as logs write it, the instant of the first exposure, and the key of
the cluster where clusters are assigned."""
REST: Final = ""
"""What units met on which the variants never differed."""
SAID: Final = "_said"
"""What an exposure says was met."""
_VIEW: Final = "m"


@dataclass(frozen=True, slots=True)
class Units:
    """The units of a period, one row each.

    Attributes:
        rows: the unit's keys, `_unit`, `_met`, `_day`, `_variant` and the columns of slices; `_cluster` where clusters
            are assigned.
        misassigned: units that met another variant than the one assigned; they are left out.
        outside: units whose exposures name a variant though they are to meet none; they are left out.
        crossed: units that met several variants, in order; they are left out.
        ruled: units whose version a rule of the service chose, never its split; they are left out.
        rest: units of the experiment on which the variants never differed, likewise with `_variant` empty; None where
            the variants differ for all.
    """

    rows: pl.DataFrame
    misassigned: int = 0
    outside: int = 0
    crossed: tuple[str, ...] = ()
    ruled: int = 0
    rest: pl.DataFrame | None = None

    @property
    def counted(self) -> pl.DataFrame:
        """Return the units that are measured: those that met a variant, and those on which none differs."""
        return self.rows if self.rest is None else pl.concat([self.rows, self.rest.select(self.rows.columns)])


def read_exposures(
    workspace: Workspace, experiment: Experiment, stream: Event, since: int, until: int, *, triggered: bool = True
) -> pl.DataFrame:
    """Return the exposures of a period that count, oldest first: keys, `_met`, and the columns that are read of them.

    Args:
        workspace: the project's state.
        experiment: whose.
        stream: the exposures, or what plays their part.
        since: begin of the period, microseconds since 1970 UTC.
        until: its end, included.
        triggered: whether only those count on which the variants differ, as `where` says.

    Raises:
        ShipwayError: SW-401 if no data was admitted, SW-202 for a column the table lacks, SW-203 for a key of the unit
            that is neither text nor a whole number.
    """
    own = stream.name == experiment.exposed.name
    beside = [*experiment.grouped, *([experiment.variant] if experiment.variant else [])] if own else []
    where = experiment.where if own and triggered else None
    read = [node.name for node in walk(where) if isinstance(node, Column)] if where is not None else []
    source = stream.source
    columns = list(dict.fromkeys([*experiment.keys, stream.known_at, *beside, *read]))
    snapshot = workspace.admitted([source.name])[source.name]
    rows = workspace.tables.read(snapshot, columns)
    _refuse_keys(source, rows.select(experiment.keys))
    met = instants_of(source, stream.known_at, rows)
    keep = (met > since) & (met <= until) & (met != NEVER)
    if where is not None:
        held = evaluate_row(where, source.name, {source.name: rows})
        keep &= held.valid & held.values.astype(np.bool_)
    for key in experiment.keys:
        keep &= rows[key].is_not_null().to_numpy()
    rows = rows.with_columns(pl.Series(MET, met)).filter(pl.Series(keep))
    return rows.select(list(dict.fromkeys([*experiment.keys, MET, *beside]))).sort(MET, maintain_order=True)


def _refuse_keys(source: Source, keys: pl.DataFrame) -> None:
    """Refuse keys that callers of assign write otherwise than the table: 42 is no 42.0; SW-203."""
    for name, dtype in keys.schema.items():
        if not (dtype.is_integer() or isinstance(dtype, pl.String | pl.Categorical | pl.Enum | pl.Null)):
            fact = f"{source.name}.{name} identifies a unit of an experiment and is a column of {dtype}"
            hint = f"make it text or a whole number in source {source.name!r}, written as callers of assign write it"
            raise ShipwayError("SW-203", fact, hint)


def find_units(exposures: pl.DataFrame, experiment: Experiment, timezone: str) -> pl.DataFrame:
    """Return the first exposure of each unit, with `_unit` and `_day`, in order of the exposures.

    Args:
        exposures: as `read_exposures` gives them.
        experiment: whose.
        timezone: whose days are meant.
    """
    keys = list(experiment.unit.keys)
    first = exposures.unique(keys, keep="first", maintain_order=True)
    named = first.with_columns(write_keys(first, keys).alias(UNIT), day_of(MET, timezone).alias(DAY))
    if experiment.cluster is None:
        return named
    return named.with_columns(write_keys(first, experiment.cluster.keys).alias(CLUSTER))


def write_keys(rows: pl.DataFrame, keys: Sequence[str]) -> pl.Series:
    """Return each row's key as logs write it."""
    return pl.Series([join_key(values) for values in rows.select(keys).iter_rows()], dtype=pl.String)


def assign_units(
    exposures: pl.DataFrame, experiment: Experiment, run: SplitExperiment, layer: SplitLayer, timezone: str
) -> Units:
    """Return the units that met a variant, each once, by the assignment; exposures that say otherwise are counted.

    Args:
        exposures: as `read_exposures` gives them.
        experiment: whose.
        run: the run that assigns.
        layer: its layer.
        timezone: whose days are meant.
    """
    units = find_units(exposures, experiment, timezone)
    assigned = give_variants(units, UNIT if experiment.cluster is None else CLUSTER, run, layer)
    said = exposures
    if experiment.cluster is not None and not experiment.variant:
        # A unit that was seen in several clusters met what each of them was assigned.
        named = exposures.with_columns(write_keys(exposures, experiment.cluster.keys).alias(CLUSTER))
        said = give_variants(named, CLUSTER, run, layer).rename({VARIANT: SAID})
    elif experiment.variant:
        said = exposures.rename({experiment.variant: SAID})
    return sort_out(assigned, said if SAID in said.columns else None, experiment.unit.keys)


def leave_rest(everyone: Units, met: Units) -> Units:
    """Return units with the rest of everyone, whom the variants cannot have changed; `met` are those they may have.

    Args:
        everyone: as they would be if the variants differed for all.
        met: the units for which they do.
    """
    known = pl.concat([met.rows[UNIT], pl.Series(UNIT, met.crossed, dtype=pl.String)])
    rest = everyone.rows.filter(~pl.col(UNIT).is_in(known.implode())).with_columns(pl.lit(REST).alias(VARIANT))
    return replace(met, rest=rest)


def give_variants(rows: pl.DataFrame, column: str, run: SplitExperiment, layer: SplitLayer) -> pl.DataFrame:
    """Add to rows the variant that a column's text is assigned, `_variant`; null for one that meets none."""
    texts = rows[column].unique().to_list()
    found = {text: find_variant(run, layer, text)[0] for text in texts}
    return rows.with_columns(pl.Series(VARIANT, [found[text] for text in rows[column].to_list()], dtype=pl.String))


def sort_out(assigned: pl.DataFrame, said: pl.DataFrame | None, keys: Sequence[str]) -> Units:
    """Keep the units that met the variant they were assigned, and no other.

    Args:
        assigned: one row for each unit, with `_unit`, and with `_variant`, null for one that is to meet none.
        said: exposures with the keys and `_said`, what was met; None where nothing tells.
        keys: columns that tell which unit an exposure is of.
    """
    inside = assigned.filter(pl.col(VARIANT).is_not_null())
    if said is None:
        return Units(inside)
    met = said.group_by(keys).agg(pl.col(SAID).cast(pl.String).drop_nulls().unique())
    joined = assigned.join(met, on=list(keys), how="left", maintain_order="left")
    several, none = pl.col(SAID).list.len() > 1, pl.col(SAID).list.len() == 0
    outside = joined.filter(pl.col(VARIANT).is_null(), ~none).height
    inside = joined.filter(pl.col(VARIANT).is_not_null())
    crossed = inside.filter(several)
    right = none | (pl.col(SAID).list.first() == pl.col(VARIANT))
    kept = inside.filter(~several, right).drop(SAID)
    return Units(
        kept,
        misassigned=inside.height - crossed.height - kept.height,
        outside=outside,
        crossed=tuple(sorted(crossed[UNIT].to_list())),
    )


def day_of(column: str, timezone: str) -> pl.Expr:
    """Return the local day of instants as days since 1970."""
    local = pl.from_epoch(pl.col(column), time_unit="us").dt.replace_time_zone("UTC").dt.convert_time_zone(timezone)
    return local.dt.date().cast(pl.Int32)


def measure_units(
    workspace: Workspace, experiment: Experiment, units: pl.DataFrame, effects: Sequence[Effect]
) -> list[Floats]:
    """Return what became of units, for effects of one width: the value, what it is over, and the covariates.

    A covariate without a value is 0, and a column more says of which units it has none.

    Args:
        workspace: the project's state.
        experiment: whose.
        units: with keys and `_met`.
        effects: what is measured.

    Returns:
        For each effect float64[units, columns].

    Raises:
        ShipwayError: SW-401 if no data was admitted; what building a frame refuses; SW-203 for a metric or covariate
            that is no number, or not finite.
    """
    outcomes: dict[str, Expr] = {}
    covariates: dict[str, Expr] = {}
    for place, each in enumerate(effects):
        outcomes[f"y{place}"] = each.value
        if each.over is not None:
            outcomes[f"d{place}"] = each.over
        covariates |= {f"c{place}_{at}": feature for at, feature in enumerate(each.covariates)}
    after = Operation("add", (Column(ASKED, MET), Span(effects[0].width_us)))
    became = _build(workspace, experiment, units, outcomes, after)
    before = _build(workspace, experiment, units, covariates, Column(ASKED, MET)) if covariates else became
    return [_columns(each, place, became, before) for place, each in enumerate(effects)]


def streams_of_effects(experiment: Experiment, effects: Iterable[Effect], sources: Mapping[str, Source]) -> list[Event]:
    """Return the streams that effects are measured on, covariates not among them."""
    parts = [expr for each in effects for expr in (each.value, each.over) if expr is not None]
    features = {f"m{place}": expr for place, expr in enumerate(parts)}
    plan = _plan(experiment, features, Column(ASKED, MET), sources)
    return list(plan.streams)


def _build(
    workspace: Workspace, experiment: Experiment, units: pl.DataFrame, features: Mapping[str, Expr], at: Expr
) -> pl.DataFrame:
    plan = _plan(experiment, features, at, workspace.project.registry.sources)
    keys = list(experiment.unit.keys)
    read = stream_columns(plan)
    tables: dict[str, pl.DataFrame] = {}
    for name, snapshot in workspace.admitted(read).items():
        tables[name] = workspace.tables.read(snapshot, read[name])
    spine = units.select(*keys, pl.from_epoch(MET, time_unit="us").dt.replace_time_zone("UTC"))
    spine = cast_keys(_number_keys(spine, keys, tables), plan, tables)
    for name, rows in tables.items():
        if all(key in rows.columns for key in keys):
            tables[name] = rows.join(spine.select(keys).unique(), on=keys, how="semi", maintain_order="left")
    return build_frame(plan, {**tables, ASKED: spine})


def _number_keys(spine: pl.DataFrame, keys: Sequence[str], tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Return keys that a log wrote as text as the whole numbers that the tables have; others as they are."""
    for key in keys:
        kinds = {rows[key].dtype for rows in tables.values() if key in rows.columns}
        if spine[key].dtype == pl.String and kinds and all(kind.is_integer() for kind in kinds):
            numbers = spine[key].cast(pl.Int64, strict=False)
            if numbers.null_count() == 0:
                spine = spine.with_columns(numbers)
    return spine


def _plan(experiment: Experiment, features: Mapping[str, Expr], at: Expr, sources: Mapping[str, Source]) -> Plan:
    view = FeatureView(_VIEW, experiment.unit, dict(features))
    return plan_views(spine_of(dict.fromkeys([*experiment.unit.keys, MET])), at, (view,), sources)


def _columns(effect: Effect, place: int, became: pl.DataFrame, before: pl.DataFrame) -> Floats:
    values = _number(became[flatten(_VIEW, f"y{place}")], effect).fill_null(0.0).to_numpy()
    found = [values if effect.cap is None else np.minimum(values, effect.cap)]
    if effect.over is not None:
        found.append(_number(became[flatten(_VIEW, f"d{place}")], effect).fill_null(0.0).to_numpy())
    for at in range(len(effect.covariates)):
        covariate = _number(before[flatten(_VIEW, f"c{place}_{at}")], effect)
        found.append(covariate.fill_null(0.0).to_numpy())
        found.append(covariate.is_null().cast(pl.Float64).to_numpy())
    return np.column_stack(found)


def _number(series: pl.Series, effect: Effect) -> pl.Series:
    """Return a column as numbers, null where it has none; SW-203 for text and for what is not finite."""
    if not (series.dtype.is_numeric() or series.dtype == pl.Boolean):
        fact = f"{render(effect.value)} is measured or explained by a column of {series.dtype}"
        raise ShipwayError("SW-203", fact, "use numbers and conditions")
    numbers = series.cast(pl.Float64).fill_nan(None)
    if numbers.is_infinite().any():
        raise ShipwayError("SW-203", f"{render(effect.value)} is not finite for a unit", "divide by nothing that is 0")
    return numbers
