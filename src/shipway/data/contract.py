"""What a raw input looks like, inferred from its rows, and whether a delivery still looks so."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import polars as pl

from shipway.core.contract import NOTHING, Contract, Field, evolve
from shipway.core.error import ShipwayError
from shipway.data.cast import CLOCK, DATES, NUMBER, OFFSET, WHOLE, can_cast, cast_column, kind_of
from shipway.data.embedding import infer_length
from shipway.maths.embedding import write_kind

_SAMPLE: Final = 1_000
_TWO_WAYS: Final = ({"%d/%m/%Y", "%m/%d/%Y"}, {"%d-%m-%Y", "%m-%d-%Y"})
_UNPADDED: Final = r"^-?(0|[1-9]\d*)([.eE]|$)|^-?\."
"""What a number looks like that loses nothing: an identifier such as 00123 would lose its zeros."""

_TIMES: Final = (
    *(Field(type="date", format=each) for each in DATES),
    Field(type="instant"),
    Field(type="local"),
)
_CANDIDATES: Final = (Field(type="bool"), Field(type="int"), Field(type="float"), *_TIMES)
_SHAPES: Final = {"int": WHOLE, "float": NUMBER, "instant": CLOCK + OFFSET, "local": CLOCK + "$"}


@dataclass(slots=True)
class Look:
    """What was seen of one column so far.

    Attributes:
        fits: the fields that hold every value, narrowest first, each with the least and greatest of them.
        rows: how many rows there were.
        missing: how many of them have no value.
    """

    fits: dict[Field, tuple[Any, Any] | None] = field(default_factory=dict[Field, "tuple[Any, Any] | None"])
    rows: int = 0
    missing: int = 0


def infer_contract(batches: Iterable[pl.DataFrame]) -> Contract:
    """Return the contract that the rows of an input suggest: for each column the narrowest type that holds every value.

    A table whose columns are all text is one whose format knows nothing else, so numbers, truths and times are looked
    for in it; among other columns, only times are. A number that is padded with zeros is an identifier and stays text,
    and so does a date that can be read two ways. Many numbers of one length are an embedding. A value may be missing
    where one was.

    Args:
        batches: all rows, at least the first batch with columns.
    """
    looks: dict[str, Look] = {}
    rows = 0
    for batch in batches:
        untyped = all(dtype == pl.String for dtype in batch.schema.values())
        for name in batch.columns:
            look = looks.setdefault(name, Look(rows=rows, missing=rows))
            _look_at(look, batch[name], first=look.missing == look.rows, untyped=untyped)
        rows += batch.height
        for name, look in looks.items():
            if name not in batch.columns:
                look.rows += batch.height
                look.missing += batch.height
    return Contract(columns={name: _conclude(look) for name, look in looks.items()})


def check_columns(contract: Contract, batch: pl.DataFrame, *, name: str, sparse: bool) -> None:
    """Refuse a delivery whose columns are not those of its contract.

    Args:
        contract: what it is held to.
        batch: some of its rows.
        name: the raw input.
        sparse: whether the format leaves out what is missing.

    Raises:
        ShipwayError: SW-222 for columns that are gone, new, or of a type whose values cannot be what they should be.
    """
    seen = {column: Field(type=kind_of(dtype)) for column, dtype in batch.schema.items()}
    for column, rule in contract.columns.items():
        if column in seen and can_cast(batch.schema[column], rule):
            seen[column] = rule.rule
    _, changes = evolve(contract, Contract(columns=seen), sparse=sparse)
    broken = [change.said for change in changes if not (sparse and change.said.endswith("misses values"))]
    if broken:
        more = f" and {len(broken) - 4} more" if len(broken) > 4 else ""
        raise ShipwayError(
            "SW-222",
            f"raw input {name!r} is not what its contract says: {', '.join(broken[:4])}{more}",
            f"if it is right as it is now, see what would change and accept it: shipway data contract {name} --accept",
        )


def _look_at(look: Look, column: pl.Series, *, first: bool, untyped: bool) -> None:
    values = column.drop_nulls()
    if values.dtype == pl.String:
        # Most columns repeat themselves, and text is dear to look at.
        values = values.unique()
    look.rows += len(column)
    look.missing += column.null_count()
    if not len(values):
        return
    found = dict(_fields_of(values, look.fits if not first else None, untyped=untyped))
    if first:
        look.fits = found
        return
    kept = {each: _span(look.fits[each], span) for each, span in found.items() if each in look.fits}
    if not kept and {each.type for each in (*look.fits, *found)} <= {"int", "float"}:
        kept = {Field(type="float"): _span(*(next(iter(each.values())) for each in (look.fits, found)))}
    look.fits = kept or {Field(type="text"): None}


def _fields_of(
    values: pl.Series, among: Mapping[Field, object] | None, *, untyped: bool
) -> Iterator[tuple[Field, tuple[Any, Any] | None]]:
    """Yield the fields that hold every value, narrowest first, of a typed column its own type only."""
    kind = kind_of(values.dtype)
    if kind == "decimal":
        for candidate in (Field(type="int"), Field(type="float"), Field(type=str(values.dtype))):
            cast = values.to_frame().select(cast_column(values.name, values.dtype, candidate)).to_series()
            if not cast.null_count():
                yield candidate, (cast.min(), cast.max())
        return
    length = infer_length(values)
    if length is not None:
        yield Field(type=write_kind(length)), None
    if kind != "text":
        ranged = kind in ("int", "float", "instant", "local", "date")
        yield Field(type=kind), (values.min(), values.max()) if ranged else None
        return
    for candidate in _CANDIDATES if untyped else _TIMES:
        if (among is None or candidate in among) and _holds(values.head(_SAMPLE), candidate) is not None:
            cast = _holds(values, candidate)
            if cast is not None:
                yield candidate, None if candidate.type == "bool" else (cast.min(), cast.max())
    yield Field(type="text"), (values.min(), values.max())


def _holds(values: pl.Series, candidate: Field) -> pl.Series | None:
    """Return text as a field's values, None if one of them is none."""
    shape = _SHAPES.get(candidate.type)
    if shape is not None and not values.str.contains(shape).all():
        return None
    if candidate.type in ("int", "float") and not values.str.contains(_UNPADDED).all():
        return None
    if candidate.type == "bool" and not values.str.to_lowercase().is_in(["true", "false"]).all():
        return None
    cast = values.to_frame().select(cast_column(values.name, values.dtype, candidate)).to_series()
    return None if cast.null_count() else cast


def _conclude(look: Look) -> Field:
    missing = f"{look.missing:,} of {look.rows:,} missing" if look.missing else ""
    if not look.fits:
        return Field(type=NOTHING, nullable=True, note=f"no value in {look.rows:,} rows")
    formats = {each.format for each in look.fits if each.type == "date"}
    chosen, span = next(iter(look.fits.items()))
    note = "" if span is None else f"{_say(span[0])} to {_say(span[1])}"
    if any(pair <= formats for pair in _TWO_WAYS):
        chosen = Field(type="text")
        note += ", can be read two ways: make it a date with format = ..."
    elif chosen.type == "local":
        note += ", no zone: make it an instant with zone = ..."
    note = ", ".join(part for part in (note, missing) if part)
    return Field(type=chosen.type, format=chosen.format, nullable=bool(look.missing), note=note)


def _span(one: tuple[Any, Any] | None, other: tuple[Any, Any] | None) -> tuple[Any, Any] | None:
    return None if one is None or other is None else (min(one[0], other[0]), max(one[1], other[1]))


def _say(value: Any) -> str:
    if isinstance(value, str):
        return repr(value if len(value) <= 24 else f"{value[:24]}...")
    return str(value)
