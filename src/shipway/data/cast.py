"""Casting columns to what a contract says, without loss: a value that cannot be cast is null, and so can be told."""

from collections.abc import Callable
from typing import Final

import polars as pl

from shipway.core.contract import EPOCHS, Field
from shipway.data.embedding import cast_embedding, may_embed, split_lists
from shipway.maths.embedding import length_of

WHOLE: Final = r"^[+-]?\d+$"
NUMBER: Final = r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$"
OFFSET: Final = r"(Z|[+-]\d{2}(:?\d{2})?)$"
CLOCK: Final = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6}0*)?)?"
DATES: Final = {
    "": r"^\d{4}-\d{2}-\d{2}$",
    "%Y/%m/%d": r"^\d{4}/\d{1,2}/\d{1,2}$",
    "%d/%m/%Y": r"^\d{1,2}/\d{1,2}/\d{4}$",
    "%m/%d/%Y": r"^\d{1,2}/\d{1,2}/\d{4}$",
    "%d.%m.%Y": r"^\d{1,2}\.\d{1,2}\.\d{4}$",
    "%d-%m-%Y": r"^\d{1,2}-\d{1,2}-\d{4}$",
    "%m-%d-%Y": r"^\d{1,2}-\d{1,2}-\d{4}$",
}
"""Formats of dates that are recognised, the first that of ISO 8601, to what they look like."""

_EXACT: Final = 1 << 53
_DIGITS: Final = 15
_INSTANT: Final = pl.Datetime("us", "UTC")
_LOCAL: Final = pl.Datetime("us")
_DTYPES: Final[dict[str, pl.DataType]] = {
    "int": pl.Int64(),
    "float": pl.Float64(),
    "text": pl.String(),
    "bool": pl.Boolean(),
    "instant": _INSTANT,
    "local": _LOCAL,
    "date": pl.Date(),
}


def kind_of(dtype: pl.DataType) -> str:
    """Return what a Polars type is called: one of `TYPES`, `decimal`, or the type as Polars writes it."""
    if dtype.is_integer():
        return "int"
    if dtype.is_float():
        return "float"
    if dtype.is_decimal():
        return "decimal"
    if isinstance(dtype, pl.Datetime):
        return "local" if dtype.time_zone is None else "instant"
    plain = {pl.String: "text", pl.Categorical: "text", pl.Enum: "text", pl.Boolean: "bool", pl.Date: "date"}
    return next((kind for known, kind in plain.items() if isinstance(dtype, known)), str(dtype))


def dtype_of(field: Field, found: pl.DataType) -> pl.DataType:
    """Return the Polars type of a column once it is cast; that found where the contract names an exact one."""
    length = length_of(field.type)
    return _DTYPES.get(field.type, found) if length is None else pl.Array(pl.Float32, length)


def name_of(field: Field) -> str:
    """Return the Polars type of a column as Polars writes it, once it is cast."""
    known = field.type in _DTYPES or length_of(field.type) is not None
    return str(dtype_of(field, pl.Null())) if known else field.type


def can_cast(found: pl.DataType, field: Field) -> bool:
    """Tell whether values of a type can be what a contract says at all, whatever they are."""
    kind = kind_of(found)
    if length_of(field.type) is not None and (kind == "text" or may_embed(found)):
        return True
    if field.type in (kind, str(found)) or found == pl.Null or (kind, field.type) in _CASTS:
        return True
    epoch = kind == "int" and field.format in EPOCHS
    return epoch and field.type in ("instant", "local", "date")


def cast_column(name: str, found: pl.DataType, field: Field) -> pl.Expr:
    """Return the expression that casts a column, null where a value cannot be cast without loss.

    Args:
        name: the column.
        found: its type, one that `can_cast` allows.
        field: what the contract says.
    """
    column = pl.col(name)
    kind = kind_of(found)
    if found == pl.Null:
        return column.cast(dtype_of(field, found))
    length = length_of(field.type)
    if length is not None:
        lists, there = (split_lists(column), pl.List(pl.String())) if kind == "text" else (column, found)
        return cast_embedding(lists, there, length)
    if field.format in EPOCHS:
        return _from_epoch(column if kind == "int" else _to_int(column, kind), field)
    casting = _CASTS.get((kind, field.type))
    return column if casting is None else casting(column, field)


def _text_to_int(column: pl.Expr, _: Field) -> pl.Expr:
    # A column of whole numbers with gaps is written with a point by some libraries.
    plain = column.str.replace(r"\.0*$", "")
    return pl.when(plain.str.contains(WHOLE)).then(plain.str.strip_prefix("+").cast(pl.Int64, strict=False))


def _text_to_float(column: pl.Expr, _: Field) -> pl.Expr:
    number = column.str.strip_prefix("+").cast(pl.Float64, strict=False)
    whole = column.str.contains(WHOLE) & (number.abs() >= _EXACT)
    return pl.when(column.str.contains(NUMBER) & ~whole & number.is_finite()).then(number)


def _text_to_bool(column: pl.Expr, _: Field) -> pl.Expr:
    word = column.str.to_lowercase()
    return pl.when(word.is_in(["true", "t"])).then(True).when(word.is_in(["false", "f"])).then(False)


def _text_to_date(column: pl.Expr, field: Field) -> pl.Expr:
    shape = DATES.get(field.format)
    found = column.str.to_date(field.format or "%Y-%m-%d", strict=False)
    return found if shape is None else pl.when(column.str.contains(shape)).then(found)


def _text_to_local(column: pl.Expr, field: Field) -> pl.Expr:
    if field.format:
        return column.str.to_datetime(field.format, time_unit="us", strict=False)
    return pl.when(column.str.contains(CLOCK + "$")).then(_clock(column))


def _text_to_instant(column: pl.Expr, field: Field) -> pl.Expr:
    if field.format:
        zone = None if field.zone else "UTC"
        found = column.str.to_datetime(field.format, time_unit="us", strict=False, time_zone=zone)
        return _in_zone(found, field) if field.zone else found
    offset = column.str.extract(OFFSET)
    hours = offset.str.slice(1, 2).cast(pl.Int64, strict=False).fill_null(0)
    minutes = offset.str.extract(r":?(\d{2})$").cast(pl.Int64, strict=False).fill_null(0)
    short = offset.str.len_chars() == 3
    ahead = pl.duration(minutes=hours * 60 + pl.when(short).then(0).otherwise(minutes))
    # Cut off first, so that the offset of a clock without seconds is not taken for them.
    clock = _clock(column.str.replace(OFFSET, ""))
    with_offset = pl.when(offset.str.starts_with("-")).then(clock + ahead).otherwise(clock - ahead)
    right = column.str.contains(CLOCK + OFFSET) & (hours <= 24)
    found = pl.when(right).then(with_offset.dt.replace_time_zone("UTC"))
    return pl.coalesce(found, _in_zone(_text_to_local(column, field), field)) if field.zone else found


def _clock(column: pl.Expr) -> pl.Expr:
    """Return date and time as they stand in the text, zone or no zone."""
    plain = column.str.replace("T", " ", literal=True).str.replace(r"^(\d{4}-\d{2}-\d{2} \d{2}:\d{2})$", "$1:00")
    return plain.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False)


def _in_zone(local: pl.Expr, field: Field) -> pl.Expr:
    """Return instants; an hour that the clocks skip or repeat on a change names none, so it is null."""
    placed = local.dt.replace_time_zone(field.zone, ambiguous="null", non_existent="null")
    return placed.dt.convert_time_zone("UTC")


def _local_to_instant(column: pl.Expr, field: Field) -> pl.Expr:
    return _in_zone(_whole_us(column), field) if field.zone else pl.lit(None, dtype=_INSTANT)


def _to_us(column: pl.Expr, field: Field) -> pl.Expr:
    cut = _whole_us(column)
    return cut.dt.convert_time_zone("UTC") if field.type == "instant" else cut


def _whole_us(column: pl.Expr) -> pl.Expr:
    """Return times in microseconds, null where there is something finer."""
    cut = column.dt.cast_time_unit("us")
    return pl.when(cut.dt.cast_time_unit("ns") == column.dt.cast_time_unit("ns")).then(cut)


def _local_to_date(column: pl.Expr, _: Field) -> pl.Expr:
    return pl.when(column.dt.time() == pl.time(0)).then(column.dt.date())


def _decimal_to_float(column: pl.Expr, _: Field) -> pl.Expr:
    # Fifteen digits are what a float holds of any decimal (IEEE 754, DBL_DIG).
    digits = column.cast(pl.String).str.replace_all(r"[-.]|\.?0+$", "").str.strip_chars_start("0").str.len_chars()
    return pl.when(digits <= _DIGITS).then(column.cast(pl.Float64))


def _decimal_to_int(column: pl.Expr, _: Field) -> pl.Expr:
    return _text_to_int(column.cast(pl.String), _)


def _float_to_int(column: pl.Expr, _: Field) -> pl.Expr:
    return pl.when((column == column.floor()) & (column.abs() <= _EXACT)).then(column.cast(pl.Int64, strict=False))


def _int_to_float(column: pl.Expr, _: Field) -> pl.Expr:
    return pl.when(column.cast(pl.Int64, strict=False).is_between(-_EXACT, _EXACT)).then(column.cast(pl.Float64))


def _int_to_bool(column: pl.Expr, _: Field) -> pl.Expr:
    return pl.when(column.is_in([0, 1])).then(column == 1)


def _from_epoch(column: pl.Expr, field: Field) -> pl.Expr:
    unit = EPOCHS[field.format]
    most = (1 << 62) // unit
    number = pl.when(column.is_between(-most, most)).then(column)
    us = number.cast(pl.Int64) * unit
    if field.type == "date":
        return _local_to_date(us.cast(_LOCAL), field)
    return us.cast(_INSTANT if field.type == "instant" else _LOCAL)


def _to_int(column: pl.Expr, kind: str) -> pl.Expr:
    casting = _CASTS.get((kind, "int"))
    return pl.lit(None, dtype=pl.Int64) if casting is None else casting(column, Field(type="int"))


def _to_text(column: pl.Expr, _: Field) -> pl.Expr:
    return column.cast(pl.String)


_CASTS: Final[dict[tuple[str, str], Callable[[pl.Expr, Field], pl.Expr]]] = {
    ("text", "int"): _text_to_int,
    ("text", "float"): _text_to_float,
    ("text", "bool"): _text_to_bool,
    ("text", "date"): _text_to_date,
    ("text", "local"): _text_to_local,
    ("text", "instant"): _text_to_instant,
    ("text", "text"): _to_text,
    ("int", "int"): lambda column, _: column.cast(pl.Int64, strict=False),
    ("int", "float"): _int_to_float,
    ("int", "bool"): _int_to_bool,
    ("int", "text"): _to_text,
    ("float", "float"): lambda column, _: column.cast(pl.Float64),
    ("float", "int"): _float_to_int,
    ("float", "text"): _to_text,
    ("decimal", "float"): _decimal_to_float,
    ("decimal", "int"): _decimal_to_int,
    ("decimal", "text"): _to_text,
    ("bool", "text"): _to_text,
    ("date", "text"): _to_text,
    ("local", "local"): _to_us,
    ("local", "date"): _local_to_date,
    ("local", "instant"): _local_to_instant,
    ("local", "text"): _to_text,
    ("instant", "instant"): _to_us,
    ("instant", "text"): _to_text,
}
