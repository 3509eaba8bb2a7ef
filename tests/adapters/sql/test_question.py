"""What each database is asked, word for word; DuckDB and PostgreSQL are asked for real beside their adapters."""

import datetime as dt

import polars as pl
import pytest

from shipway.adapters.sql.dialect import DIALECTS
from shipway.adapters.sql.question import find_pieces, read_piece
from shipway.core.error import ShipwayError
from shipway.core.raw import START, Raw, advance

LAST = dt.datetime(2013, 1, 1, tzinfo=dt.UTC)
SCHEMA = {"id": pl.Int64, "at": pl.Datetime("us", "UTC")}


class Recorder:
    """A database of two rows that writes down what it is asked."""

    def __init__(self):
        self.asked = []
        self.content = "1"

    def ask(self, question):
        self.asked.append(question)
        if " limit 0" in question:
            yield pl.DataFrame(schema=SCHEMA)
        elif question.startswith("select max"):
            yield pl.DataFrame({"m": [LAST]})
        elif " is null" in question:
            yield pl.DataFrame({"n": [0]})
        elif question.startswith("select count"):
            yield pl.DataFrame({"n": [2], "s": [self.content]})
        else:
            yield pl.DataFrame({"id": [1, 2], "at": [LAST, LAST]})


RAW = Raw(name="t", uri="x:", table="air.flights", key=("id",), watermark="at")

BETWEEN = {
    "snowflake": ("shipway_row.at", "'{} +00:00'::timestamp_tz", "(select * from air.flights)"),
    "bigquery": ("shipway_row.`at`", "timestamp '{}+00'", "(select * from `air`.`flights`)"),
    "redshift": ('shipway_row."at"', "timestamptz '{}+00'", '(select * from "air"."flights")'),
    "postgresql": ('shipway_row."at"', "timestamptz '{}+00'", '(select * from "air"."flights")'),
    "duckdb": ('shipway_row."at"', "timestamptz '{}+00'", '(select * from "air"."flights")'),
}
DIGEST = {
    "snowflake": "count(*) as n, to_varchar(hash_agg(*)) as s",
    "bigquery": "count(*) as n, cast(coalesce(sum(cast(farm_fingerprint(to_json_string(shipway_row)) as bignumeric)), "
    "0) as string) as s",
    "redshift": 'count(*) as n, cast(coalesce(sum(cast(farmfingerprint64(coalesce(chr(2) || cast("id" as varchar), '
    'chr(3)) || coalesce(chr(2) || cast("at" as varchar), chr(3))) as numeric(38, 0))), 0) as varchar) as s',
    "postgresql": "count(*) as n, coalesce(sum(hashtextextended(shipway_row::text, 0)::numeric), 0)::text as s",
    "duckdb": "count(*) as n, coalesce(sum(hash(shipway_row)::hugeint), 0)::varchar as s",
}


@pytest.mark.parametrize("kind", BETWEEN)
def test_a_stretch_is_asked_for_in_the_words_of_the_database(kind):
    column, instant, rows = BETWEEN[kind]
    since, after = instant.format("2013-01-01 00:00:00.000000"), instant.format("2013-01-01 00:00:00.000001")
    session, dialect = Recorder(), DIALECTS[kind]
    (piece,) = find_pieces(session, dialect, RAW, START)
    assert piece.name == "air.flights from the start to 2013-01-01 00:00:00.000000"
    bare = column.removeprefix("shipway_row.")
    source = f"{rows} as shipway_row"
    assert session.asked == [
        f"select * from {source} limit 0",
        f"select count(*) as n from {source} where {bare} is null",
        f"select max({bare}) as m from {source}",
        f"select {DIGEST[kind]} from {source} where {column} >= {since} and {column} < {after}",
        f"select {DIGEST[kind]} from {source} where {column} < {after}",
    ]
    assert find_pieces(Recorder(), dialect, RAW, advance(START, piece)) == []
    session.asked.clear()
    assert [batch.height for batch in read_piece(session, dialect, RAW, piece)] == [2]
    assert session.asked[2] == f"select * from {source} where {column} < {after} order by {column}"


@pytest.mark.parametrize("kind", ["snowflake", "bigquery"])
def test_a_warehouse_that_keeps_no_state_is_digested_again_after_reading(kind):
    session, dialect = Recorder(), DIALECTS[kind]
    (piece,) = find_pieces(session, dialect, RAW, START)
    batches = read_piece(session, dialect, RAW, piece)
    next(batches)
    session.content = "2"
    with pytest.raises(ShipwayError, match="changed while it was read"):
        next(batches)


def test_names_are_left_bare_only_where_a_database_folds_them():
    snowflake = DIALECTS["snowflake"]
    assert [snowflake.write_name(name) for name in ("at", "AT", "At", "a b")] == ["at", "AT", '"At"', '"a b"']
    assert DIALECTS["bigquery"].write_table("a.b`c") == "a.b`c"
    assert DIALECTS["postgresql"].write_table('air."My Table"') == 'air."My Table"'


@pytest.mark.parametrize(
    ("dtype", "text", "written"),
    [
        (pl.Int64, "-5", "-5"),
        (pl.Decimal(10, 2), "1.50", "1.50"),
        (pl.Date, "2013-01-01", "date '2013-01-01'"),
        (pl.String, "it's", "'it''s'"),
        (pl.Datetime("us"), "2013-01-01 00:00:00.000000", "timestamp '2013-01-01 00:00:00.000000'"),
    ],
)
def test_values_are_written_by_their_type(dtype, text, written):
    assert DIALECTS["duckdb"].write_value(text, _instance(dtype)) == written


def _instance(dtype):
    return dtype() if isinstance(dtype, type) else dtype


def test_what_is_no_number_is_not_written_as_one():
    with pytest.raises(ValueError):
        DIALECTS["duckdb"].write_value("1; drop table t", pl.Int64())
