"""Rules on rows that data suggests.

What is never null, which values, shapes and ranges there are, what holds between columns and what refers to what.

A relation is proposed where nothing is against it and much would be if it were chance: columns are taken as if they
had nothing to do with each other, and the rows that would then be against it are counted.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import Any, Final

import numpy as np
import polars as pl

from shipway.core.data_check import has_columns, holds, present, readable, refers, unique, unseen
from shipway.core.feature import Expr
from shipway.data.draft import Draft, Edges, Never, idle_if
from shipway.data.rehearsal import FEWEST, Candidate, measure_all
from shipway.data.scan import Content
from shipway.data.survey import Look, View, extremes_of, moves_with_time
from shipway.maths.limit import expect_unseen, most_share
from shipway.maths.shape import find_shape

_CLOSED: Final = 50
"""Values of a closed set at most."""
_SURPRISING: Final = 20.0
"""Rows, or pairs of rows, that chance would have against a relation at least."""
_SAMPLE: Final = 2_000
_SUPPORT: Final = 3
"""Fewest different values that are as short, and as long, as the shape of a text allows."""
_CONTAINED: Final = 0.5
_TIED: Final = 0.8
_TIGHT: Final = 0.9
"""Correlations from which two numbers are tied, and so tightly that their ratio or difference has a range."""


def draft_columns(draft: Draft) -> None:
    """Draft types, and which columns are null how often."""
    view, looks = draft.view, draft.view.looks
    types: dict[str, Any] = {n: look.kind for n, look in looks.items() if look.kind != "other"}
    if types:
        draft.propose("columns", has_columns(view.source, **types).on("new"), f"{len(types)} columns as they are")
    for look in looks.values():
        column = view.source[look.name]
        if look.missing == look.rows:
            draft.leave(f"present({column})", "the column has no value at all")
        elif look.name in (*view.source.key, view.instant):
            if not look.missing:
                why = f"null in none of {look.rows:,} rows, and part of the key or of when rows came"
                draft.propose("present", present(column).on("new"), why, rows=look.rows)
            else:
                draft.leave(
                    f"present({column})", f"part of the key, and null in {look.missing:,} of {look.rows:,} rows"
                )
        elif not look.missing:
            draft.never.append(Never("present", present(column).on("new"), look.rows))
        else:
            said = f"null in {look.missing:,} of {look.rows:,} rows"
            idle = idle_if(lambda bound: bound >= 0.95, "nearly all rows may be null")
            draft.candidates.append(Candidate("present", present(column).on("new"), "arcsine", True, idle, said=said))


def draft_key(draft: Draft) -> None:
    """Draft that keys are unique: the declared one, or else that there is none."""
    view = draft.view
    key = [view.source[name] for name in view.source.key if name in view.looks]
    if not key or len(key) < len(view.source.key):
        draft.leave("unique(...)", "the table has no declared key")
        return
    check = unique(*key)
    found = measure_all([check], {view.name: Content(view.rows)}, now=0)[check.name]
    if found is None or found.value or not found.n:
        draft.leave(check.text, "the declared key repeats itself, or is null")
        return
    draft.propose("unique", check, f"the declared key, in {view.rows.height:,} rows", rows=view.rows.height)


def draft_texts(draft: Draft) -> None:
    """Draft closed sets, shapes and wholeness of texts."""
    for look in draft.view.of("text"):
        column = draft.view.source[look.name]
        values = draft.view.rows[look.name].drop_nulls().cast(pl.String)
        there = values.unique().sort()
        check = readable(column).on("new")
        found = measure_all([check], {draft.view.name: Content(draft.view.rows)}, now=0)[check.name]
        if found is not None and not found.value:
            draft.propose("readable", check, f"none of {len(there):,} different texts is damaged", values=len(there))
        else:
            draft.leave(check.text, "some texts are damaged as it is")
        if _draft_set(draft, look, there):
            continue
        _draft_shape(draft, look, there)


def _draft_set(draft: Draft, look: Look, there: pl.Series) -> bool:
    """Draft a closed set, or that few values are new; tell whether it was a closed set."""
    view, column = draft.view, draft.view.source[look.name]
    once, draws = _count_once(view, look.name)
    expected = expect_unseen(once, draws)
    what = f"{look.distinct:,} values in {look.rows - look.missing:,} rows"
    few = look.distinct <= min(_CLOSED, (look.rows - look.missing) // 100)
    if few and not once and (draws >= FEWEST or not view.deliveries):
        grain = "each in more than one delivery" if view.deliveries else "each in more than one row"
        check = holds(column.is_in(*there.to_list())).on("new")
        why = f"{what}, {grain}: no new one is expected"
        draft.propose("set", check, why, values=look.distinct, once=once, draws=draws)
        return True
    if view.deliveries and look.distinct <= look.rows // 10:
        said = f"{what}, {once} of them in one delivery only"
        idle = idle_if(lambda bound: bound >= 0.5, "most rows may have a new value")
        check = unseen(column).on("new")
        draft.candidates.append(Candidate("unseen", check, "arcsine", True, idle, compares=True, said=said))
    elif few:
        why = f"{what}, {once} of them once: {expected:.2g} new ones are expected in the next delivery"
        draft.leave(f"holds({column}.is_in(...))", why)
    else:
        draft.leave(f"unseen({column})", f"{what}: nearly every row has a value of its own")
    return False


def _draft_shape(draft: Draft, look: Look, there: pl.Series) -> None:
    column = draft.view.source[look.name]
    shape = find_shape(there.to_list())
    if shape is None:
        draft.leave(f"holds({column}.matches(...))", "its texts have no common shape")
        return
    lengths = there.str.len_chars()
    edges = [int((lengths == end).sum()) for end in (lengths.min(), lengths.max())]
    if min(edges) < _SUPPORT or look.distinct < 10:
        draft.leave(f"holds({column}.matches({shape!r}))", f"only {min(edges)} of its texts are as short or as long")
        return
    most = most_share(look.distinct)
    why = f"all of {look.distinct:,} different texts: at 95 % at most {100 * most:.2g} % of new ones look otherwise"
    draft.propose("shape", holds(column.matches(shape)).on("new"), why, values=look.distinct, most=most)


def _count_once(view: View, column: str) -> tuple[int, int]:
    """Return how many values one delivery only has, and how many deliveries there are; rows where there are none."""
    if not view.deliveries:
        counts = view.rows[column].drop_nulls().value_counts(name="n:")["n:"]
        return int((counts == 1).sum()), int(counts.sum())
    number = np.zeros(view.rows.height, dtype=np.int64)
    for place, delivery in enumerate(view.deliveries, 1):
        number[delivery.start : delivery.end] = place
    pairs = view.rows.select(pl.col(column), pl.Series("delivery:", number)).drop_nulls().unique()
    counts = pairs.group_by(column).len()["len"]
    return int((counts == 1).sum()), pairs["delivery:"].n_unique()


def draft_ranges(draft: Draft) -> None:
    """Draft ranges of numbers, of which the edges want bounds."""
    view = draft.view
    for look in view.of("int", "float"):
        column = view.source[look.name]
        what = f"the range of {column}"
        if look.distinct < 2:
            draft.leave(what, f"it is always {look.low:g}, which says nothing of what may come")
            continue
        if len(view.deliveries) < FEWEST:
            draft.leave(what, _too_few(view))
            continue
        lows, highs = extremes_of(view, look.name)
        if moves_with_time(lows, highs):
            draft.leave(what, "it moves with time: what was seen says nothing of what comes")
            continue
        unit = float(view.rows[look.name].cast(pl.Float64).std() or 0.0) or 1.0  # pyright: ignore[reportArgumentType]
        edges = Edges(column, lows, highs, look.low, look.high, unit, "plain", look.distinct, whole=look.kind == "int")
        draft.edges.append(edges)


def draft_relations(draft: Draft) -> None:
    """Draft what holds between two columns of every row: orders, and ranges of ratios and differences."""
    view = draft.view
    numbers = [look for look in view.of("int", "float") if look.distinct > 1 and not _moves(view, look)]
    instants = view.of("instant", "date")
    for group in (instants, numbers):
        values = {look.name: _numbers(view, look) for look in group}
        for a, b in _orders(values):
            left, right = view.source[a], view.source[b]
            both = int((~np.isnan(values[a]) & ~np.isnan(values[b])).sum())
            why = f"in all of {both:,} rows that have both; by chance {_chance(values[a], values[b]):,.0f} would not"
            draft.propose("order", holds(left <= right).on("new"), why, rows=both)
    values = {look.name: _numbers(view, look) for look in numbers}
    for a, b in combinations(values, 2):
        _draft_tie(draft, a, b, values[a], values[b])


def _draft_tie(draft: Draft, a: str, b: str, left: Any, right: Any) -> None:
    from shipway.core.data_check import correlation

    both = ~np.isnan(left) & ~np.isnan(right)
    if both.sum() < 100 or not (left[both].std() and right[both].std()):
        return
    r = float(np.corrcoef(left[both], right[both])[0, 1])
    if abs(r) < _TIED:
        return
    view = draft.view
    one, other = view.source[a], view.source[b]
    idle = idle_if(lambda bound: (-bound if r < 0 else bound) < 0.3, "hardly any correlation is asked for")
    check = correlation(one, other).on("new")
    said = f"correlation {r:.3f} over {int(both.sum()):,} rows"
    draft.candidates.append(Candidate("correlation", check, "fisher", r < 0, idle, said=said))
    if r < _TIGHT or len(view.deliveries) < FEWEST:
        return
    if left[both].min() > 0 and right[both].min() > 0:
        big = left[both].mean() >= right[both].mean()
        value: Expr = one / other if big else other / one
        numbers, scale, kind = (left / right if big else right / left), "log", "ratio"
    else:
        value, numbers, scale, kind = one - other, left - right, "plain", "difference"
    ends = [numbers[d.start : d.end] for d in view.deliveries]
    ends = [some[~np.isnan(some)] for some in ends]
    lows, highs = (np.asarray([pick(some) for some in ends if len(some)]) for pick in (np.min, np.max))
    spread = float(np.nanstd(numbers)) or 1.0
    low, high = float(np.nanmin(numbers)), float(np.nanmax(numbers))
    draft.edges.append(Edges(value, lows, highs, low, high, spread, scale, int(both.sum()), kind=kind))


def draft_references(draft: Draft, views: Sequence[View]) -> None:
    """Draft what refers to another table: a column whose values are mostly in a column that is unique there."""
    for look in draft.view.of("text", "int"):
        if look.distinct < 2:
            continue
        for other in views:
            if other.name == draft.view.name:
                continue
            for its in other.of(look.kind):
                unique_there = not its.missing and its.distinct == its.rows
                if unique_there and (look.kind == "text" or look.name == its.name):
                    _draft_reference(draft, look, other, its)


def _draft_reference(draft: Draft, look: Look, other: View, its: Look) -> None:
    mine = draft.view.rows[look.name].drop_nulls().unique()
    theirs = other.rows[its.name]
    if mine.dtype != theirs.dtype and not (mine.dtype.is_integer() and theirs.dtype.is_integer()):
        return
    held = int(mine.is_in(theirs.cast(mine.dtype).implode()).sum())
    check = refers(draft.view.source[look.name], other.source[its.name]).on("new")
    if held < _CONTAINED * len(mine):
        return
    if held == len(mine):
        why = f"all of {len(mine):,} different values are there"
        draft.propose("refers", check, why, values=len(mine), held=held)
        return
    idle = idle_if(lambda bound: bound >= 0.9, "most rows may refer to nothing")
    said = f"{held:,} of {len(mine):,} different values are there"
    draft.candidates.append(Candidate("refers", check, "arcsine", True, idle, said=said))


def _orders(values: dict[str, Any]) -> list[tuple[str, str]]:
    """Return pairs of which one is never above the other, though chance would have it so; none that others imply."""
    pairs: set[tuple[str, str]] = set()
    for a, b in combinations(values, 2):
        for one, other in ((a, b), (b, a)):
            if _chance(values[one], values[other]) >= _SURPRISING and not (values[one] > values[other]).any():
                pairs.add((one, other))
    names = list(values)
    implied = {(a, c) for a, b in pairs for b2, c in pairs if b == b2 and (a, c) in pairs and a != c}
    mutual = {(a, b) for a, b in pairs if (b, a) in pairs}
    kept = (pairs - implied) | mutual
    return sorted(kept, key=lambda pair: (names.index(pair[0]), names.index(pair[1])))


def _chance(left: Any, right: Any) -> float:
    """Return in how many rows the left would be above the right if they had nothing to do with each other."""
    both = ~np.isnan(left) & ~np.isnan(right)
    rows = int(both.sum())
    if not rows:
        return 0.0
    taken = np.linspace(0, rows - 1, min(rows, _SAMPLE)).astype(np.int64)
    ones, others = np.sort(left[both])[taken], np.sort(right[both])[taken]
    return rows * float(np.searchsorted(others, ones, side="left").mean()) / len(others)


def _numbers(view: View, look: Look) -> Any:
    values = view.rows[look.name]
    if look.kind in ("instant", "date"):
        values = values.cast(pl.Datetime("us")).to_physical()
    return values.cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _moves(view: View, look: Look) -> bool:
    return bool(view.deliveries) and moves_with_time(*extremes_of(view, look.name))


def _too_few(view: View) -> str:
    return (
        f"{len(view.deliveries)} past deliveries are too few for a bound, which takes {FEWEST}: say a shorter --every"
    )
