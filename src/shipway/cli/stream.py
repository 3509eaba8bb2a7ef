"""`shipway stream`."""

from collections.abc import Sequence

from cyclopts import App

from shipway.app.stream import DeadLetter, StreamLine, list_streams, read_dead
from shipway.cli.door import Flag, Given
from shipway.cli.failure import UsageError
from shipway.cli.render import Cell, Console, show_table, watch_run, write_instant
from shipway.kit.duration import format_duration

app = App(
    name="stream",
    help_epilogue="""\
It may be stopped and started at any time: every change is taken once, and shipway run makes the sources of what came

Examples:
  shipway stream
  shipway stream orders clicks
  shipway stream --once
  shipway stream --dead orders
  shipway stream orders --anew""",
)


@app.default
def stream(*names: str, once: Flag = False, anew: Flag = False, dead: str | None = None, door: Given) -> None:
    """Follow the raw inputs that are streams into the lake and the online store, until it is stopped.

    Args:
        names: only these streams
        once: take in what there is now, then end
        anew: forget what was taken in, and begin with everything the source has
        dead: show the records of this stream that could not be read, and why; nothing is followed
        door: how to answer
    """
    project = door.project()
    timezone = project.config.project.timezone
    if dead is not None:
        door.answer(read_dead(project, dead), lambda console, letters: _show_dead(console, letters, timezone))
        return
    if anew and not names:
        raise UsageError("--anew names no stream", "write such as shipway stream orders --anew")
    from shipway.app.following import run_streams

    with watch_run(json=door.json) as watch:
        run_streams(project, names, once=once, anew=anew, watch=watch)
    lines = [line for line in list_streams(project) if not names or line.name in names]
    door.answer(lines, lambda console, found: show_streams(console, found, timezone))


def show_streams(console: Console, lines: Sequence[StreamLine], timezone: str) -> None:
    """Print where streams stand."""
    columns = ("stream", "source", "changes", "dead", "late", "watermark", "committed", "lag", "online")
    show_table(console, columns, (_row(line, timezone) for line in lines))


def _row(line: StreamLine, timezone: str) -> tuple[Cell, ...]:
    lag = "" if line.lag_us is None else format_duration(line.lag_us - line.lag_us % 1_000)
    return (
        line.name,
        line.kind,
        f"{line.changes:,}" if line.begun else "none yet",
        f"{line.dead:,}",
        f"{line.late:,}",
        write_instant(line.watermark_us, timezone),
        write_instant(line.committed_at, timezone),
        lag,
        _write_online(line, timezone),
    )


def _write_online(line: StreamLine, timezone: str) -> str:
    """Return up to when the online store has a stream, and whether it lacks anything that the lake has."""
    if line.online is None:
        return ""
    said = "nothing yet" if line.online.watermark_us is None else write_instant(line.online.watermark_us, timezone)
    said += "" if line.online.level else ", behind the lake"
    return said + (f", {line.online.refused:,} refused" if line.online.refused else "")


def _show_dead(console: Console, letters: Sequence[DeadLetter], timezone: str) -> None:
    rows = ((each.place, write_instant(each.event_us, timezone), each.reason, each.record) for each in letters)
    show_table(console, ("place", "happened", "reason", "record"), rows)
