"""Making a source's table: the user's function is called, and what it returns is checked before anybody reads it."""

from collections.abc import Callable, Sequence
from typing import Any

import polars as pl

from shipway.core.error import ShipwayError
from shipway.core.feature import ALWAYS, Source
from shipway.data.column import instant_hint
from shipway.data.embedding import read_embeddings
from shipway.kit.blame import blame_user, describe
from shipway.kit.suggestion import did_you_mean
from shipway.ports.adapter import needs_extra


def make_source(
    source: Source, function: Callable[..., Any], raw: Sequence[pl.DataFrame], *, sparse: bool = False
) -> pl.DataFrame:
    """Call a source's function and return the columns the source declares, in its order.

    Args:
        source: the declaration.
        function: the user's function, from one frame for each raw input to one frame.
        raw: the raw inputs in the source's order.
        sparse: whether these are some rows of many, so that none may come of them.

    Returns:
        The table: one row for each key, every declared column, nothing else. A column nobody declared has no known-at
        and is left out.

    Raises:
        ShipwayError: SW-206 if the function raises, with its line; SW-207 if it returns no frame, SW-204 if that has
            no rows, SW-202 for a missing column, SW-203 for an instant without a time zone or what is no embedding
            of the declared length, SW-205 for a repeated or missing key, SW-701 if the function imports a library
            that is not installed.
    """
    try:
        made = function(*raw)
    except ShipwayError:
        raise
    except ModuleNotFoundError as error:
        raise needs_extra((error.name or "").partition(".")[0], f"source {source.name!r}") from error
    except Exception as error:
        place = blame_user(error, "shipway")
        raise ShipwayError(
            "SW-206",
            f"source {source.name!r} failed {place}: {describe(error)}",
            "correct the function, then run again: what was finished before is kept",
        ) from error
    if not isinstance(made, pl.DataFrame):
        raise ShipwayError(
            "SW-207",
            f"source {source.name!r} returned {type(made).__name__}, not a polars.DataFrame",
            "return a frame; a LazyFrame needs .collect()",
        )
    if made.height == 0 and not sparse:
        raise ShipwayError("SW-204", f"source {source.name!r} has no rows", "look at its raw inputs and its filters")
    for column in source.columns:
        if column not in made.columns:
            raise ShipwayError(
                "SW-202",
                f"source {source.name!r} declares column {column!r}, which its function does not return",
                did_you_mean(column, made.columns),
            )
    for instant in source.known_at:
        _check_instant(source, instant, made)
    _check_key(source, made)
    embeddings = [
        read_embeddings(made[name], length, where=f"{source.name}.{name}") for name, length in source.embeddings.items()
    ]
    made = made.with_columns(embeddings)
    return made.select(source.columns)


def _check_instant(source: Source, instant: str, made: pl.DataFrame) -> None:
    if instant == ALWAYS:
        return
    kind = made[instant].dtype
    if not isinstance(kind, pl.Datetime) or kind.time_zone is None:
        raise ShipwayError(
            "SW-203",
            f"{source.name}.{instant} is {kind}, and what says when a value is known must be an instant",
            instant_hint(kind),
        )


def _check_key(source: Source, made: pl.DataFrame) -> None:
    key = made.select(source.key)
    missing = int(key.select(pl.any_horizontal(pl.all().is_null()).sum()).item())
    if missing:
        raise ShipwayError(
            "SW-205",
            f"{missing:,} rows of source {source.name!r} have no key ({', '.join(source.key)})",
            "drop or complete them in the source's function",
        )
    repeated = made.height - key.n_unique()
    if repeated:
        example = key.filter(key.is_duplicated()).row(0, named=True)
        said = ", ".join(f"{name} {value}" for name, value in example.items())
        raise ShipwayError(
            "SW-205",
            f"{repeated:,} of {made.height:,} rows of source {source.name!r} repeat a key, e.g. {said}",
            "add the column that tells them apart to the key, or keep one of each in the function",
        )
