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

    Null equals null, not a number equals itself, and zero equals minus zero. Values of different types are compared in
    a type that holds both, or as text where there is none. A row whose key is missing, or is another row's too, is told
    as removed or added, never as changed.

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
    wanted = [*key, *(name for name in both if name not in key)]
    # Where no column is left of those there were, there are no rows to compare.
    old_parts, new_parts = _own_parts(before, after) if wanted else ([], [])
    old, new = _read(files, before, wanted, old_parts), _read(files, after, wanted, new_parts)
    if kinds:
        old, new = _cast_alike(old, new)
    if key:
        removed, added, was, now = match_rows(old, new, list(key))
    elif wanted:
        (removed, added), was, now = count_rows(old, new), old.clear(), new.clear()
    else:
        removed = added = was = now = old
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
    for name in new.columns:
        was, now = old[name], new[name]
        if was.dtype == now.dtype:
            continue
        try:
            common = pl.concat([was.clear().to_frame(), now.clear().to_frame()], how="vertical_relaxed").dtypes[0]
            was, now = was.cast(common), now.cast(common)
        except pl.exceptions.PolarsError:
            was, now = _to_text(was), _to_text(now)
        old, new = old.with_columns(was), new.with_columns(now)
    return old, new


def _to_text(values: pl.Series) -> pl.Series:
    texts = [None if value is None else str(value) for value in values.to_list()]
    return pl.Series(values.name, texts, dtype=pl.String)


def match_rows(
    old: pl.DataFrame, new: pl.DataFrame, key: list[str]
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Return the rows removed and added, and those changed as they were and as they are now.

    A row whose key is missing, or is another row's too, is never a changed one: it was removed or added if no row on
    the other side is like it.
    """
    if any(_is_odd(frame, key).any() for frame in (old, new)):
        old, new = count_rows(old, new)
    else:
        old, new = _drop_same(old, new)
    odd = pl.concat([frame.filter(_is_odd(frame, key)).select(key) for frame in (old, new)])
    old_sole, new_sole = (
        frame.join(odd, on=key, how="anti", nulls_equal=True, maintain_order="left") for frame in (old, new)
    )
    removed = old.join(new_sole, on=key, how="anti", maintain_order="left")
    added = new.join(old_sole, on=key, how="anti", maintain_order="left")
    was = old_sole.join(new_sole.select(key), on=key, how="semi", maintain_order="left")
    now = was.select(key).join(new_sole, on=key, how="left", maintain_order="left").select(was.columns)
    rest = [name for name in new.columns if name not in key]
    if not rest:
        return removed, added, was.clear(), now.clear()
    differs = pl.select(pl.any_horizontal(was[name].ne_missing(now[name]) for name in rest)).to_series()
    return removed, added, was.filter(differs), now.filter(differs)


def _drop_same(old: pl.DataFrame, new: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Leave out rows that stand at one place in both versions, as most do in a file of which few rows changed."""
    height = min(old.height, new.height)
    was, now = old.head(height), new.head(height)
    differs = pl.select(pl.any_horizontal(was[name].ne_missing(now[name]) for name in was.columns)).to_series()
    rests = (frame.slice(height) for frame in (old, new))
    left, right = (pl.concat([some.filter(differs), rest]) for some, rest in zip((was, now), rests, strict=True))
    return left, right


def count_rows(old: pl.DataFrame, new: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows removed and added, rows being a multiset: one that is there twice and was once was added once."""
    names = new.columns
    # Numbers for names, so that no column is called what the counts are.
    columns = [f"{place}" for place in range(len(names))]
    counts = [
        frame.select(pl.col(name).alias(column) for name, column in zip(names, columns, strict=True))
        .group_by(columns, maintain_order=True)
        .agg(pl.len().cast(pl.Int64))
        for frame in (old, new)
    ]
    found: list[pl.DataFrame] = []
    for mine, other in ((counts[0], counts[1]), (counts[1], counts[0])):
        joined = mine.join(other, on=columns, how="left", nulls_equal=True, maintain_order="left", suffix=" other")
        more = (pl.col("len") - pl.col("len other").fill_null(0)).clip(lower_bound=0)
        places = pl.int_range(pl.len()).repeat_by(more).explode().drop_nulls()
        rows = joined.select(pl.col(columns).gather(places))
        found.append(rows.rename(dict(zip(columns, names, strict=True))))
    return found[0], found[1]


def _is_odd(frame: pl.DataFrame, key: list[str]) -> pl.Series:
    """Tell of each row whether its key is missing or is that of another one too."""
    keys = frame.select(key)
    return keys.select(pl.any_horizontal(pl.all().is_null())).to_series() | keys.is_duplicated()
