"""What differs between two versions of a table, to the row: added, removed and, by key, changed."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from shipway.core.table import Part, Snapshot
from shipway.infra.table import TableFiles


@dataclass(frozen=True, slots=True)
class Difference:
    """How one version of a table becomes another.

    Rows hold the columns that both versions have; where there is no key, a changed row is one removed and one added.

    Attributes:
        added: rows that only the later version has.
        removed: rows that only the earlier version has.
        before: rows that changed as they were, in the order of the earlier version.
        after: the same rows as they are now, place by place.
        columns_added: columns that only the later version has.
        columns_removed: columns that only the earlier version has.
        columns_changed: columns of another type, as `name: before -> after`.
    """

    added: pl.DataFrame
    removed: pl.DataFrame
    before: pl.DataFrame
    after: pl.DataFrame
    columns_added: tuple[str, ...] = ()
    columns_removed: tuple[str, ...] = ()
    columns_changed: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Tell whether the two versions are the same."""
        rows = self.added.height + self.removed.height + self.before.height
        return not (rows or self.columns_added or self.columns_removed or self.columns_changed)


def compare(files: TableFiles, before: Snapshot, after: Snapshot, *, key: Sequence[str] = ()) -> Difference:
    """Compare two versions of a table row by row, reading only the files that they do not share.

    Values are equal if they print the same: null equals null, and not a number equals itself.

    Args:
        files: where the files are.
        before: the earlier version.
        after: the later version.
        key: columns that identify a row; without them a row is identified by all its values.

    Raises:
        ShipwayError: SW-605 if a file is missing or damaged, SW-202 if a version lacks a column of the key.
    """
    both = [name for name in after.columns if name in before.columns]
    kinds = [f"{n}: {before.columns[n]} -> {after.columns[n]}" for n in both if before.columns[n] != after.columns[n]]
    old_parts, new_parts = _own_parts(before, after)
    wanted = [*key, *(name for name in both if name not in key)]
    old, new = _read(files, before, wanted, old_parts), _read(files, after, wanted, new_parts)
    if kinds:
        old, new = _cast_alike(old, new)
    removed, added, was, now = _match(old, new, list(key)) if key else _count(old, new)
    return Difference(
        added.select(both),
        removed.select(both),
        was.select(both),
        now.select(both),
        tuple(name for name in after.columns if name not in before.columns),
        tuple(name for name in before.columns if name not in after.columns),
        tuple(kinds),
    )


def _own_parts(before: Snapshot, after: Snapshot) -> tuple[list[Part], list[Part]]:
    """Return the files that only one of two versions reads, or reads otherwise than the other does."""
    shared = Counter(before.reading(part) for part in before.parts)
    shared &= Counter(after.reading(part) for part in after.parts)
    own: tuple[list[Part], list[Part]] = [], []
    for mine, snapshot in zip(own, (before, after), strict=True):
        left = shared.copy()
        for part in snapshot.parts:
            how = snapshot.reading(part)
            if left[how]:
                left[how] -= 1
            else:
                mine.append(part)
    return own


def _read(files: TableFiles, snapshot: Snapshot, columns: Sequence[str], parts: Sequence[Part]) -> pl.DataFrame:
    frames = list(files.read_parts(snapshot, columns, parts=parts))
    if not frames:
        types = files.types_of(snapshot)
        frames = [pl.DataFrame(schema={name: types[name] for name in columns})]
    return pl.concat(frames)


def _cast_alike(old: pl.DataFrame, new: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Bring columns of different types to one in which their values can be compared; to text where there is none."""
    casts: dict[str, pl.DataType | type[pl.DataType]] = {}
    for name, dtype in new.schema.items():
        if dtype == old.schema[name]:
            continue
        try:
            empty = [frame.select(name).clear() for frame in (old, new)]
            casts[name] = pl.concat(empty, how="vertical_relaxed").dtypes[0]
        except pl.exceptions.PolarsError:
            casts[name] = pl.String
    exprs = [pl.col(name).cast(dtype) for name, dtype in casts.items()]
    return old.with_columns(exprs), new.with_columns(exprs)


def _match(
    old: pl.DataFrame, new: pl.DataFrame, key: list[str]
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    removed = old.join(new, on=key, how="anti", maintain_order="left")
    added = new.join(old, on=key, how="anti", maintain_order="left")
    rest = [name for name in new.columns if name not in key]
    was = old.join(new.select(key), on=key, how="semi", maintain_order="left")
    now = was.select(key).join(new, on=key, how="left", maintain_order="left")
    if not rest:
        return removed, added, was.clear(), now.clear()
    differs = pl.select(pl.any_horizontal(was[name].ne_missing(now[name]) for name in rest)).to_series()
    return removed, added, was.filter(differs), now.filter(differs)


def _count(old: pl.DataFrame, new: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Compare rows as a multiset: a row that is there twice and was there once was added once."""
    columns = new.columns
    counts = [
        frame.group_by(columns, maintain_order=True).agg(pl.len().cast(pl.Int64).alias("len:")) for frame in (old, new)
    ]
    found: list[pl.DataFrame] = []
    for mine, other in ((counts[0], counts[1]), (counts[1], counts[0])):
        joined = mine.join(other, on=columns, how="left", nulls_equal=True, maintain_order="left", suffix="other:")
        more = (pl.col("len:") - pl.col("len:other:").fill_null(0)).clip(lower_bound=0)
        places = pl.int_range(pl.len()).repeat_by(more).explode().drop_nulls()
        found.append(joined.select(pl.col(columns).gather(places)))
    return found[0], found[1], old.clear(), new.clear()
