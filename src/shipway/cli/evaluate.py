"""`shipway evaluate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import App, Parameter

from shipway.app.assessment.data import Assessment, Beside, Figure, ScoreLine
from shipway.app.confusion import Confusion
from shipway.app.target import check_target
from shipway.cli.door import Given, read_time
from shipway.cli.render import (
    STYLES,
    Cell,
    Console,
    Text,
    show_facts,
    show_table,
    show_text,
    show_title,
    watch_run,
    word,
    write_instant,
)
from shipway.core.label import LabelKind

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEADS: Final[dict[LabelKind, tuple[str, str, str, str]]] = {
    "condition": ("rate", "mean p", "auc", "log loss"),
    "number": ("mean", "mean p", "r squared", "absolute error"),
    "class": ("right", "confidence", "macro auc", "log loss"),
}
"""What the mean of labels of each kind, that of predictions, skill and loss are called in a table of parts."""
_WIDE: Final = 10
"""With more classes than these the most frequent mistakes are told in place of the matrix."""

app = App(
    name="evaluate",
    help_epilogue="""\
Without a period the version is measured on its test period. Intervals hold the truth 95 times in 100 where days, or
what --cluster names, are independent of each other. "better by" is paired: both on the same rows

Examples:
  shipway evaluate delay
  shipway evaluate delay@2 --against current --against schedule
  shipway evaluate delay --from 2013-09-01 --until 2013-12-01
  shipway evaluate delay --cluster carrier --by origin --by hour_band
  shipway evaluate delay --page delay.html
  shipway evaluate delay --json | jq '.scores[] | {check, figure}'""",
)


@app.default
def evaluate(
    ref: str,
    /,
    *,
    against: Annotated[tuple[str, ...], Parameter(show_default=False)] = (),
    since: Annotated[str | None, Parameter(name="--from")] = None,
    until: str | None = None,
    cluster: str = "day",
    by: Annotated[tuple[str, ...], Parameter(show_default=False)] = (),
    page: Path | None = None,
    door: Given,
) -> None:
    """Measure a version beside its baselines, on its test period or another.

    Args:
        ref: the version, such as delay@2 or delay@champion; a model's name alone is its newest
        against: a baseline: current, 'base rate', or one of the model's; may be given several times, all by default
        since: from when, in place of the begin of the test period
        until: to when, in place of its end
        cluster: what rows are grouped by for intervals: a column of the source, or day, month, weekday, hour_band
        by: a column, or a part of the calendar, whose parts are shown one by one; may be given several times
        page: write all of it as an HTML page with charts to this file
        door: how to answer
    """
    from shipway.app.assessment import Wanted, assess_version

    project = door.project()
    if page is not None:
        check_target(page)
    wanted = Wanted(
        against=against,
        since=read_time(since, "--from", project),
        until=read_time(until, "--until", project),
        cluster=cluster,
        by=by,
    )
    with watch_run(json=door.json) as watch:
        found = assess_version(project, ref, wanted, watch=watch)
    if page is not None:
        from shipway.app.report.assessment import write_assessment

        write_assessment(found, page)
    door.answer(found, lambda console, made: _show(console, made, page))


def _show(console: Console, found: Assessment, page: Path | None) -> None:
    start, end = (write_instant(at, found.timezone) for at in found.period)
    facts: dict[str, Cell] = {
        "version": f"{found.version}, cut {write_instant(found.cut, found.timezone)}",
        "predicts": found.label,
        "measured on": f"{start} to {end}: {found.labelled}",
        "clusters": found.cluster,
    }
    for note in found.notes:
        facts["note"] = word("note").append(f"  {note}", style="default")
    if page is not None:
        facts["page"] = str(page)
    show_facts(console, facts)
    console.print()
    heads = ["", found.sides[0].name]
    for name in found.against:
        heads += [name, "better by"]
    show_table(console, heads, ([*_cells(line)] for line in found.scores))
    if found.costs is not None:
        console.print()
        show_text(console, _say_costs(found))
    if found.sides[0].confusion is not None and found.rows:
        _show_classes(console, found.sides[0].confusion)
    for place, cut in enumerate(found.sides[0].cuts):
        if len(cut.parts) > 1:
            console.print()
            _show_parts(console, found, place)
    for verdict in found.verdicts:
        console.print()
        show_title(console, f"gate {verdict.gate} on these rows")
        show_table(console, (), ((word(each.outcome), each.rule, each.reason) for each in verdict.findings))


def _cells(line: ScoreLine) -> "Iterator[Cell]":
    yield line.name
    if line.figure is None:
        yield line.said
    else:
        yield _write(line.figure, line.unit)
    for each in line.beside:
        yield "" if each.figure is None else _write(each.figure, line.unit)
        yield _compare(each, line.unit)


def _compare(beside: Beside, unit: str) -> Cell:
    if beside.better is None:
        return ""
    _, low, high = beside.better
    state = "good" if low > 0 else "bad" if high < 0 else "none"
    return Text(_write(beside.better, unit, sign="+"), style=STYLES[state])


def _write(figure: Figure, unit: str, *, sign: str = "") -> str:
    digits = 2 if unit == "cost" else 4
    value, low, high = (f"{each:{sign}.{digits}f}" for each in figure)
    return value if low == high else f"{value} [{low}, {high}]"


def _say_costs(found: Assessment) -> str:
    costs = found.costs
    assert costs is not None
    return (
        f"A row costs {costs.model:.4g} acting above {costs.threshold:.4g} (on {costs.share_acted:.1%} of rows), "
        f"{costs.nothing:.4g} never acting, {costs.always:.4g} always acting, {costs.oracle:.4g} to an oracle"
    )


def _show_classes(console: Console, found: Confusion) -> None:
    console.print()
    heads = ["class", "rows", "chosen", "precision", "recall", "f1", "auc", "calibration gap"]
    rows = (
        [line.label, f"{line.n:,}", f"{line.chosen:,}", *map(_write_short, (line.precision, line.recall, line.f1)),
         _write_short(line.auc), "" if line.gap is None else f"{line.gap[0]:+.4f}"]
        for line in found.classes
    )  # fmt: skip
    show_table(console, heads, rows)
    console.print()
    if len(found.classes) > _WIDE:
        taken = found.list_taken(_WIDE)
        rows = ([each.label, each.chosen, f"{each.rows:,}", f"{each.share:.1%}"] for each in taken)
        show_table(console, ["was", "taken for", "rows", "of its own"], rows)
        return
    heads = ["was, by what was chosen", *(line.label for line in found.classes)]
    lines = zip(found.classes, found.confusion, strict=True)
    show_table(console, heads, ([line.label, *(f"{rows:,}" for rows in counts)] for line, counts in lines))


def _write_short(figure: Figure | None) -> str:
    return "" if figure is None else f"{figure[0]:.3f} [{figure[1]:.3f}, {figure[2]:.3f}]"


def _show_parts(console: Console, found: Assessment, place: int) -> None:
    group, own = found.sides[0].cuts[place].by, found.sides[0].cuts[place].parts
    others = [{part.label: part for part in side.cuts[place].parts} for side in found.sides[1:]]
    valued = any(part.value is not None for part in own)
    mean, said, skill, loss = _HEADS[found.kind]
    share, digits = (".4g", ".4g") if found.kind == "number" else (".1%", ".4f")
    heads = [group, "rows", mean, said, skill, loss, *(["value"] if valued else [])]
    for name in found.against:
        heads += [f"{name}: {loss}", *([f"{name}: value"] if valued else [])]
    rows: list[list[Cell]] = []
    for part in own:
        row: list[Cell] = [part.label, f"{part.n:,}", f"{part.mean:{share}}", f"{part.mean_p:{share}}"]
        row += ["" if part.skill is None else f"{part.skill:.3f}", f"{part.loss:{digits}}"]
        if part.value is not None:
            row.append(f"{part.value:.2f}")
        for other in others:
            their = other[part.label]
            row.append(f"{their.loss:{digits}}")
            if their.value is not None:
                row.append(f"{their.value:.2f}")
        rows.append(row)
    show_table(console, heads, rows)
