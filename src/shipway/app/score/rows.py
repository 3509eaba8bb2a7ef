"""The rows that are scored: a table of the lake, a raw input, a file, or the answer to a question; each a snapshot."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl
from polars.exceptions import PolarsError

from shipway.app.instant import read_instant
from shipway.app.workspace import Workspace
from shipway.core.error import ShipwayError
from shipway.core.feature import Source
from shipway.core.raw import START, Raw
from shipway.core.table import Commit, Part, Snapshot, start_snapshot
from shipway.data.whole import read_whole
from shipway.kit.suggestion import did_you_mean

KEPT_ROWS: Final = 1 << 19
"""How many rows of what is read are put into one file."""
_QUESTION: Final = re.compile(r"\s*(select|with)\s", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Rows:
    """What is scored.

    Attributes:
        name: what people call it.
        snapshot: the rows, in their order.
        source: the source whose rows they are; None for rows that somebody brings.
    """

    name: str
    snapshot: Snapshot
    source: Source | None = None


def find_rows(workspace: Workspace, on: str, commit: Commit | None, instants: Collection[str]) -> Rows:
    """Return the rows that somebody names, put into the store where they do not lie in the lake.

    Args:
        workspace: the project's.
        on: a table of the lake; a raw input; a Parquet or CSV file, or another one that inputs are read from; or a
            question in SQL on tables of the lake.
        commit: the version of the lake; None where it is empty.
        instants: columns that are read as instants where somebody brings them as text.

    Raises:
        ShipwayError: SW-104 if nothing is called so, SW-201 if it cannot be read, SW-203 for a text that is no instant,
            SW-204 if it has no rows.
    """
    project = workspace.project
    tables = {} if commit is None else commit.tables
    if on in tables:
        return Rows(on, tables[on], project.registry.sources.get(on))
    if on in project.config.raw:
        raw = project.config.input(on)
        if raw.contract:
            hint = f"shipway run takes it in; then score the table raw_{on}"
            raise ShipwayError("SW-104", f"raw input {on!r} is kept as a table, which is not there yet", hint)
        return Rows(on, _keep(workspace, _read(workspace, raw), instants))
    if _QUESTION.match(on):
        return Rows("a question", _keep(workspace, iter([_answer(workspace, on, tables)]), instants))
    path = Path(on)
    if path.suffix or path.exists():
        return Rows(
            path.name, _keep(workspace, _read(workspace, Raw(name=path.stem, uri=str(path.absolute()))), instants)
        )
    known = [*tables, *project.config.raw]
    raise ShipwayError("SW-104", f"there is no table, raw input or file {on!r}", did_you_mean(on, known))


def _read(workspace: Workspace, raw: Raw) -> Iterator[pl.DataFrame]:
    """Yield the rows behind an address; those of several pieces at once, because their types may differ."""
    reader = workspace.reader(raw)
    pieces = reader.pieces(raw, START)
    if len(pieces) == 1:
        yield from reader.read(raw, pieces[0])
    else:
        yield read_whole(reader, raw)


def _answer(workspace: Workspace, question: str, tables: dict[str, Snapshot]) -> pl.DataFrame:
    named = [name for name in tables if re.search(rf"\b{re.escape(name)}\b", question)]
    try:
        with pl.SQLContext({name: workspace.tables.read(tables[name]) for name in named}) as context:
            return context.execute(question, eager=True)
    except PolarsError as error:
        said = (str(error).splitlines() or [type(error).__name__])[0]
        hint = f"the tables are {', '.join(tables)}" if tables else "no data was committed yet: shipway run"
        raise ShipwayError("SW-201", f"the question cannot be answered ({said})", hint) from error


def _keep(workspace: Workspace, batches: Iterator[pl.DataFrame], instants: Collection[str]) -> Snapshot:
    """Put rows into the store, some at a time; nobody is shown them."""
    files, timezone = workspace.tables.files, workspace.project.config.project.timezone
    parts: list[Part] = []
    held: list[pl.DataFrame] = []
    schema: pl.Schema | None = None

    def put() -> None:
        if held:
            parts.extend(files.write_parts(pl.concat(held), schema=0))
            held.clear()

    for batch in batches:
        rows = _read_instants(batch, instants, timezone)
        if schema is not None and rows.schema != schema:
            said = next(name for name in rows.columns if rows.schema[name] != schema.get(name))
            fact = f"column {said!r} is {schema.get(said)} in some rows and {rows.schema[said]} in others"
            raise ShipwayError("SW-203", fact, "write the rows as Parquet, which keeps their types")
        schema = rows.schema
        held.append(rows)
        if sum(each.height for each in held) >= KEPT_ROWS:
            put()
    if schema is None or not schema:
        raise ShipwayError("SW-204", "there are no rows to score", "check that whatever writes them has finished")
    put()
    columns = {name: str(dtype) for name, dtype in schema.items()}
    return start_snapshot(columns, parts or [files.write_part(pl.DataFrame(schema=schema), schema=0)])


def _read_instants(rows: pl.DataFrame, instants: Collection[str], timezone: str) -> pl.DataFrame:
    """Return rows whose columns of instants are no texts."""
    for name in instants:
        if name not in rows.columns or rows[name].dtype != pl.String:
            continue
        try:
            read = [None if text is None else read_instant(text, timezone) for text in rows[name].to_list()]
        except ValueError as error:
            raise ShipwayError("SW-203", f"column {name!r}: {error}", "write such as 2013-06-01T18:30Z") from error
        rows = rows.with_columns(pl.Series(name, read, dtype=pl.Int64).cast(pl.Datetime("us", "UTC")))
    return rows
