"""Everything the command line shows: the only module that knows a terminal."""

import os
import sys
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TextIO, cast

import msgspec
from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.segment import Segment, Segments
from rich.table import Table
from rich.text import Text

from shipway.app import instant
from shipway.app.progress import Event, Watch
from shipway.cli.document import make_document
from shipway.cli.failure import Failure
from shipway.core.bound import UNBOUNDED
from shipway.kit.text import reveal

if TYPE_CHECKING:
    from shipway.core.gate import Verdict
    from shipway.core.projection import OverrideState

STYLES: Final = {
    "pass": "green",
    "good": "green",
    "fail": "bold red",
    "failed": "bold red",
    "bad": "bold red",
    "refused": "bold yellow",
    "hold": "yellow",
    "moved": "bold yellow",
    "little": "yellow",
    "note": "yellow",
    "overridden": "bold yellow",
    "revoked": "bold yellow",
    "retired": "yellow",
    "interrupted": "yellow",
    "unchanged": "dim",
    "none": "dim",
    "still": "dim",
}
"""Word to how it looks; colour never says anything that the word does not."""
_SHOWN: Final = 4
"""Numbers of an embedding that are shown."""
_GAP: Final = 2
"""Columns between two cells."""
_PIPE_WIDTH: Final = 10_000
"""Columns assumed where nobody looks, so that a line stays a line for the next program."""

Cell = str | Text


def open_console(file: TextIO, *, piped: int | None = _PIPE_WIDTH) -> Console:
    """Return a console on a file: as wide as the terminal, or, for a pipe, as wide as the lines are.

    Where NO_COLOR is set (https://no-color.org) it writes no escape of any kind, so that bold and dim go too.

    Args:
        file: where it writes.
        piped: columns where nobody looks; as many as the environment says where None.
    """
    width = None if file.isatty() else piped
    plain = False if os.environ.get("NO_COLOR") else None
    return Console(file=file, width=width, force_terminal=plain, highlight=False, markup=False, emoji=False)


def print_document(value: object, file: TextIO) -> None:
    """Print one JSON document, its instants as ISO 8601 text in UTC."""
    file.write(msgspec.json.format(msgspec.json.encode(make_document(value)), indent=2).decode() + "\n")
    file.flush()


def print_line(value: object, file: TextIO) -> None:
    """Print a JSON document on one line, for a stream of them."""
    file.write(msgspec.json.encode(value).decode() + "\n")
    file.flush()


def print_failure(failure: Failure, file: TextIO, *, json: bool) -> None:
    """Print what went wrong: the fact, a blank line, and the way out."""
    if json:
        print_line({"error": failure}, file)
        return
    console = open_console(file)
    console.print(Text.assemble((f"error {failure.code}", "bold red"), f": {_clear(failure.fact)}"), soft_wrap=True)
    console.print()
    console.print(Text.assemble(("hint", "bold"), f": {_clear(failure.hint)}"), soft_wrap=True)


def word(text: str) -> Text:
    """Return a word in its style."""
    return Text(text, style=STYLES.get(text, ""))


def show_title(console: Console, title: str, said: str = "") -> None:
    """Show what follows."""
    console.print(Text.assemble((_clear(title), "bold"), f"  {_clear(said)}" if said else ""), soft_wrap=True)


def show_text(console: Console, text: str) -> None:
    """Show a text as it is, its lines as long as they are, to be copied."""
    console.print(Text(text), soft_wrap=True)


def show_facts(console: Console, facts: Mapping[str, Cell]) -> None:
    """Show names with their values, one a line."""
    show_table(console, (), ((Text(name, style="dim"), value) for name, value in facts.items()))


def show_overrides(console: Console, given: "Iterable[OverrideState]") -> None:
    """Show each override once: who let data be trained on that a gate did not pass, why, and who took that back."""
    facts: dict[str, Cell] = {}
    for each in given:
        state = "overridden" if each.revoked_at is None else "revoked"
        facts[f"override {each.override.id}"] = word(state).append(f"  {_clear(each.said)}", style="default")
    show_facts(console, facts)


def show_way_out(console: Console, data: "Iterable[Verdict]", given: "Iterable[OverrideState]") -> None:
    """Show what may be done about gates that keep data from being trained on: look at rows, or take responsibility."""
    lifted = {(each.override.gate, each.override.failure) for each in given}
    for verdict in data:
        if verdict.outcome == "pass" or (verdict.gate, verdict.failure) in lifted:
            continue
        facts: dict[str, Cell] = {
            "look": f"shipway check {verdict.gate} --rows",
            "page": f"shipway check {verdict.gate} --page check.html",
            "override": f"shipway check override {verdict.gate} --data {verdict.subject} --by NAME --reason TEXT",
        }
        show_facts(console, facts)


def _clear(text: str) -> str:
    """Return a text in which nothing but the breaks between its lines can move what a terminal shows."""
    return "\n".join(map(reveal, text.split("\n")))


def show_table(console: Console, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    """Show rows under their columns, without lines; no value is cut off, and none is broken inside a word.

    Where the words of all columns do not fit beside each other, each row is shown by itself, its cells one after the
    other.
    """
    cells = [[Text(_clear(cell)) if isinstance(cell, str) else cell for cell in row] for row in rows]
    widths = fit_columns([[Text(column) for column in columns], *cells], console.width)
    if widths is None:
        for row in cells:
            _show_stacked(console, columns, row)
        return
    table = Table(box=None, show_header=bool(columns), header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    for place, width in enumerate(widths):
        table.add_column(columns[place] if columns else "", width=width, overflow="fold")
    for row in cells:
        table.add_row(*row)
    for line in console.render_lines(table, pad=False) if table.row_count else ():
        while line and not line[-1].text.strip():
            line.pop()
        ending = [Segment(line[-1].text.rstrip(), line[-1].style)] if line else []
        console.print(Segments([*line[:-1], *ending, Segment.line()]), end="", soft_wrap=True)


def fit_columns(rows: Sequence[Sequence[Text]], width: int) -> list[int] | None:
    """Return a width for each column so that rows fit and no word is broken, or None if there is none.

    The widest columns give way first, none below its longest word.

    Args:
        rows: cells by row, the header first; a row may be shorter than others.
        width: columns of the terminal.
    """
    places = range(max(map(len, rows), default=0))
    columns = [[row[place].plain for row in rows if place < len(row)] for place in places]
    widths = [max((cell_len(line) for cell in column for line in cell.split("\n")), default=0) for column in columns]
    least = [max((cell_len(word) for cell in column for word in cell.split()), default=0) for column in columns]
    room = width - _GAP * (len(widths) - 1)
    if sum(least) > room:
        return None
    while sum(widths) > room:
        widest = max((place for place in places if widths[place] > least[place]), key=widths.__getitem__)
        widths[widest] -= 1
    return widths


def _show_stacked(console: Console, columns: Sequence[str], row: Sequence[Text]) -> None:
    """Show a row's cells one after the other, further lines indented; only a word longer than a line is broken."""
    named = [
        Text.assemble((f"{columns[place]} ", "dim"), cell) if columns and columns[place] else cell
        for place, cell in enumerate(row)
        if cell.plain
    ]
    line = Text("  ").join(named)
    indent = Text("  ")
    for place, part in enumerate(line.wrap(console, max(console.width - len(indent), 1), overflow="fold")):
        part.rstrip()
        console.print(indent + part if place else part, soft_wrap=True)


def write_instant(us: int | None, timezone: str) -> str:
    """Return microseconds since 1970 UTC as date and time of a zone; nothing for None."""
    return "" if us is None else instant.write_instant(us, timezone)


def write_interval(value: float, low: float, high: float) -> str:
    """Return a number with its interval, whose upper end may be open, or alone where all there was was counted."""
    if low == high:
        return f"{value:.6g}"
    return f"{value:.4f} [{low:.4f} or more]" if high >= UNBOUNDED else f"{value:.4f} [{low:.4f}, {high:.4f}]"


def write_value(value: Any) -> str:
    """Return a value of a row, whatever a text holds on one line; an absent one is `none`, an embedding cut short."""
    numbers = getattr(value, "tolist", lambda: value)()
    if isinstance(numbers, list):
        return _write_embedding(cast("list[float]", numbers))
    return "none" if value is None else f"{value:.6g}" if isinstance(value, float) else reveal(str(value))


def _write_embedding(numbers: list[float]) -> str:
    more = f", ... {len(numbers)} numbers" if len(numbers) > _SHOWN else ""
    return f"[{', '.join(f'{number:.6g}' for number in numbers[:_SHOWN])}{more}]"


def print_note(step: str, said: str, *, json: bool) -> None:
    """Tell something beside an answer on standard error, as a run tells it."""
    with watch_run(json=json) as watch:
        watch(Event(stage="note", step=step, said=said))


@contextmanager
def watch_run(*, json: bool) -> Generator[Watch]:
    """Give what tells a person on standard error how a run goes: live in a terminal, in lines or JSON otherwise."""
    if json:
        yield lambda event: print_line({"event": event}, sys.stderr)
        return
    console = open_console(sys.stderr)
    if not console.is_terminal:
        yield lambda event: _print_event(console, event)
        return
    live = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )
    with live:
        yield _follow(live)


def _follow(live: Progress) -> Callable[[Event], None]:
    """Return what shows the step that runs as a bar, and every other event as a line above it."""
    running = live.add_task("", visible=False, total=None)

    def watch(event: Event) -> None:
        if event.stage == "started":
            live.reset(running, description=event.step, visible=True, total=None)
        elif event.stage == "moved":
            description = reveal(f"{event.step}  {event.said}".rstrip())
            live.update(running, description=description, completed=event.done, total=event.of)
        else:
            live.update(running, visible=False)
            _print_event(live.console, event)

    return watch


def _print_event(console: Console, event: Event) -> None:
    if event.stage in ("started", "moved"):
        return
    state = event.outcome or ("unchanged" if event.stage == "unchanged" else event.stage)
    took = f"  {event.seconds:.1f} s" if event.stage == "done" else ""
    step, said = reveal(event.step), reveal(event.said)
    line = Text.assemble(word(f"{state:<9}"), "  ", f"{step:<32}", f"  {said}", (took, "dim"))
    line.rstrip()
    console.print(line, soft_wrap=True)
