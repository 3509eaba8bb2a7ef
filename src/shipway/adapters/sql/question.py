"""What is asked of a database to know its pieces and to read them."""

from collections.abc import Iterator
from typing import Final, Protocol

import polars as pl

from shipway.adapters.sql.dialect import ROW, Dialect, write_after, write_text
from shipway.core.error import ShipwayError
from shipway.core.raw import Cursor, Mark, Piece, Raw, read_mark, write_mark
from shipway.kit.canonical import digest_value
from shipway.kit.suggestion import did_you_mean

_START: Final = "the start"


class Session(Protocol):
    """One transaction with a database."""

    def ask(self, question: str) -> Iterator[pl.DataFrame]:
        """Yield the rows of an answer in batches, at least one, which may be empty, so that its columns are known."""
        ...


def find_pieces(session: Session, dialect: Dialect, raw: Raw, since: Cursor) -> list[Piece]:
    """Return what there is to read: the whole, or what is new by the watermark.

    Raises:
        ShipwayError: SW-201 if the database does not answer or rows have no watermark, SW-202 if there is none.
    """
    schema = next(session.ask(f"{_select(dialect, raw)} limit 0")).schema
    where = raw.table or "the query"
    if not raw.watermark:
        return [Piece(name=where, fingerprint=_digest(session, dialect, raw, schema, ""))]
    if raw.watermark not in schema:
        raise ShipwayError(
            "SW-202",
            f"{where} of raw input {raw.name!r} has no column {raw.watermark!r} to be its watermark",
            did_you_mean(raw.watermark, schema),
        )
    _check_marked(session, dialect, raw, where)
    before = read_mark(since.mark)
    start = before.until if before else ""
    column = dialect.write_name(raw.watermark)
    question = f"select max({column}) as m from {_rows(dialect, raw)}{_between(dialect, raw, schema, start, '')}"
    newest = _row(session, question).to_series()
    if newest.null_count():
        return []
    until = write_text(newest)
    seen = _digest(session, dialect, raw, schema, _between(dialect, raw, schema, until, until))
    if before and (before.until, before.seen) == (until, seen):
        return []
    mark = Mark(since=start, until=until, seen=seen)
    print_ = _digest(session, dialect, raw, schema, _between(dialect, raw, schema, start, until))
    name = f"{where} from {start or _START} to {until}"
    return [Piece(name=name, fingerprint=print_, mark=write_mark(mark))]


def read_piece(session: Session, dialect: Dialect, raw: Raw, piece: Piece) -> Iterator[pl.DataFrame]:
    """Yield the rows of a piece, if they are still those that it was named for.

    Raises:
        ShipwayError: SW-201 if the database does not answer, or the rows changed meanwhile.
    """
    schema = next(session.ask(f"{_select(dialect, raw)} limit 0")).schema
    mark = read_mark(piece.mark)
    among = "" if mark is None else _between(dialect, raw, schema, mark.since, mark.until)
    _check_same(_digest(session, dialect, raw, schema, among), raw, piece)
    order = f" order by {ROW}.{dialect.write_name(raw.watermark)}" if raw.watermark else ""
    yield from session.ask(f"{_select(dialect, raw)}{among}{order}")
    if not dialect.steady:
        _check_same(_digest(session, dialect, raw, schema, among), raw, piece)


def _check_same(found: str, raw: Raw, piece: Piece) -> None:
    if found != piece.fingerprint:
        raise ShipwayError(
            "SW-201", f"{piece.name} of raw input {raw.name!r} changed while it was read", "run again: it is read anew"
        )


def _check_marked(session: Session, dialect: Dialect, raw: Raw, where: str) -> None:
    """Refuse rows without a watermark: they would never be read, and nothing would show it."""
    column = dialect.write_name(raw.watermark)
    lost = _row(session, f"select count(*) as n from {_rows(dialect, raw)} where {column} is null").item()
    if lost:
        raise ShipwayError(
            "SW-201",
            f"{lost:,} rows of {where} have no {raw.watermark}, the watermark of raw input {raw.name!r}",
            "give them one, or leave them out by a query",
        )


def _digest(session: Session, dialect: Dialect, raw: Raw, schema: pl.Schema, among: str) -> str:
    question = f"select {dialect.digest(list(schema))} from {_rows(dialect, raw)}{among}"
    columns = {name: str(dtype) for name, dtype in schema.items()}
    return digest_value([columns, [str(value) for value in _row(session, question).row(0)]])


def _row(session: Session, question: str) -> pl.DataFrame:
    """Return the one row of an answer, whose end is waited for."""
    return pl.concat(session.ask(question))


def _select(dialect: Dialect, raw: Raw) -> str:
    return f"select * from {_rows(dialect, raw)}"


def _rows(dialect: Dialect, raw: Raw) -> str:
    query = raw.query.strip().rstrip(";") or f"select * from {dialect.write_table(raw.table)}"
    return f"({query}) as {ROW}"


def _between(dialect: Dialect, raw: Raw, schema: pl.Schema, since: str, until: str) -> str:
    """Return the condition of rows from one mark to another, both included."""
    dtype, column = schema[raw.watermark], f"{ROW}.{dialect.write_name(raw.watermark)}"
    parts: list[str] = []
    try:
        if since:
            parts.append(f"{column} >= {dialect.write_value(since, dtype)}")
        if until:
            operator, bound = write_after(until, dtype)
            parts.append(f"{column} {operator} {dialect.write_value(bound, dtype)}")
    except ValueError as fault:
        raise ShipwayError(
            "SW-203", f"the watermark of raw input {raw.name!r}: {fault}", "take a number, a date or a time"
        ) from fault
    return f" where {' and '.join(parts)}" if parts else ""
