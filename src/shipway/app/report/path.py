"""Sections on the path: its stages, the rules of its gates, and how the run came about."""

from collections.abc import Iterator

from shipway.app.count import write_plural
from shipway.app.report.data import OriginData, ReportData, StageData
from shipway.app.report.element import Child, Markup, badge, code, element, fold, join, table, words
from shipway.app.report.gate import GateData, Measured, RuleData
from shipway.app.report.number import (
    write_interval,
    write_memory,
    write_number,
    write_seconds,
)
from shipway.app.report.whisker import draw_whisker, span_of


def show_stages(stages: tuple[StageData, ...]) -> Markup | None:
    """Return the stages as a strip from raw data to bundles, and every task behind them."""
    if not stages:
        return None
    rows = [
        (stage.name, code(task.name), write_seconds(task.seconds), write_memory(task.peak_mb), _made(task.unchanged))
        for stage in stages
        for task in stage.tasks
    ]
    head = ("Stage", "Task", "Time", "Peak memory", "In this run")
    return join(
        (
            element("ol", *(_stage(stage) for stage in stages), class_="path"),
            fold(f"Every task ({len(rows):,})", table(head, rows, numbers=(2, 3))),
        )
    )


def show_gates(gates: tuple[GateData, ...]) -> Markup | None:
    """Return every verdict rule by rule; those that passed before the newest are folded."""
    if not gates:
        return None
    newest = {(gate.name, gate.subject.partition("@")[0]): gate.subject for gate in gates}
    why = (
        "A rule passes when the whole 95 % interval lies on the right side of its bound, fails when the whole of it"
        " lies on the wrong side, and holds otherwise. The shaded side is where the rule passes."
    )
    return join(
        (
            element("p", why, class_="why"),
            *(show_gate(gate, unfolded=gate.subject in newest.values()) for gate in gates),
        )
    )


def show_origin(origin: OriginData) -> Markup:
    """Return where the numbers come from: history, data, code, time and memory."""
    ended = f", the last task ended at {origin.at} UTC" if origin.at else ""
    tasks = f"{write_plural(origin.made, 'task')} made, {origin.unchanged:,} unchanged{ended}"
    facts: list[tuple[str, Child]] = [
        ("Ledger", join((f"{origin.entries:,} entries, hash-chained; head ", code(origin.head)))),
        ("Data", join(("commit ", code(origin.data)))),
        ("Rows", ", ".join(f"{name} {rows:,}" for name, rows in origin.tables.items())),
        ("shipway's code", code(origin.code)),
        ("Project's code", code(origin.project_code)),
        ("Tasks", tasks),
        ("Time and memory", f"{write_seconds(origin.seconds)}, {write_memory(origin.peak_mb)} at most"),
    ]
    pairs = [join((element("dt", name), element("dd", fact))) for name, fact in facts if fact]
    return element("dl", *pairs, class_="facts")


def show_footnote(data: ReportData) -> Markup | None:
    """Return what was evaluated: every row scored, and which of them the metrics are of."""
    notes = list(_notes(data))
    return element("footer", *notes) if notes else None


def _stage(stage: StageData) -> Markup:
    seconds = sum(task.seconds for task in stage.tasks)
    unchanged = sum(task.unchanged for task in stage.tasks)
    made = len(stage.tasks) - unchanged
    counts = [f"{made} made"] if made else []
    counts += [f"{unchanged} unchanged"] if unchanged else []
    verdicts = [element("span", badge(outcome), f" {name}", class_="verdict") for name, outcome in stage.outcomes]
    return element(
        "li",
        element("b", stage.name),
        element("span", write_seconds(seconds), class_="time"),
        element("span", ", ".join(counts), class_="soft"),
        *verdicts,
        class_=None if made else "unchanged",
    )


def show_gate(gate: GateData, *, unfolded: bool) -> Markup:
    """Return one verdict rule by rule; one that did not pass is always unfolded."""
    by = "" if gate.by == "gate" else f", decided by {gate.by}"
    title = join((element("b", gate.name), " on ", code(gate.subject), by, " ", badge(gate.outcome)))
    rules = table(
        ("", "Rule and what was seen", "Measured", ""), [show_rule(rule) for rule in gate.rules], numbers=(2,)
    )
    return element("details", element("summary", title), rules, class_="gate", open=unfolded or gate.outcome != "pass")


def show_rule(rule: RuleData) -> tuple[Child, ...]:
    """Return the cells of a rule: what it came to, the rule and what was seen, the number, and the number drawn."""
    seen = join((code(rule.text), element("div", rule.reason, class_="soft")))
    if rule.measured is None:
        return badge(rule.outcome), seen, "nothing", None
    interval = write_interval(rule.measured, rule.unit)
    number = join((element("b", write_number(rule.measured.value, rule.unit)), element("div", interval, class_="soft")))
    return badge(rule.outcome), seen, number, draw_rule(rule)


def draw_rule(rule: RuleData) -> Markup | None:
    """Return what a rule measured drawn against its bound; None where nothing was, or where it is the bound itself."""
    if rule.measured is None or rule.op is None or rule.measured == Measured(rule.bound, rule.bound, rule.bound):
        return None
    span = span_of([rule.measured], rule.bound)
    return draw_whisker(rule.measured, span, tone=rule.outcome, bound=rule.bound, op=rule.op)


def _made(unchanged: bool) -> str:
    return "unchanged" if unchanged else "made"


def _notes(data: ReportData) -> Iterator[Markup]:
    for model in data.models:
        newest = model.versions[-1]
        scored = f"Every row of the test period was scored: {newest.scored:,} by {newest.name} of {model.name}."
        rest = newest.scored - newest.evaluated
        if rest:
            known = f" Metrics are of the {newest.evaluated:,} whose label became known; {rest:,} have none."
        else:
            known = " The label of each is known, and metrics are of all of them."
        yield words(scored + known)
    if data.models:
        yield words("Intervals are 95 % and treat rows of one day, or what else the check names, as one group.")
