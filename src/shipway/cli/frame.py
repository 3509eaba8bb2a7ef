"""`shipway frame`."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from shipway.app.asking import write_features
from shipway.app.count import write_plural
from shipway.app.feature import Exported, export_frame
from shipway.cli.door import Given, read_time
from shipway.cli.failure import UsageError
from shipway.cli.place import need_address, read_tables, show_questions
from shipway.cli.render import Console

app = App(name="frame")


@app.command(
    name="export",
    help="Write a model's frame to a Parquet or CSV file",
    help_epilogue="""\
Every row is as known when the model asks about it; the file is whole or absent

Examples:
  shipway frame export delay frame.parquet
  shipway frame export delay summer.csv --from 2013-06-01 --to 2013-09-01
  shipway frame export delay frame.parquet --at duckdb:warehouse.db
  shipway frame export delay frame.parquet --at postgresql://reader@db.example.com/air --schema staging""",
)
def export(
    model: str,
    path: Path,
    /,
    *,
    start: Annotated[str | None, Parameter(name="--from")] = None,
    end: Annotated[str | None, Parameter(name="--to")] = None,
    at: str | None = None,
    schema: str | None = None,
    table: Annotated[tuple[str, ...], Parameter(show_default=False)] = (),
    door: Given,
) -> None:
    """Write a model's frame to a Parquet or CSV file.

    Args:
        model: whose frame
        path: the file; its ending, .parquet or .csv, says the format
        start: only rows asked about at or after this ISO date or time
        end: only rows asked about before this ISO date or time
        at: build it of tables where they lie, duckdb:PATH or postgresql://USER@HOST/DATABASE
        schema: the schema that the tables lie in
        table: where the table of a source has another name, SOURCE=TABLE or SOURCE=SCHEMA.TABLE
        door: how to answer
    """
    from shipway.app.warehouse import Whereabouts

    project = door.project()
    limits = {"start": read_time(start, "--from", project), "end": read_time(end, "--to", project)}
    if at is None:
        need_address(schema=schema, table=table)
    where = None if at is None else Whereabouts(at, Path.cwd(), schema or "", tables=read_tables(table))
    made = export_frame(project, model, path, **limits, where=where)
    door.answer(made, _show)
    if not made.rows:
        door.note(f"frame {model}", "no row is asked about in this period: the file has columns and no rows")


@app.command(
    name="sql",
    help="Write a model's frame as SQL",
    help_epilogue="""\
First come the questions by whose answers a frame is refused, then the frame

Examples:
  shipway frame sql delay --at duckdb:warehouse.db
  shipway frame sql delay --at postgresql://reader@db.example.com/air --table flights=raw.flights
  shipway frame sql delay --dialect snowflake --schema AIR > frame.sql""",
)
def sql(
    model: str,
    /,
    *,
    at: str | None = None,
    dialect: str | None = None,
    schema: str | None = None,
    table: Annotated[tuple[str, ...], Parameter(show_default=False)] = (),
    door: Given,
) -> None:
    """Write a model's frame as SQL.

    Args:
        model: whose frame
        at: in the SQL of this warehouse, of the columns that its tables have
        dialect: in the SQL of duckdb, postgres, snowflake, bigquery, redshift or spark, of the columns of the data here
        schema: the schema that the tables lie in
        table: where the table of a source has another name, SOURCE=TABLE or SOURCE=SCHEMA.TABLE
        door: how to answer
    """
    from shipway.app.warehouse import Whereabouts, list_frame_questions, spell_frame

    if (at is None) == (dialect is None):
        raise UsageError("a frame is written in the SQL of one warehouse", "write --at ADDRESS or --dialect NAME")
    project, tables = door.project(), read_tables(table)
    if at is not None:
        where = Whereabouts(at, Path.cwd(), schema or "", tables=tables)
        door.answer(list_frame_questions(project, where, model), show_questions)
    else:
        door.answer(spell_frame(project, model, dialect or "", schema or "", tables), show_questions)


@app.command(
    name="build",
    help="Write the features of any rows to a Parquet or CSV file",
    help_epilogue="""\
Every row of the file is kept, in its order, with the features as known at its instant

Examples:
  shipway frame build asked.parquet answered.parquet --views wx,org
  shipway frame build asked.csv answered.csv --model delay --at asked_at""",
)
def build(
    spine: Path,
    path: Path,
    /,
    *,
    views: str = "",
    model: str = "",
    at: str = "at",
    door: Given,
) -> None:
    """Write the features of any rows to a Parquet or CSV file.

    Args:
        spine: a Parquet or CSV file of rows with the entities' key columns and an instant
        path: the file to write; its ending, .parquet or .csv, says the format
        views: feature views, separated by commas
        model: a model, for all its features, in place of views
        at: the column that says when each row is asked about
        door: how to answer
    """
    chosen = [name.strip() for name in views.split(",") if name.strip()]
    door.answer(write_features(door.project(), spine, path, views=chosen, model=model, at=at), _show)


def _show(console: Console, made: Exported) -> None:
    console.print(f"{write_plural(made.rows, 'row')}, {write_plural(made.columns, 'column')} in {made.path}")
