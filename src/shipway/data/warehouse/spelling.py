"""Dialects that a frame is written in and that nothing here can run: what their manuals say, and no more.

A statement in one of them is held to be one by a parser in the tests, and to be what it was by a golden file. Whether
its frame has the same bits, only a run there can tell; what is known to be impossible is refused by name.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from shipway.core.error import ShipwayError
from shipway.data.warehouse.dialect import DIALECTS, POSTGRES, Dialect
from shipway.kit.suggestion import did_you_mean

_EVEN: Final = (
    "floor({0}) + case when {0} - floor({0}) > 0.5 "
    "or ({0} - floor({0}) = 0.5 and floor({0}) <> 2 * floor(floor({0}) / 2)) then 1 else 0 end"
)
"""A float rounded to the nearest whole number, the even one of two; every step of it is exact."""

_DECIMAL_BITS: Final = 126
"""The bits of a whole number that surely has no more than 38 digits."""

SNOWFLAKE: Final = replace(
    POSTGRES,
    name="Snowflake",
    micros="date_part(epoch_microsecond, {})",
    divide="cast(({0} - {0} % {1}) / {1} as bigint)",
    match=None,
    name_bytes=255,
    instant="to_timestamp_tz({}, 6)",
    whole=f"cast({_EVEN} as bigint)",
    days="datediff(day, date '1970-01-01', {})",
    text="collate(cast({} as text), '')",
    bits=None,
    pick=None,
    xor="bitxor({0}, {1})",
    types={**POSTGRES.types, "vast": "number(38, 0)"},
    vast_bits=_DECIMAL_BITS,
    backslash=True,
    asof="match",
    once="",
    fence="",
)
BIGQUERY: Final = replace(
    POSTGRES,
    name="BigQuery",
    micros="unix_micros({})",
    divide="div({0}, {1})",
    modulo="mod({0}, {1})",
    match=None,
    name_bytes=300,
    instant="timestamp_micros({})",
    whole=f"cast({_EVEN} as int64)",
    days="unix_date({})",
    text="collate(cast({} as string), '')",
    not_nan="if(is_nan({0}), null, {0})",
    bits=None,
    pick="[{0}][offset({1})]",
    xor="({0} ^ {1})",
    types={
        "int": "int64",
        "float": "float64",
        "bool": "bool",
        "text": "string",
        "wide": "bignumeric",
        "vast": "bignumeric",
    },
    quote="`",
    backslash=True,
    once="",
    fence="",
)
REDSHIFT: Final = replace(
    POSTGRES,
    name="Redshift",
    micros="datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', {})",
    match=None,
    name_bytes=127,
    folds=True,
    instant="(timestamptz '1970-01-01 00:00:00+00' + {} * interval '1 microsecond')",
    whole=f"cast({_EVEN} as bigint)",
    days="datediff(day, date '1970-01-01', {})",
    same="coalesce({0} = {1}, {0} is null and {1} is null)",
    text="collate(cast({} as varchar(65535)), 'case_sensitive')",
    bits=None,
    pick=None,
    # Its own sign for it also begins names of temporary tables.
    xor="({0} + {1} - 2 * ({0} & {1}))",
    types={**POSTGRES.types, "text": "varchar(65535)", "vast": "decimal(38, 0)"},
    vast_bits=_DECIMAL_BITS,
    ranges=False,
    once="",
    fence="",
)
SPARK: Final = replace(
    POSTGRES,
    name="Spark",
    micros="unix_micros({})",
    divide="{0} div {1}",
    match=None,
    name_bytes=255,
    folds=True,
    instant="timestamp_micros({})",
    whole="cast(rint({}) as bigint)",
    days="unix_date({})",
    same="{} <=> {}",
    text="cast({} as string)",
    not_nan="nullif({}, cast('NaN' as double))",
    bits=None,
    pick="array({0})[{1}]",
    xor="({0} ^ {1})",
    types={
        "int": "bigint",
        "float": "double",
        "bool": "boolean",
        "text": "string",
        "wide": "decimal(38, 0)",
        "vast": "decimal(38, 0)",
    },
    vast_bits=_DECIMAL_BITS,
    quote="`",
    backslash=True,
    once="",
    fence="",
)
SPELT: Final[Mapping[str, Dialect]] = {
    **DIALECTS,
    "snowflake": SNOWFLAKE,
    "bigquery": BIGQUERY,
    "redshift": REDSHIFT,
    "spark": SPARK,
}
"""The dialects that a frame is written in; the first two are executed in the tests."""


def spelling_of(name: str) -> Dialect:
    """Return a dialect that a frame can be written in by its name.

    Raises:
        ShipwayError: SW-104 for one that there is none of.
    """
    if name not in SPELT:
        fact = f"no frame is written in the SQL of {name!r}"
        raise ShipwayError("SW-104", fact, did_you_mean(name, SPELT, most=len(SPELT)))
    return SPELT[name]
