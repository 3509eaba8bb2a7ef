"""The page of what gates say: which data, what came out, and rule by rule why, what it means and what to do."""

from collections.abc import Iterator

from shipway.app.count import write_plural
from shipway.app.report.check.data import CheckData, JudgedData
from shipway.app.report.check.rule import show_near_rules, show_open_rules, show_passed_rules
from shipway.app.report.element import Child, Markup, badge, code, element, fold, join, table, tile, words
from shipway.app.report.override import show_overrides
from shipway.app.report.path import show_gates
from shipway.app.report.sheet import Section, make_sheet
from shipway.core.gate import Outcome


def render_check(data: CheckData) -> str:
    """Return the page of what gates say as one HTML page that needs nothing else.

    Args:
        data: everything the page shows; what is missing is left out.
    """
    footer = element(
        "footer",
        words(f"Measured as of {data.now}; what depends on the present may come out otherwise at another time."),
        words("A rule passes, fails or holds by the whole of its 95 % interval; what was counted in full has none."),
    )
    return make_sheet(f"{data.project}: data {data.outcome}", _header(data), _sections(data), footer)


def _header(data: CheckData) -> Markup:
    owner = f" · {data.owner}" if data.owner else ""
    first = data.judged[0] if data.judged else None
    return element(
        "header",
        element("p", f"shipway check{owner}", class_="brow"),
        element("h1", data.project, " ", badge(data.outcome)),
        None if first is None else _lede(first),
        *(words(_say_outcome(other)) for other in data.judged[1:] if len(other.select("pass")) < len(other.results)),
    )


def _lede(judged: JudgedData) -> Markup:
    counts = {outcome: len(judged.select(outcome)) for outcome in ("fail", "hold", "pass")}
    total = f"of {write_plural(len(judged.results), 'rule')}"
    rows = sum(each.rows for each in judged.tables)
    return element(
        "div",
        element("p", _say_outcome(judged), class_="lede"),
        _say_data(judged),
        element(
            "div",
            tile("✕ Fail", f"{counts['fail']:,}", total),
            tile("‖ Hold", f"{counts['hold']:,}", total),
            tile("✓ Pass", f"{counts['pass']:,}", total),
            tile("Rows", f"{rows:,}", f"in {write_plural(len(judged.tables), 'table')}"),
            class_="tiles",
        ),
    )


def _say_outcome(judged: JudgedData) -> str:
    total, fails, holds = len(judged.results), len(judged.select("fail")), len(judged.select("hold"))
    where = f"the data that waits on branch {judged.branch}" if judged.waits else f"the data of {judged.branch}"
    where = where if judged.commit else f"the tables of {judged.subject}"
    if not fails and not holds:
        said = f"All {total:,} rules pass" if total > 1 else "The only rule passes"
        return f"{said} on {where}: {_say_passed(judged)}."
    counts = [f"{fails:,} of {total:,} rules {_agree(fails, 'fail')}"] if fails else []
    counts += [f"{holds:,} {'' if fails else f'of {total:,} rules '}{_agree(holds, 'hold')}"] if holds else []
    return f"{' and '.join(counts)} on {where}: {_say_refused(judged)}."


def _say_passed(judged: JudgedData) -> str:
    if not judged.commit:
        return "the gates would let them in"
    return "shipway run admits it to main" if judged.waits else "models may be trained on it"


def _say_refused(judged: JudgedData) -> str:
    if not judged.commit:
        return "the gates would not let them in"
    if any(each.stands for each in judged.overrides):
        return "a person let it through, and answers for it"
    if judged.waits:
        return "main stays as it was, and nothing is trained on this"
    return "nothing is trained on it" if judged.refusals else "it was admitted when they still passed"


def _agree(count: int, verb: str) -> str:
    return f"{verb}s" if count == 1 else verb


def _say_data(judged: JudgedData) -> Markup:
    if not judged.commit:
        return element("p", code(judged.subject), ", as its tables are now, where they lie.", class_="soft")
    made = f", made {judged.at}" if judged.at else ""
    against = f", compared with {judged.before}" if judged.before else ", the first of all"
    parts: list[Child] = [code(judged.subject), ", commit ", code(judged.commit[:12]), f" on branch {judged.branch}"]
    why = f" ({judged.message})" if judged.message else ""
    return element("p", *parts, f"{made}{why}{against}.", class_="soft")


def _sections(data: CheckData) -> Iterator[Section]:
    for place, judged in enumerate(data.judged):
        if place == 0:
            yield from _sections_of(judged)
        else:
            title = f"What {judged.branch} holds meanwhile" if judged.branch == "main" else judged.subject
            yield f"data-{place}", title, _show_beside(judged, anchor=f"data-{place}")
    yield "versions", "Gates on models", show_gates(data.gates)


def _sections_of(judged: JudgedData) -> Iterator[Section]:
    """Yield the sections on the data that the page is about."""
    yield "overrides", "Overrides", show_overrides(judged.overrides)
    yield "next", "What to do next", _show_next(judged)
    yield "tables", "Tables", _show_tables(judged, anchor="")
    yield "fail", "Rules that fail", show_open_rules(judged, "fail", anchor="fail")
    yield "hold", "Rules that hold", show_open_rules(judged, "hold", anchor="hold")
    yield "near", "Rules that near their bounds", show_near_rules(judged)
    yield "pass", "Rules that pass", show_passed_rules(judged, anchor="pass")


def _show_beside(judged: JudgedData, *, anchor: str) -> Markup:
    """Return all there is on data that the page is not first of all about, folded where it passes."""
    outcomes: tuple[Outcome, ...] = ("fail", "hold")
    opened = [show_open_rules(judged, outcome, anchor=f"{anchor}-{outcome}") for outcome in outcomes]
    rest = (_show_tables(judged, anchor=f"{anchor}-"), show_passed_rules(judged, anchor=f"{anchor}-pass"))
    said = (words(_say_outcome(judged)), _say_data(judged))
    return join((*said, *opened, fold("Its tables and the rules that pass", *rest)))


def _show_next(judged: JudgedData) -> Markup | None:
    """Return what a person can do about what does not pass; None where all does."""
    short = [gate for gate, outcome in judged.outcomes if outcome != "pass"]
    if not short or any(each.stands for each in judged.overrides):
        return None
    gate = short[0]
    if judged.commit:
        compare = f"shipway data diff main {judged.branch}" if judged.waits else f"shipway data log {judged.branch}"
        look = f"shipway check {gate} --rows"
        override = f"shipway check override {gate} --data {judged.subject} --by NAME --reason TEXT"
        steps = {
            "Look at the rows below, which are some of those against each rule; in a terminal:": look,
            "See what is new in this data:": compare,
            "Have the data mended where it comes from, or correct the project, and run again:": "shipway run",
            "If the data is right as it is, take the responsibility, for this data and this failure alone:": override,
        }
    else:
        steps = {
            "Look at the rows below, which are some of those against each rule.": "",
            "Have the data mended where it lies, or correct the rules, and ask the gates again.": "",
        }
    shown = (join((said, element("code", step, class_="command") if step else None)) for said, step in steps.items())
    return element("ol", *(element("li", step) for step in shown), class_="steps")


def _show_tables(judged: JudgedData, *, anchor: str) -> Markup:
    """Return the tables, with how many of their rules came out how and a link to these."""
    outcomes: tuple[Outcome, ...] = ("fail", "hold", "pass")
    head = ("Table", "Rows", f"Against {judged.before}" if judged.before else "", "✕ Fail", "‖ Hold", "✓ Pass")
    rows = [
        (
            element("b", each.name),
            f"{each.rows:,}",
            each.change,
            *(_count(judged, each.name, outcome, anchor=anchor) for outcome in outcomes),
        )
        for each in judged.tables
    ]
    return table(head, rows, numbers=(1, 3, 4, 5), class_="tables")


def _count(judged: JudgedData, name: str, outcome: Outcome, *, anchor: str) -> Child:
    found = sum(each.table == name for each in judged.select(outcome))
    if not found:
        return "–"
    link = element("a", f"{found:,}", href=f"#{anchor}{outcome}-{name}")
    return link if outcome == "pass" else element("b", link)
