"""A set of rules that data suggests: rows and deliveries are looked at, candidates tried on past ones, bounds set."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import polars as pl

from shipway.core.data_check import holds
from shipway.core.feature import Expr, Label, Source
from shipway.core.proposal import Proposal, Proposed, Survey
from shipway.data.course import draft_course
from shipway.data.draft import Draft, Edges, Never
from shipway.data.rehearsal import (
    FEWEST,
    Bound,
    Candidate,
    Series,
    alarm_rate,
    read_series,
    set_bounds,
    try_checks,
)
from shipway.data.structure import (
    draft_columns,
    draft_key,
    draft_ranges,
    draft_references,
    draft_relations,
    draft_texts,
)
from shipway.data.survey import View, survey_table
from shipway.kit.duration import format_duration
from shipway.maths.expression import render
from shipway.maths.limit import limit_count, round_outward

_MARGIN: Final = 0.1
"""By which part of what was seen a range reaches beyond it at least."""
_NEAR: Final = 0.02
"""How near to zero, in widths of what was seen, the least value lies where zero is taken for an end."""
_ENDS: Final = frozenset({12, 23, 24, 31, 59, 60, 90, 180, 360, 365, 366, -90, -180})
"""Where scales of clocks, calendars and compasses end, beside zero and the powers of ten."""
_ORDER: Final = (
    "columns", "unique", "rows", "day", "gaps", "present", "fresh", "past", "timely", "set", "shape", "readable",
    "range", "order", "ratio", "difference", "refers", "unseen", "vanished", "shift", "mix", "correlation", "distinct",
    "label",
)  # fmt: skip


def propose_rules(
    tables: Mapping[Source, pl.DataFrame | pl.LazyFrame],
    *,
    every_us: int,
    alarms: float = 1.0,
    now: int | None = None,
    by: Mapping[str, str] | None = None,
    labels: Sequence[tuple[Label, Expr]] = (),
    only: Sequence[str] = (),
) -> Proposed:
    """Propose rules for the rows that come next, from those that came.

    Args:
        tables: source to its rows.
        every_us: how long a delivery is.
        alarms: how many false alarms a year are put up with, over all rules whose bound is estimated. A bound is beyond
            what one delivery reaches by chance with as small a probability as makes so many.
        now: the domain time; without it nothing is said of how old rows may be.
        by: table name to the instant column that its deliveries are told by, where it is not the first declared.
        labels: labels, each with the instant that it is asked for.
        only: the tables that rules are proposed for; all without. The others may be referred to.

    Returns:
        The rules, each true of all rows given, and what was left out; the same of the same data.
    """
    chosen = by or {}
    views = [survey_table(source, rows, every_us, chosen.get(source.name)) for source, rows in tables.items()]
    drafts = [Draft(view) for view in views if not only or view.name in only]
    for draft in drafts:
        _draft(draft, views, now, labels, alarms)
    tried = {draft.view.name: _try(draft, views, now) for draft in drafts}
    series = {key: each for draft in drafts for key, each in tried[draft.view.name].items()}
    series |= {key: each for draft in drafts for key, each in _edge_series(draft).items()}
    count = len(series) + sum(len(draft.never) for draft in drafts)
    alpha = alarm_rate(alarms, count, every_us)
    bounds = set_bounds(series, alpha)
    for draft in drafts:
        for candidate in draft.candidates:
            _settle(draft, candidate, series, bounds, alpha)
        for edges in draft.edges:
            _settle_edges(draft, edges, bounds)
        for never in draft.never:
            _settle_never(draft, never, alpha)
    return Proposed(
        every=format_duration(every_us),
        alarms=alarms,
        bounds=count,
        surveys=tuple(
            Survey(table=view.name, rows=view.rows.height, instant=view.instant or "", days=view.days,
                   deliveries=len(view.deliveries))
            for view in (draft.view for draft in drafts)
        ),
        rules=tuple(rule for draft in drafts for rule in _in_order(draft.rules)),
        left=tuple(omission for draft in drafts for omission in draft.left),
    )  # fmt: skip


def _draft(
    draft: Draft, views: Sequence[View], now: int | None, labels: Sequence[tuple[Label, Expr]], alarms: float
) -> None:
    view = draft.view
    if not view.rows.height:
        draft.leave(f"everything about {view.name}", "it has no rows")
        return
    draft_columns(draft)
    draft_key(draft)
    draft_texts(draft)
    draft_ranges(draft)
    draft_relations(draft)
    draft_references(draft, views)
    if view.instant is None:
        draft.leave(f"rules on deliveries of {view.name}", "no instant says when its rows came")
        return
    mine = [(label, asked) for label, asked in labels if label.stream.partition(".")[0] == view.name]
    draft_course(draft, mine, _lag(view, now), alarm_rate(alarms, 100, view.every_us))


def _lag(view: View, now: int | None) -> int | None:
    """Return how old the newest row is, None where it is so old, or so far ahead, that the feed does not run."""
    if now is None or view.instants is None or not len(view.instants):
        return None
    lag = now - int(view.instants[-1])
    return lag if 0 <= lag <= 2 * view.every_us else None


def _try(draft: Draft, views: Sequence[View], now: int | None) -> dict[str, Series]:
    """Try candidates on past deliveries; those without a bound become rules, and the numbers of others are returned."""
    view = draft.view
    if len(view.deliveries) < FEWEST:
        for candidate in draft.candidates:
            draft.leave(candidate.check.text, "there are too few past deliveries to try it on")
        draft.candidates.clear()
        return {}
    others = {other.name: other.rows for other in views}
    checks = list({candidate.check.name: candidate.check for candidate in draft.candidates}.values())
    found = try_checks(view, checks, others, ago_us=_lag(view, now) or 0)
    series: dict[str, Series] = {}
    for candidate in list(draft.candidates):
        given = found[candidate.check.name]
        taken = [evidence for evidence in (given[1:] if candidate.compares else given) if evidence is not None]
        measured = [evidence for evidence in taken if evidence.n]
        if candidate.strict and len(measured) >= FEWEST and not any(evidence.value for evidence in measured):
            why = f"{candidate.said}: in none of {len(measured)} deliveries"
            draft.propose(candidate.kind, candidate.check, why, deliveries=len(measured))
            draft.candidates.remove(candidate)
            continue
        made = read_series(candidate, given, candidate.kind)
        if candidate.make is not None:
            # An age is how far a feed is behind; what it is judged later is allowed for in the rule.
            lag = float(_lag(view, now) or 0)
            made = Series(tuple(max(v - lag, 1e6) for v in made.values), made.scale, made.upper, made.group)
        series[_key(candidate)] = made
    return series


def _settle(
    draft: Draft, candidate: Candidate, series: Mapping[str, Series], bounds: Mapping[str, Bound], alpha: float
) -> None:
    """Make a rule of a candidate and its bound, or say why there is none."""
    bound, values = bounds.get(_key(candidate)), series[_key(candidate)].values
    if bound is not None and candidate.scale == "arcsine" and candidate.upper and not (candidate.strict or any(values)):
        _settle_never(draft, Never(candidate.kind, candidate.check, draft.view.rows.height), alpha)
        return
    if bound is None:
        few = f"it could be measured on {len(values)} deliveries, of which it takes {FEWEST}"
        why = few if len(values) < FEWEST else "it is the same in every delivery, at the end of its scale"
        draft.leave(candidate.check.text, why)
        return
    idle = candidate.idle(bound.value)
    rule = candidate.rule(bound.value)
    if idle is not None:
        draft.leave(candidate.check.text if candidate.strict else rule.text, idle)
        return
    low, high = min(values), max(values)
    if candidate.make is not None:
        span = f"{format_duration(_hours(low))} to {format_duration(_hours(high))}"
    else:
        span = f"{low:.3g} to {high:.3g}"
    why = f"{candidate.said}: {span} in {len(values)} deliveries, set at {bound.freedom:.0f} degrees of freedom"
    seen = {"values": list(values), "scale": candidate.scale, "freedom": bound.freedom}
    draft.rules.append(Proposal(table=draft.view.name, kind=candidate.kind, rule=rule, why=why, seen=seen))


def _settle_never(draft: Draft, never: Never, alpha: float) -> None:
    """Make a rule of what no row was against: a few of the next delivery may be."""
    sizes = sorted(delivery.end - delivery.start for delivery in draft.view.deliveries)
    size = sizes[len(sizes) // 2] if sizes else never.rows
    allowed = limit_count(never.rows, size, alpha)
    share = round_outward(allowed / size, up=True)
    said = f"in none of {never.rows:,} rows; chance may bring {allowed} of the {size:,} of a delivery"
    draft.propose(never.kind, never.check <= share, said, rows=never.rows, allowed=allowed, size=size)


def _edge_series(draft: Draft) -> dict[str, Series]:
    series: dict[str, Series] = {}
    for edges in draft.edges:
        unit = 1.0 if edges.scale == "log" else edges.unit
        for upper, ends in ((False, edges.lows), (True, edges.highs)):
            if not _is_end(edges, upper=upper):
                numbers = tuple((ends / unit).tolist())
                group = f"edge of a {edges.kind}"
                series[_edge_key(draft, edges, upper=upper)] = Series(numbers, edges.scale, upper, group, extreme=True)
    return series


def _settle_edges(draft: Draft, edges: Edges, bounds: Mapping[str, Bound]) -> None:
    """Make a rule of a range."""
    ends: list[float] = []
    for upper in (False, True):
        bound = bounds.get(_edge_key(draft, edges, upper=upper))
        if bound is None and not _is_end(edges, upper=upper):
            draft.leave(f"the range of {render(edges.value)}", "its greatest and least values give no bound")
            return
        ends.append(_end(edges, bound, upper=upper))
    if edges.whole:
        ends = [math.floor(ends[0]), math.ceil(ends[1])]
    low, high = (int(end) if float(end).is_integer() else end for end in ends)
    rule = holds((edges.value >= low) & (edges.value <= high)).on("new")
    said = f"{edges.low:,.6g} to {edges.high:,.6g} in {draft.view.rows.height:,} rows, {edges.distinct:,} values"
    if edges.kind != "range":
        said = f"{edges.low:,.3g} to {edges.high:,.3g} in {edges.distinct:,} rows"
    hard = [f"{seen:g}" for seen, upper in ((edges.low, False), (edges.high, True)) if _is_end(edges, upper=upper)]
    if hard:
        said += f"; every delivery reaches {' and '.join(hard)}, none passes"
    if len(hard) < 2:
        said += f"; widened for what {len(edges.highs)} deliveries differ by"
    seen = {"low": edges.low, "high": edges.high, "lows": edges.lows.tolist(), "highs": edges.highs.tolist()}
    draft.propose(edges.kind, rule, said, **seen)


def _end(edges: Edges, bound: Bound | None, *, upper: bool) -> float:
    """Return an end of a range: what the next delivery hardly reaches, and a tenth of the width beyond what was seen.

    It is not below zero where nothing was, though values come near.
    """
    seen, width = (edges.high if upper else edges.low), edges.high - edges.low
    if bound is None:
        return seen
    reach = bound.value if edges.scale == "log" else bound.value * edges.unit
    margin = 0.0 if edges.scale == "log" else _MARGIN * width
    end = max(reach, seen + margin) if upper else min(reach, seen - margin)
    if not upper and edges.kind == "range" and 0 <= edges.low <= _NEAR * width:
        end = max(end, 0.0)
    if edges.scale == "log":
        return round_outward(end, up=upper, digits=3)
    return _round_end(end, up=upper, width=width)


def _is_end(edges: Edges, *, upper: bool) -> bool:
    """Tell whether an edge is the end of a scale: reached in every delivery, and a number at which scales end."""
    reached = edges.highs if upper else edges.lows
    seen = edges.high if upper else edges.low
    if edges.kind != "range" or not len(reached) or not bool((reached == seen).all()):
        return False
    return seen in _ENDS or seen == 0 or (seen > 0 and math.log10(seen).is_integer())


def _round_end(value: float, *, up: bool, width: float) -> float:
    """Return an end of a range moved outward to a hundredth of its width, so that it is a number people read."""
    step = 10.0 ** math.floor(math.log10(width / 20)) if width > 0 else 1.0
    whole = math.ceil(value / step - 1e-9) if up else math.floor(value / step + 1e-9)
    return round(whole * step, 12) + 0.0


def _in_order(rules: Sequence[Proposal]) -> list[Proposal]:
    return sorted(rules, key=lambda proposal: _ORDER.index(proposal.kind))


def _key(candidate: Candidate) -> str:
    return f"{candidate.check.name}:{'most' if candidate.upper else 'least'}"


def _edge_key(draft: Draft, edges: Edges, *, upper: bool) -> str:
    return f"{draft.view.name}:{edges.kind}:{render(edges.value)}:{'high' if upper else 'low'}"


def _hours(us: float) -> int:
    return int(us) - int(us) % 60_000_000
