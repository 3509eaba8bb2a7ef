"""The requests of a replay: every row asked about in a period, as its caller would have known it at that instant."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.core.error import ShipwayError
from shipway.core.feature import ALWAYS, Source
from shipway.core.prediction import join_key
from shipway.data.column import vector_of
from shipway.data.frame import instants_asked
from shipway.data.known import instants_of
from shipway.data.plan import Plan, require
from shipway.maths.vector import Vector, normalise


@dataclass(frozen=True, slots=True)
class Requests:
    """The requests of a period, in the order in which they are sent.

    Attributes:
        at: when each is asked, int64 microseconds since 1970 UTC, ascending, shape (requests,).
        rows: what each brings: the row's key, then what features read of it, null where it was not known yet.
        key: the columns that name a row.
    """

    at: NDArray[np.int64]
    rows: pl.DataFrame
    key: tuple[str, ...]

    def encode(self, since: int, until: int, columns: Sequence[str]) -> Iterator[tuple[int, list[bytes]]]:
        """Yield each instant with `since <= instant < until` and the bodies of its requests.

        A request is named by its row's key, so that one that is sent again is told from one that is new.

        Args:
            since: microseconds since 1970 UTC.
            until: likewise.
            columns: what a request brings.
        """
        low, high = (int(place) for place in np.searchsorted(self.at, (since, until)))
        asked = self.at[low:high].tolist()
        names = self.rows[low:high].select(self.key).rows()
        values = self.rows[low:high].select(columns).rows()
        encode = msgspec.json.Encoder().encode
        bodies: list[bytes] = []
        for place, at in enumerate(asked):
            row = dict(zip(columns, values[place], strict=True))
            bodies.append(encode({"request": join_key(names[place]), "row": row, "at": at}))
            if place + 1 == len(asked) or asked[place + 1] != at:
                yield at, bodies
                bodies = []


def make_requests(
    plan: Plan, tables: Mapping[str, pl.DataFrame], columns: Sequence[str], period: tuple[int, int]
) -> Requests:
    """Make the requests of every row of a spine that is asked about in a period.

    Args:
        plan: whose spine, and when its rows are asked about.
        tables: the sources' rows by name.
        columns: what requests bring beside the row's key.
        period: from and to (exclusive), microseconds since 1970 UTC.

    Raises:
        ShipwayError: SW-202 for a column the spine lacks, SW-203 for one of a type no feature reads, SW-302 for a row
            without an instant, SW-805 for a value that JSON cannot carry.
    """
    spine, key = plan.spine, plan.spine.key
    names = tuple(dict.fromkeys((*key, *columns)))
    rows = require(spine.name, names, tables)
    at = instants_asked(plan, rows)
    inside = (at >= period[0]) & (at < period[1])
    rows, at = rows.filter(pl.Series(inside)), at[inside]
    asked = pl.DataFrame([pl.Series(at), *(_known(spine, rows, name, at, always=name in key) for name in names)])
    first = asked.columns[0]
    asked = asked.sort(first, *key)
    return Requests(asked[first].to_numpy(), asked.drop(first), key)


def _known(source: Source, rows: pl.DataFrame, name: str, at: NDArray[np.int64], *, always: bool) -> pl.Series:
    """Return a column as it was known when its rows were asked about; a row's key is known with the question."""
    vector = normalise(vector_of(rows[name]))
    if not always:
        known = instants_of(source, source.instant_of(name) or ALWAYS, rows)
        vector = Vector(vector.values, vector.valid & (known <= at))
    if vector.values.dtype.kind == "f" and np.isinf(vector.values[vector.valid]).any():
        raise ShipwayError(
            "SW-805",
            f"{source.name}.{name} is infinite in some rows, which a request in JSON cannot say",
            f"make it null there, or a number, in the function of source {source.name!r}",
        )
    series = pl.Series(name, vector.values, dtype=pl.String if vector.values.dtype.kind == "O" else None)
    return pl.select(pl.when(pl.Series(vector.valid)).then(series).alias(name)).to_series()
