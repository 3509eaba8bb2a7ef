"""Sections on how a service did: week by week, against other policies, and what its server took for it."""

from collections.abc import Callable, Iterator
from typing import Final

from shipway.app.count import write_plural
from shipway.app.live.data import Comparison, Difference, Policy, PolicyName, Score, Week
from shipway.app.report.element import Child, Markup, element, fold, join, table, tile, unbroken, words
from shipway.app.report.gate import Measured
from shipway.app.report.live import LiveData, RetrainData, ServerData
from shipway.app.report.number import MINUS, write_memory, write_number, write_seconds
from shipway.app.report.scale import SCALES
from shipway.app.report.whisker import draw_whisker, span_of
from shipway.core.label import LOSS, LabelKind
from shipway.ports.chart import Charts, Series, Tone

NAMES: Final[dict[PolicyName, str]] = {
    "never": "never",
    "first release": "first release only",
    "triggered": "as served",
    "monthly": "monthly",
}
_LOSSES: Final[dict[LabelKind, str]] = {kind: f"{loss[:1].upper()}{loss[1:]}" for kind, loss in LOSS.items()}
_UNITS: Final[dict[LabelKind, str]] = {"condition": "nats", "number": "units of the label", "class": "nats"}
_LINES: Final[tuple[tuple[PolicyName, Tone, bool], ...]] = (
    ("triggered", "main", False),
    ("never", "plain", True),
    ("monthly", "plain", True),
)


def show_weeks(live: LiveData, charts: Charts) -> Markup | None:
    """Return by week how what was served did, beside never changing and retraining monthly."""
    weeks = [week for week in live.weeks if week.scores]
    if not weeks:
        return None
    why = (
        f"Weeks begin on Monday. Of {live.answered:,} answers {live.labelled:,} have a label known by {live.known}, and"
        " every line is of the same ones. Dashed is what did not happen: the version that the service opened with all"
        " the time, and a new version every month."
    )
    drawn: list[Markup] = []
    if len(weeks) > 1:
        beside, better = _name_beside(live.predicts)
        if any(_read_beside(score) is not None for week in weeks for score in week.scores.values()):
            drawn.append(_chart(charts, weeks, f"{beside} by week ({better} is better)", _read_beside))
        title = f"{_LOSSES[live.predicts]} by week, in {_UNITS[live.predicts]} (lower is better)"
        drawn.append(_chart(charts, weeks, title, lambda score: score.loss))
    numbers = _week_table(live.weeks, live.predicts)
    shown = join((element("div", *drawn, class_="charts"), fold("The numbers", numbers))) if drawn else numbers
    return join((element("p", why, class_="why"), shown))


def show_policies(live: LiveData, charts: Charts) -> Markup | None:
    """Return what each way of taking new versions came to, and what is owed to which of them."""
    compared = live.comparison
    if compared is None:
        return None
    weeks = [week for week in live.weeks if week.scores]
    chart = _gain_chart(charts, weeks, live.predicts) if len(weeks) > 1 else None
    said = element("div", *(words(each) for each in _say(live, compared)))
    policies = _policy_table(compared, live.predicts)
    return join((element("div", said, chart, class_="charts"), policies, _retrain_table(live.retrains)))


def show_server(server: ServerData | None) -> Markup | None:
    """Return how many requests a second the server answered, how long they took, and what it held meanwhile."""
    if server is None:
        return None
    tiles = [tile("Requests a second", f"{server.per_second:,.0f}", f"over {write_seconds(server.serving_s)}")]
    for name, took in (("Half took at most", server.p50_ms), ("99% took at most", server.p99_ms)):
        if took is not None:
            tiles.append(tile(name, _ms(took), "as the client saw it"))
    if server.together_mb is not None:
        tiles.append(tile("Memory at most", write_memory(server.together_mb), "all processes together, at ticks"))
    pairs = [join((element("dt", name), element("dd", fact))) for name, fact in _facts(server)]
    return join((element("div", *tiles, class_="tiles"), element("dl", *pairs, class_="facts")))


def write_share_kept(share: float) -> str:
    """Return a share of a gain in whole per cent, which may be below nought or above 100."""
    whole = round(share * 100)
    return f"{MINUS if whole < 0 else ''}{abs(whole)}%"


def _say(live: LiveData, compared: Comparison) -> Iterator[str]:
    """Yield what was gained and what it is owed to, one paragraph each."""
    never, first, ours, monthly = compared.never, compared.first, compared.triggered, compared.monthly
    scale, loss = SCALES[live.predicts], _LOSSES[live.predicts]
    losses = [write_number(each.score.loss, scale.loss_unit) for each in (ours, never, monthly)]
    yield (
        f"All are measured on the same {compared.rows:,} labelled answers of {write_plural(compared.days, 'day')}."
        f" {loss} is {losses[0]} as served, {losses[1]} without any new version, and {losses[2]} with one at each first"
        " of a month, in service at once and without a trial."
    )
    unknown = live.labelled - compared.rows
    if unknown:
        yield f"{write_plural(unknown, 'labelled answer')} could not be predicted offline: the frame has no such row."
    if ours.share is None:
        yield "A new version every month gains nothing over never changing, so there is no gain to keep."
        return
    if compared.gain is not None:
        yield f"So a new version every month gains {_gained(compared.gain, live.predicts)}."
    retrains = write_plural(len(live.retrains), "triggered retrain") if live.retrains else "nothing retrained"
    kept = f"What was served, with {retrains}, keeps {write_share_kept(ours.share)} of the monthly gain."
    if first is not None and first.share is not None:
        rest = _rest(compared) if live.retrains else ""
        kept += f" {_owed(first.share, ours.share)} {write_share_kept(first.share)}.{rest}"
    yield kept
    if monthly.difference is not None:
        yield f"Row by row, what was served has {_against(monthly.difference, 'monthly', live.predicts)}."
    if first is not None and first.difference is not None and live.retrains:
        yield f"What retraining brought beyond the first release is {_against(first.difference, 'it', live.predicts)}."


def _gained(gain: Difference, kind: LabelKind) -> str:
    ends = f"{_signed(gain.low, kind)} to {_signed(gain.high, kind)}"
    doubt = "; it may be nothing, so that shares of it say little" if gain.low <= 0 else ""
    return f"{write_number(gain.value, SCALES[kind].loss_unit)} over never (95 % interval {ends}{doubt})"


def _owed(first: float, ours: float) -> str:
    """Return how the sentence begins that says what the first release alone keeps, so that nothing else is credited."""
    alone = "the first release alone, with nothing retrained, keeps"
    return f"Most of that is not owed to the trigger: {alone}" if first > ours / 2 else f"Of the same gain {alone}"


def _rest(compared: Comparison) -> str:
    if compared.left is None:
        return " Monthly retraining gains nothing beyond it."
    return f" Of what that leaves to gain, retraining keeps {write_share_kept(compared.left)}."


def _against(difference: Difference, what: str, kind: LabelKind) -> str:
    """Return a paired difference with its interval, and whether it tells the two apart."""
    much = write_number(abs(difference.value), SCALES[kind].loss_unit)
    way = "more" if difference.value >= 0 else "less"
    ends = f"{_signed(difference.low, kind)} to {_signed(difference.high, kind)}"
    apart = "" if difference.low > 0 or difference.high < 0 else ": too little to tell the two apart"
    return f"{much} {way} {LOSS[kind]} than {what} (95 % interval {ends}{apart})"


def _policy_table(compared: Comparison, kind: LabelKind) -> Markup:
    shown = [policy.difference for policy in compared.policies if policy.difference is not None]
    span = span_of((Measured(each.value, each.low, each.high) for each in shown), 0.0) if shown else (0.0, 1.0)
    rows = [_policy(policy, span, kind) for policy in compared.policies]
    head = (
        "Takes a new version",
        "Times",
        _LOSSES[kind],
        _name_beside(kind)[0],
        "Keeps of the monthly gain",
        f"Served less this, {LOSS[kind]}",
        "95 % interval",
        "",
    )
    ours = [at for at, policy in enumerate(compared.policies) if policy.name == "triggered"]
    return table(head, rows, numbers=(1, 2, 3, 4, 5, 6), marked=ours)


def _policy(policy: Policy, span: tuple[float, float], kind: LabelKind) -> tuple[Child, ...]:
    each = policy.difference
    beside, loss = _write_score(policy.score, kind)
    drawn = None
    if each is not None:
        drawn = draw_whisker(Measured(each.value, each.low, each.high), span, tone="main", bound=0.0)
    return (
        NAMES[policy.name],
        f"{len(policy.changes):,}",
        loss,
        beside,
        None if policy.share is None else write_share_kept(policy.share),
        None if each is None else _signed(each.value, kind),
        None if each is None else _soft(f"{_signed(each.low, kind)} to {_signed(each.high, kind)}"),
        drawn,
    )


def _retrain_table(retrains: tuple[RetrainData, ...]) -> Markup | None:
    if not retrains:
        return words("No retrain was asked for.")
    rows = [(element("b", retrain.asked), retrain.reason, retrain.came) for retrain in retrains]
    return join((element("h3", "Retrains that a gate asked for"), table(("Asked for", "By", "What came of it"), rows)))


def _week_table(weeks: tuple[Week, ...], kind: LabelKind) -> Markup:
    names: list[PolicyName] = [name for name in NAMES if any(name in week.scores for week in weeks)]
    scale = SCALES[kind]
    head: list[Child] = ["Week from", "Answered by", "Answers", "With a label", scale.mean, "Mean prediction"]
    for name in names:
        head += [f"{NAMES[name]}: {_name_beside(kind)[0]}", LOSS[kind]]
    rows: list[list[Child]] = []
    for week in weeks:
        by = ", ".join(f"{number} ({count:,})" for number, count in week.versions.items())
        only = [f"version {number}" for number in week.versions] if len(week.versions) == 1 else [f"versions {by}"]
        row: list[Child] = [unbroken(week.start), unbroken(only[0]), f"{week.answered:,}", f"{week.n:,}"]
        row += [None if mean is None else scale.write(mean) for mean in (week.mean, week.mean_p)]
        for name in names:
            score = week.scores.get(name)
            row += (None, None) if score is None else _write_score(score, kind)
        rows.append(row)
    return table(head, rows, numbers=range(2, len(head)), class_="tight")


def _write_score(score: Score, kind: LabelKind) -> tuple[Child, Child]:
    """Return what stands beside the loss, and the loss."""
    beside, unit = _read_beside(score), SCALES[kind].loss_unit
    written = None if beside is None else write_number(beside, unit if kind == "number" else "auc")
    return written, write_number(score.loss, unit)


def _read_beside(score: Score) -> float | None:
    found = (score.auc, score.accuracy, score.root_mean_squared_error)
    return next((each for each in found if each is not None), None)


def _name_beside(kind: LabelKind) -> tuple[str, str]:
    """Return what stands beside the loss of a kind of label, and whether more or less of it is better."""
    if kind == "number":
        return SCALES[kind].squared, "lower"
    return "AUC" if kind == "condition" else "Accuracy", "higher"


def _chart(charts: Charts, weeks: list[Week], title: str, read: Callable[[Score], float | None]) -> Markup:
    series = [
        Series(NAMES[name], [(week.start[5:], _read(week, name, read)) for week in weeks], tone, dashed)
        for name, tone, dashed in _LINES
    ]
    return element("figure", Markup(charts.lines(series, labels=[week.start[5:] for week in weeks], title=title)))


def _read(week: Week, name: PolicyName, read: Callable[[Score], float | None]) -> float | None:
    score = week.scores.get(name)
    return None if score is None else read(score)


def _gain_chart(charts: Charts, weeks: list[Week], kind: LabelKind) -> Markup:
    """Return by how much each policy is better than never, week by week: lines of losses would cover one another."""
    lines: list[Series] = []
    shades: tuple[tuple[PolicyName, Tone, bool], ...] = (
        ("triggered", "main", False),
        ("first release", "main", True),
        ("monthly", "plain", True),
    )
    for name, tone, dashed in shades:
        points = [(week.start[5:], week.scores["never"].loss - week.scores[name].loss) for week in weeks
                  if name in week.scores]  # fmt: skip
        if points:
            lines.append(Series(NAMES[name], points, tone, dashed))
    title = f"{_LOSSES[kind]} saved against never, by week, in {_UNITS[kind]}"
    labels = [week.start[5:] for week in weeks]
    return element("figure", Markup(charts.lines(lines, labels=labels, title=title)))


def _signed(value: float, kind: LabelKind) -> str:
    return write_number(value, SCALES[kind].loss_unit, sign=True)


def _soft(text: str) -> Markup:
    return element("span", text, class_="soft")


def _ms(took: float) -> str:
    return f"{took:.2f} ms" if took < 10 else f"{took:,.0f} ms"


def _facts(server: ServerData) -> Iterator[tuple[str, str]]:
    refused = f", {server.refused:,} of them not with a prediction" if server.refused else ", each with a prediction"
    yield "Requests", f"{server.requests:,} answered{refused}"
    if server.p999_ms is not None and server.max_ms is not None:
        yield "Slowest", f"99.9% took at most {_ms(server.p999_ms)}, the slowest {_ms(server.max_ms)}"
    again = [f"{name} {write_plural(count, 'time')}" for name, count in server.restarts.items() if count]
    yield "Started again", ", ".join(again) or "nothing was"
    if server.peak_mb:
        yield "Memory by process", ", ".join(f"{name} {write_memory(mb)}" for name, mb in server.peak_mb.items())
    spent = f"{write_seconds(server.serving_s)} serving, {write_seconds(server.deciding_s)} deciding"
    yield "Real time", f"{write_seconds(server.seconds)}: {spent}"
    if server.since:
        yield "Measured", f"the replay was stopped: real times are of what was lived from {server.since} on"
