"""Hypotheses on why a feature was served otherwise: what it would have been if, computed offline like all else."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.core.error import ShipwayError
from shipway.core.feature import Expr, FeatureView, flatten, windows_of
from shipway.data.recomputation import WHEN, Recomputation, Tables, recompute, spine_rows
from shipway.kit.duration import DAY, HOUR, MINUTE, SECOND, format_duration
from shipway.maths.expression import Aggregate, Feature, Operation
from shipway.monitoring.cause import Kind, Trial
from shipway.monitoring.skew import differs

LAGS: Final = tuple(
    unit * count
    for unit, counts in (
        (SECOND, (1, 5, 10, 30)),
        (MINUTE, (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 30, 45)),
        (HOUR, (1, 2, 3, 4, 5, 6, 8, 10, 12, 18)),
        (DAY, (1, 2, 3, 7)),
    )
    for count in counts
)
"""How late features may have been, in microseconds."""
WIDTHS: Final = tuple(
    [count * MINUTE for count in (5, 10, 15, 30)]
    + [count * HOUR for count in (1, 2, 3, 6, 12)]
    + [count * DAY for count in (1, 2, 3, 7, 14, 28, 30, 60, 90, 365)]
)
"""Other widths that a window may have had, beside those that the project uses."""
TESTED: Final = 200
"""Rows that a hypothesis about a whole column is tested on."""
_ROUNDS: Final = 4
"""How often the neighbourhood of the best lag is searched, each time a sixth as wide."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier state of the tables.

    Attributes:
        name: what it is called.
        tables: the rows by table.
        rows: the key of each row of the source that is asked about, as the log writes it.
    """

    name: str
    tables: Tables
    rows: pl.Series


@dataclass(frozen=True, slots=True)
class Suspect:
    """One feature that differs.

    Attributes:
        view: its view, with this feature alone.
        column: its column in a frame.
        expr: its definition.
        spine: rows in which it differs, as `spine_rows` gives them.
        online: the values served there.
    """

    view: FeatureView
    column: str
    expr: Expr
    spine: pl.DataFrame
    online: pl.Series

    @property
    def places(self) -> NDArray[np.int64]:
        """Return the places of the rows that hypotheses about the column are tested on."""
        return np.arange(min(self.spine.height, TESTED), dtype=np.int64)


def try_definitions(work: Recomputation, suspect: Suspect, others: Iterable[tuple[str, Expr]]) -> Iterator[Trial]:
    """Yield what the feature is by other definitions under its name, such as those of earlier versions."""
    chosen = {said: expr for said, expr in others if expr != suspect.expr}
    yield from _redefine(
        work, suspect, "definition", {f"the definition of {said}": expr for said, expr in chosen.items()}
    )


def try_widths(work: Recomputation, suspect: Suspect, used: Iterable[int]) -> Iterator[Trial]:
    """Yield what the feature is with windows of other widths."""
    widths = sorted({*WIDTHS, *used})
    exprs = {
        f"a window of {format_duration(width)}": expr
        for width in widths
        if (expr := _with_width(suspect.expr, width)) != suspect.expr
    }
    yield from _redefine(work, suspect, "window", exprs)


def try_corrections(work: Recomputation, suspect: Suspect, earlier: Sequence[Earlier]) -> Iterator[Trial]:
    """Yield what the feature is by the data of earlier commits, before rows were corrected."""
    places = suspect.places
    asked = suspect.spine[places].select("row", "at", WHEN)
    for state in earlier:
        before = replace(work, tables=state.tables, views=(suspect.view,))
        then = spine_rows(before, asked, state.rows).drop(WHEN)
        found = _recomputed(before, suspect, asked.join(then, on=["row", "at"], how="left", maintain_order="left"))
        if found is not None:
            said = f"a source row that changed since: the value is that of the data before commit {state.name}"
            yield Trial("correction", said, places, found)


def try_staleness(work: Recomputation, suspect: Suspect) -> Iterator[Trial]:
    """Yield what the feature was as of earlier instants; near the best of them the search goes on."""
    if not any(windows_of(suspect.expr, suspect.view.entity)):
        return
    best = _best_lag(work, suspect, LAGS)
    if best is None:
        return
    counts: dict[int, int] = {}
    trials: dict[int, Trial] = {}
    tried = list(LAGS)
    for _ in range(_ROUNDS):
        low = max((lag for lag in tried if lag < best), default=best // 2)
        high = min((lag for lag in tried if lag > best), default=best * 2)
        tried = sorted({best, *(int(lag) for lag in np.linspace(low, high, 13))})
        found = _at_lags(work, suspect, tried)
        trials |= found
        counts |= {lag: _explained(suspect, trial) for lag, trial in found.items()}
        best = max(counts, key=lambda lag: (counts[lag], lag in LAGS, -lag))
        if counts[best] == len(suspect.places):
            break
    most = max(counts.values())
    alike = sorted(lag for lag, count in counts.items() if count == most)
    spread = "" if len(alike) == 1 else f" (from {_write_lag(alike[0])} to {_write_lag(alike[-1])} explain as much)"
    said = f"as it was {_write_lag(best)} earlier{spread}"
    yield replace(trials[best], said=said)


def _best_lag(work: Recomputation, suspect: Suspect, lags: Sequence[int]) -> int | None:
    """Return the lag that explains most rows, the shortest of equals; None where none explains any."""
    counts = {lag: _explained(suspect, trial) for lag, trial in _at_lags(work, suspect, lags).items()}
    best = max(counts, key=lambda lag: (counts[lag], -lag), default=None)
    return best if best is not None and counts[best] else None


def _at_lags(work: Recomputation, suspect: Suspect, lags: Sequence[int]) -> dict[int, Trial]:
    places = suspect.places
    spine = suspect.spine[places]
    moved = pl.concat(spine.with_columns(pl.col(WHEN) - pl.duration(microseconds=lag)) for lag in lags)
    found = _recomputed(work, suspect, moved)
    if found is None:
        return {}
    count = len(places)
    return {lag: Trial("stale", "", places, found.slice(place * count, count)) for place, lag in enumerate(lags)}


def _explained(suspect: Suspect, trial: Trial) -> int:
    return int((~differs(suspect.online.gather(trial.places), trial.values)).sum())


def _redefine(work: Recomputation, suspect: Suspect, kind: Kind, exprs: dict[str, Expr]) -> Iterator[Trial]:
    """Yield what the feature is by other expressions, computed together where they can be, one by one where not."""
    places = suspect.places
    spine = suspect.spine[places]
    for said, expr in exprs.items():
        view = msgspec.structs.replace(suspect.view, features={"it": expr})
        found = _recomputed(work, suspect, spine, view=view)
        if found is not None:
            yield Trial(kind, said, places, found)


def _recomputed(
    work: Recomputation,
    suspect: Suspect,
    spine: pl.DataFrame,
    *,
    view: FeatureView | None = None,
) -> pl.Series | None:
    """Return a feature of the rows of a spine; None where it cannot be computed so, which refutes the hypothesis."""
    chosen = suspect.view if view is None else view
    try:
        found = recompute(work, spine, views=(chosen,))
    except ShipwayError:
        return None
    values = found[flatten(chosen.name, next(iter(chosen.features)))]
    return values if _comparable(values, suspect.online) else None


def _comparable(left: pl.Series, right: pl.Series) -> bool:
    try:
        differs(left.head(0), right.head(0))
    except ShipwayError:
        return False
    return (left.dtype == pl.String) == (right.dtype == pl.String) or left.null_count() == len(left)


def _with_width(expr: Expr, width: int) -> Expr:
    """Return an expression whose windows have another width; one without windows, or with plans alone, is itself."""
    match expr:
        case Operation():
            return Operation(expr.op, tuple(_with_width(arg, width) for arg in expr.args))
        case Aggregate(width_us=int(), anchor=None):
            return msgspec.structs.replace(expr, width_us=width)
        case Feature(value=value) if value is not None:
            return msgspec.structs.replace(expr, value=_with_width(value, width))
        case _:
            return expr


def _write_lag(us: int) -> str:
    unit = MINUTE if us >= 10 * MINUTE else SECOND
    return format_duration(max(round(us / unit), 1) * unit)
