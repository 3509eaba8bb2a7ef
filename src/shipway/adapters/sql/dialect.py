"""What differs between databases: names, values, and how the content of a table is digested where it lies."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

ROW: Final = "shipway_row"
"""What the rows of a question are called inside another; no column has this name."""

_SIMPLE: Final = re.compile(r"[a-z_][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Dialect:
    """One way to speak SQL.

    Attributes:
        name: what the database is called in messages.
        digest: gives the select list of a count of rows and a digest of them that no order changes, for columns.
        first: what is said at the beginning of a transaction, so that all its questions see one state.
        steady: whether they do; otherwise the content is digested again after it was read.
        quote: the character around names.
        folds: whether plain names are left bare, since the database keeps them in capitals.
        local: how a date and time without a zone is written around its text.
        instant: how an instant is written around its text in UTC.
    """

    name: str
    digest: Callable[[Sequence[str]], str]
    first: tuple[str, ...] = ()
    steady: bool = True
    quote: str = '"'
    folds: bool = False
    local: str = "timestamp '{}'"
    instant: str = "timestamptz '{}+00'"

    def write_name(self, name: str) -> str:
        """Return the name of a column as one."""
        if self.folds and _SIMPLE.fullmatch(name.lower()) and name in (name.lower(), name.upper()):
            return name
        return f"{self.quote}{name.replace(self.quote, self.quote * 2)}{self.quote}"

    def write_table(self, name: str) -> str:
        """Return the name of a table, whose parts stand between dots; one that is quoted already is left as it is."""
        return name if self.quote in name else ".".join(self.write_name(part) for part in name.split("."))

    def write_value(self, text: str, dtype: pl.DataType) -> str:
        """Return a value of a column, given as `write_text` wrote it.

        Raises:
            ValueError: for a type that nothing can be read from on.
        """
        if dtype.is_numeric() or dtype.is_decimal():
            float(text)
            return text
        if isinstance(dtype, pl.Date):
            return f"date '{text}'"
        if isinstance(dtype, pl.Datetime):
            return (self.instant if dtype.time_zone else self.local).format(text)
        if isinstance(dtype, pl.String):
            return "'" + text.replace("'", "''") + "'"
        raise ValueError(f"a column of type {dtype} has no order to read from on")


def write_text(value: pl.Series) -> str:
    """Return the one value of a series as the text that a mark holds."""
    if isinstance(value.dtype, pl.Datetime):
        moment = value.dt.convert_time_zone("UTC") if value.dtype.time_zone else value
        return str(moment.dt.strftime("%Y-%m-%d %H:%M:%S%.6f").item())
    return str(value.item())


def write_after(text: str, dtype: pl.DataType) -> tuple[str, str]:
    """Return an operator and the text of a value that together bound what is not newer than a value.

    A time may be finer in the database than the microseconds of its text, so it is bounded by the next of them.
    """
    if not isinstance(dtype, pl.Datetime):
        return "<=", text
    moment = pl.Series([text]).str.to_datetime("%Y-%m-%d %H:%M:%S%.6f", time_unit="us") + pl.duration(microseconds=1)
    return "<", write_text(pl.select(moment).to_series())


def _digest_postgres(columns: Sequence[str]) -> str:
    del columns  # a row has a text of its own
    return f"count(*) as n, coalesce(sum(hashtextextended({ROW}::text, 0)::numeric), 0)::text as s"


def _digest_duckdb(columns: Sequence[str]) -> str:
    del columns  # a row has a hash of its own
    return f"count(*) as n, coalesce(sum(hash({ROW})::hugeint), 0)::varchar as s"


def _digest_snowflake(columns: Sequence[str]) -> str:
    del columns  # the star is all of them
    return "count(*) as n, to_varchar(hash_agg(*)) as s"


def _digest_bigquery(columns: Sequence[str]) -> str:
    del columns  # a row is JSON of its own
    one = f"cast(farm_fingerprint(to_json_string({ROW})) as bignumeric)"
    return f"count(*) as n, cast(coalesce(sum({one}), 0) as string) as s"


def _digest_redshift(columns: Sequence[str]) -> str:
    # A row has no text, and nothing and the empty text must not look alike.
    texts = (f"coalesce(chr(2) || cast({REDSHIFT.write_name(name)} as varchar), chr(3))" for name in columns)
    one = f"cast(farmfingerprint64({' || '.join(texts)}) as numeric(38, 0))"
    return f"count(*) as n, cast(coalesce(sum({one}), 0) as varchar) as s"


POSTGRES: Final = Dialect(
    name="PostgreSQL",
    digest=_digest_postgres,
    first=("set transaction isolation level repeatable read, read only", "set local time zone 'UTC'"),
)
DUCKDB: Final = Dialect(name="DuckDB", digest=_digest_duckdb)
SNOWFLAKE: Final = Dialect(
    name="Snowflake",
    digest=_digest_snowflake,
    steady=False,
    folds=True,
    local="'{}'::timestamp_ntz",
    instant="'{} +00:00'::timestamp_tz",
)
BIGQUERY: Final = Dialect(
    name="BigQuery",
    digest=_digest_bigquery,
    steady=False,
    quote="`",
    local="datetime '{}'",
    instant="timestamp '{}+00'",
)
REDSHIFT: Final = Dialect(name="Redshift", digest=_digest_redshift)

DIALECTS: Final[Mapping[str, Dialect]] = {
    "postgresql": POSTGRES,
    "postgres": POSTGRES,
    "duckdb": DUCKDB,
    "snowflake": SNOWFLAKE,
    "bigquery": BIGQUERY,
    "redshift": REDSHIFT,
}
"""Kind of address to dialect."""
