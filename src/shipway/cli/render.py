"""Everything the command line shows: the only module that knows a terminal."""

import datetime as dt
import sys
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, TextIO
from zoneinfo import ZoneInfo

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.segment import Segment, Segments
from rich.table import Table
from rich.text import Text

from shipway.app.progress import Event, Watch
from shipway.cli.failure import Failure

STYLES: Final = {
    "pass": "green",
    "good": "green",
    "fail": "bold red",
    "failed": "bold red",
    "bad": "bold red",
    "refused": "bold yellow",
    "hold": "yellow",
    "note": "yellow",
    "interrupted": "yellow",
    "unchanged": "dim",
    "none": "dim",
}
"""Word to how it looks; colour never says anything that the word does not."""
_PIPE_WIDTH: Final = 10_000
"""Columns assumed where nobody looks, so that a line stays a line for the next program."""

Cell = str | Text


def open_console(file: TextIO) -> Console:
    """Return a console on a file: as wide as the terminal, or, for a pipe, as wide as the lines are."""
    width = None if file.isatty() else _PIPE_WIDTH
    return Console(file=file, width=width, highlight=False, markup=False, emoji=False)


def print_document(value: object, file: TextIO) -> None:
    """Print one JSON document."""
    file.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")
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
    console.print(Text.assemble((f"error {failure.code}", "bold red"), f": {failure.fact}"), soft_wrap=True)
    console.print()
    console.print(Text.assemble(("hint", "bold"), f": {failure.hint}"), soft_wrap=True)


def word(text: str) -> Text:
    """Return a word in its style."""
    return Text(text, style=STYLES.get(text, ""))


def show_title(console: Console, title: str, said: str = "") -> None:
    """Show what follows."""
    console.print(Text.assemble((title, "bold"), f"  {said}" if said else ""), soft_wrap=True)


def show_facts(console: Console, facts: Mapping[str, Cell]) -> None:
    """Show names with their values, one a line."""
    show_table(console, (), ((Text(name, style="dim"), value) for name, value in facts.items()))


def show_table(console: Console, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    """Show rows under their columns, without lines; no value is cut off."""
    table = Table(box=None, show_header=bool(columns), header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    for line in console.render_lines(table, pad=False) if table.row_count else ():
        while line and not line[-1].text.strip():
            line.pop()
        ending = [Segment(line[-1].text.rstrip(), line[-1].style)] if line else []
        console.print(Segments([*line[:-1], *ending, Segment.line()]), end="", soft_wrap=True)


def write_instant(us: int | None, timezone: str) -> str:
    """Return microseconds since 1970 UTC as date and time of a zone; nothing for None."""
    if us is None:
        return ""
    at = dt.datetime.fromtimestamp(us / 1e6, tz=ZoneInfo(timezone))
    return at.strftime("%Y-%m-%d") if at.time() == dt.time() else at.strftime("%Y-%m-%d %H:%M:%S")


def write_interval(value: float, low: float, high: float) -> str:
    """Return a number with its interval, or alone where all there was was counted."""
    return f"{value:.6g}" if low == high else f"{value:.4f} [{low:.4f}, {high:.4f}]"


def write_value(value: Any) -> str:
    """Return a feature's value; an absent one is `none`."""
    return "none" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)


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
            live.update(running, completed=event.done, total=event.of)
        else:
            live.update(running, visible=False)
            _print_event(live.console, event)

    return watch


def _print_event(console: Console, event: Event) -> None:
    if event.stage in ("started", "moved"):
        return
    state = event.outcome or ("unchanged" if event.stage == "unchanged" else event.stage)
    took = f"  {event.seconds:.1f} s" if event.stage == "done" else ""
    line = Text.assemble(word(f"{state:<9}"), "  ", f"{event.step:<32}", f"  {event.said}", (took, "dim"))
    line.rstrip()
    console.print(line, soft_wrap=True)
