"""`shipway explain`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from shipway.app.count import write_plural
from shipway.app.target import check_target
from shipway.cli.door import Flag, Given, read_time
from shipway.cli.failure import UsageError
from shipway.cli.render import Cell, Console, show_facts, show_table, show_title, write_instant

if TYPE_CHECKING:
    from shipway.app.explanation.summary import Share, Summary
    from shipway.core.explanation import Contribution, Explanation
    from shipway.validation.explainer import Wanted

_SHOWN = 12
"""Features of a summary that are shown in a terminal; the document and the page have all."""

app = App(
    name="explain",
    help_epilogue="""\
The version is a service's, model@number, or the newest of a model that has a bundle. Every explanation is added up and
compared with the prediction; one that does not add up is refused. Nothing is written

Examples:
  shipway explain delay --row 200000
  shipway explain delay@2 --row 200000 --at 2013-05-08T06:00 --top 3
  shipway explain delay --request 4f1c9a --page why.html
  shipway explain delay --global
  shipway explain parcel --row 200000 --class lost
  shipway explain delay@2 --row 200000 --interventional""",
)


@app.default
def explain(
    ref: str,
    /,
    *,
    row: Annotated[list[str] | None, Parameter(consume_multiple=True, show_default=False)] = None,
    request: Annotated[str, Parameter(show_default=False)] = "",
    global_: Annotated[bool, Parameter(name="--global", show_default=False)] = False,
    at: str | None = None,
    class_: Annotated[str, Parameter(name="--class", show_default=False)] = "",
    top: int | None = None,
    threshold: float | None = None,
    interventional: Flag = False,
    page: Path | None = None,
    door: Given,
) -> None:
    """Say why a version predicts what it does, of one row, one request, or in general.

    Args:
        ref: the version, such as delay@2; a model's name alone is its newest, a service's the one that answers
        row: the row's key, one value for each of its columns
        request: a request of the prediction log by its id; features are those that were served
        global_: what the version listens to over the rows that it did not learn from
        at: the instant that the row is asked about; without it, when the model asks
        class_: of a label of classes, the one that is explained; without it, what was answered or is most probable
        top: how many reasons for and against are named; without it, four
        threshold: the prediction above which one acts; without it, by the costs in the project's gates
        interventional: hold absent features at held-out rows, also where the library of the trees has its own way
        page: write it as an HTML page to this file
        door: how to answer
    """
    # A page of help needs none of what explains.
    from shipway.app.explanation import TOP, explain_request, explain_row
    from shipway.app.explanation.summary import Summary, summarise

    if [row is not None, bool(request), global_].count(True) != 1:
        raise UsageError("one thing is explained at a time", "write --row KEY..., --request ID or --global")
    if at is not None and row is None:
        raise UsageError("--at goes with --row alone", "a request was asked at its own instant")
    if page is not None:
        check_target(page)
    project = door.project()
    wanted: Wanted = "interventional" if interventional else "auto"
    most = TOP if top is None else top
    if global_:
        found = summarise(project, ref, wanted=wanted, of=class_)
    elif request:
        found = explain_request(project, ref, request, top=most, threshold=threshold, wanted=wanted, of=class_)
    else:
        us = read_time(at, "--at", project)
        found = explain_row(project, ref, row or (), at=us, top=most, threshold=threshold, wanted=wanted, of=class_)
    if page is not None:
        # What draws charts takes a second to load, and is an extra of its own.
        from shipway.app.report.explanation import write_explanation

        write_explanation(project, found, page)
    zone = project.config.project.timezone
    if isinstance(found, Summary):
        door.answer(found, lambda console, made: _show_summary(console, made, zone, page))
    else:
        door.answer(found, lambda console, made: _show_explanation(console, made, zone, page))


def _show_explanation(console: Console, made: "Explanation", zone: str, page: Path | None) -> None:
    from shipway.core.explanation import write_amount, write_prediction

    request = f", request {made.request}" if made.request else ""
    show_title(console, f"{made.version} on row {made.row}", f"{write_instant(made.at, zone)}{request}")
    acted = (
        "" if made.acted is None else f", {'above' if made.acted else 'up to'} the threshold of {made.threshold:.4g}"
    )
    # A number starts from what it is: there is no other unit to say it in.
    start = f" ({write_amount(made.baseline)} {made.unit})" if made.predicts == "condition" else ""
    show_facts(
        console,
        {
            "predicts": f"{write_prediction(made.p, made.predicts)} for {made.label}{acted}",
            "starts from": f"{write_prediction(made.baseline_p, made.predicts)}{start}, {made.baseline_said}",
        },
    )
    _show_reasons(console, made, "speaks for it", made.reasons_for)
    _show_reasons(console, made, "speaks against it", made.reasons_against)
    rest = sum(each.amount for each in made.contributions) - sum(
        each.amount for each in (*made.reasons_for, *made.reasons_against)
    )
    facts: dict[str, Cell] = {"all other features": write_amount(rest, made.decimals)}
    if made.unnamed:
        facts["of which not named"] = write_amount(made.unnamed, made.decimals)
    console.print()
    show_facts(console, facts)
    console.print()
    show_title(console, "what would have had to be different", made.counterfactual_said)
    for each in made.counterfactuals:
        said = " and ".join(change.said for change in each.changes)
        show_facts(console, {write_prediction(each.p, made.predicts): said})
    console.print()
    show_facts(console, {"bundle": made.bundle, "explanation": made.digest} | _page(page))
    if not made.settled:
        show_facts(console, {"note": "sampling stopped before its errors were as small as asked for"})


def _show_reasons(console: Console, made: "Explanation", title: str, reasons: "tuple[Contribution, ...]") -> None:
    from shipway.core.explanation import write_amount

    if not reasons:
        return
    console.print()
    exact = made.method != "sampled"
    rows = (
        (
            write_amount(each.amount, made.decimals),
            *(() if exact else (f"{each.error:,.{made.decimals}f}",)),
            each.said,
            each.code,
        )
        for each in reasons
    )
    show_table(console, (made.unit, *(() if exact else ("error",)), title, "code"), rows)


def _show_summary(console: Console, made: "Summary", zone: str, page: Path | None) -> None:
    from shipway.core.explanation import write_amount

    since, until = (write_instant(us, zone) for us in (made.since, made.until))
    days = f"{made.rows:,} of {made.of:,} held-out rows on {made.clusters} days, {since} to {until}"
    of = f" for class {made.one_class!r}" if made.one_class else ""
    show_title(console, f"{made.version}: what it listens to{of}", days)
    start = write_amount(made.baseline, made.decimals)
    show_facts(console, {"starts from": f"{start} {made.unit}, {made.baseline_said}"})
    size, rise = f",.{made.decimals}f", f"+,.{made.decimals + 1}f"
    for title, shares in (("view", made.views), ("feature", made.columns[:_SHOWN])):
        console.print()
        head = (title, "share", f"mean size, {made.unit}", f"{made.loss} without it")
        show_table(console, head, (_row(each, size, rise) for each in shares))
    if len(made.columns) > _SHOWN:
        more = write_plural(len(made.columns) - _SHOWN, "feature")
        show_facts(console, {"more": f"{more}, with --json or --page FILE"})
    if page is not None:
        show_facts(console, _page(page))


def _row(each: "Share", size: str, rise: str) -> tuple[Cell, ...]:
    share = _with_ends(each.share, each.share_low, each.share_high, ".1%")
    large = _with_ends(each.size, each.size_low, each.size_high, size)
    risen = "" if each.rise is None else _with_ends(each.rise, each.rise_low, each.rise_high, rise)
    return each.name, share, large, risen


def _with_ends(value: float, low: float | None, high: float | None, form: str) -> str:
    from shipway.app.explanation.summary import NO_INTERVAL

    ends = NO_INTERVAL if low is None or high is None else f"{low:{form}}, {high:{form}}"
    return f"{value:{form}} [{ends}]"


def _page(page: Path | None) -> dict[str, Cell]:
    return {} if page is None else {"page": str(page)}
