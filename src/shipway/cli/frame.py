"""`shipway frame`."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from shipway.app.count import write_plural
from shipway.app.feature import Exported, export_frame
from shipway.cli.door import Given, read_time
from shipway.cli.render import Console

app = App(name="frame")


@app.command(
    name="export",
    help="Write a model's frame to a Parquet or CSV file",
    help_epilogue="""\
Every row is as known when the model asks about it; the file is whole or absent

Examples:
  shipway frame export delay frame.parquet
  shipway frame export delay summer.csv --from 2013-06-01 --to 2013-09-01""",
)
def export(
    model: str,
    path: Path,
    /,
    *,
    start: Annotated[str | None, Parameter(name="--from")] = None,
    end: Annotated[str | None, Parameter(name="--to")] = None,
    door: Given,
) -> None:
    """Write a model's frame to a Parquet or CSV file.

    Args:
        model: whose frame
        path: the file; its ending, .parquet or .csv, says the format
        start: only rows asked about at or after this ISO date or time
        end: only rows asked about before this ISO date or time
        door: how to answer
    """
    project = door.project()
    limits = {"start": read_time(start, "--from", project), "end": read_time(end, "--to", project)}
    made = export_frame(project, model, path, **limits)
    door.answer(made, _show)
    if not made.rows:
        door.note(f"frame {model}", "no row is asked about in this period: the file has columns and no rows")


def _show(console: Console, made: Exported) -> None:
    console.print(f"{write_plural(made.rows, 'row')}, {write_plural(made.columns, 'column')} in {made.path}")
