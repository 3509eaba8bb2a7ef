"""What was set aside of raw inputs, shown in a terminal."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import msgspec

from shipway.app.count import write_plural
from shipway.cli.render import Cell, Console, show_facts, show_table, show_title, write_instant
from shipway.kit.text import reveal

if TYPE_CHECKING:
    from shipway.app.quarantine import QuarantineLine, RefusedRow, ReleasedRows

_WIDEST: Final = 400
"""How many characters of a row are shown as an example."""


def show_quarantine(console: Console, lines: "Iterable[QuarantineLine]", timezone: str) -> None:
    """Show what is set aside, input by input, with what a person can do about it."""
    shown = False
    for line in lines:
        if shown:
            console.print()
        shown = True
        _show_input(console, line, timezone)
    if not shown:
        console.print("no raw input has a contract, so nothing is ever set aside")


def show_released(console: Console, made: "ReleasedRows") -> None:
    """Show what taking rows back in came to."""
    facts: dict[str, Cell] = {"taken back in": write_plural(made.released, "row")}
    if made.newer:
        facts["newer there"] = f"{write_plural(made.newer, 'row')}: what is kept under their key may be newer"
    if made.refused:
        facts["still against"] = f"{write_plural(made.refused, 'row')}: see shipway data quarantine {made.name}"
    show_facts(console, facts)
    for reason in made.reasons:
        console.print(reveal(reason), soft_wrap=True)
    if made.moved:
        console.print("main has them; shipway run goes on from there")
    elif made.commit is not None:
        console.print("main stays where it is; the data with them waits on branch ingest: shipway check shows it")


def _show_input(console: Console, line: "QuarantineLine", timezone: str) -> None:
    if not line.refused:
        show_title(console, line.name, f"none of {write_plural(line.taken, 'row')} is set aside")
        return
    where = f"in {write_plural(len(line.pieces), 'piece')}"
    show_title(console, line.name, f"{line.refused:,} of {write_plural(line.taken, 'row')} set aside, {where}")
    rows: list[tuple[Cell, ...]] = []
    for piece in line.pieces:
        came = "waits to be admitted" if piece.waits else write_instant(piece.taken_at, timezone)
        for place, (rule, count) in enumerate(piece.rules.items()):
            first = (piece.piece, came, f"{piece.refused:,} of {piece.rows:,}") if place == 0 else ("", "", "")
            rows.append((*first, rule, f"{count:,}"))
    show_table(console, ("piece", "taken in", "set aside", "rule", "rows"), rows)
    if line.rows:
        console.print()
        _show_rows(console, line.rows, widest=None)
    for rule, examples in line.examples.items() if not line.rows else ():
        console.print()
        of = f", {len(examples)} of them" if len(examples) < line.rules[rule] else ""
        show_title(console, rule, f"{write_plural(line.rules[rule], 'row')}{of}")
        _show_rows(console, examples, widest=_WIDEST)
    console.print()
    show_facts(console, _ways_on(line))


def _show_rows(console: Console, rows: "Iterable[RefusedRow]", *, widest: int | None) -> None:
    """Show rows as they came, each on a line of its own whatever stands in them."""
    for row in rows:
        record = msgspec.json.encode(row.record).decode()
        said = f"  {reveal(row.piece)} row {row.row:,}  {reveal(record, most=widest)}"
        console.print(said, soft_wrap=True)


def _ways_on(line: "QuarantineLine") -> dict[str, Cell]:
    """Return what a person can do about the rows."""
    ways: dict[str, Cell] = {
        "mend": "correct the rows where they come from, and let them be delivered again",
        "contract": f"if they are right as they came, say so in {line.contract}",
    }
    command = f"shipway data quarantine {line.name} --release"
    if line.ready is None:
        ways["release"] = line.why
    elif line.ready:
        ways["release"] = f"{write_plural(line.ready, 'row')} can be taken back in as the contract is now: {command}"
    else:
        ways["release"] = f"then take them back in: {command}"
    if line.newer:
        ways["newer"] = f"{write_plural(line.newer, 'row')} cannot be: what is kept under their key may be newer"
    return ways
