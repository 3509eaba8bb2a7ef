"""Tables as immutable Parquet files in the blob store: writing, reading, and the changes from one snapshot to the next.

The same rows give the same bytes, whatever the frame's chunks, the number of threads or the folder: what is written is
named by its content. It is so for one version of Polars; another may encode the same rows differently, which makes a
second snapshot of them and harms nothing else.
"""

import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import polars as pl

from shipway.core.error import ShipwayError
from shipway.core.table import Field, Part, Snapshot, follow_snapshot, may_promote, start_snapshot
from shipway.kit.canonical import digest_value
from shipway.kit.suggestion import did_you_mean
from shipway.ports.blobs import Blobs

PART_ROWS: Final = 1 << 21
"""The most rows of one file."""

GROUP_ROWS: Final = 1 << 17
"""The most rows of one row group, the unit that a reader's filter can skip by its statistics."""


class TableFiles:
    """Reads and writes the files of snapshots; it knows no branch, so nothing that it writes is seen by anybody."""

    def __init__(self, blobs: Blobs) -> None:
        """Work on a blob store."""
        self._blobs = blobs

    def write(self, frame: pl.DataFrame) -> Snapshot:
        """Store a frame's rows as a snapshot of a new table.

        Raises:
            ShipwayError: SW-203 for a type that Parquet cannot keep, SW-601 disk full, SW-602 not writable.
        """
        columns = {name: str(dtype) for name, dtype in frame.schema.items()}
        # An empty frame has one file too: it keeps the columns' types.
        return start_snapshot(columns, self.write_parts(frame, schema=0) or [self.write_part(frame, schema=0)])

    def read(self, snapshot: Snapshot, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """Return a snapshot's rows, all columns or those named in the order named.

        Raises:
            ShipwayError: SW-605 if a file is missing or damaged, SW-202 for a column it lacks.
        """
        return pl.concat(list(self.read_parts(snapshot, columns)))

    def read_alike(self, parts: Sequence[Part]) -> pl.DataFrame:
        """Return the rows of files that were written under one schema, read at once; SW-605 as for `read`."""
        return pl.read_parquet([io.BytesIO(self._blobs.get(part.digest)) for part in parts], glob=False)

    def read_parts(
        self,
        snapshot: Snapshot,
        columns: Sequence[str] | None = None,
        *,
        rows: int | None = None,
        parts: Sequence[Part] | None = None,
    ) -> Iterator[pl.DataFrame]:
        """Yield a snapshot's rows file by file, so that a table larger than memory can be gone through.

        Args:
            snapshot: which version of the table.
            columns: these columns in this order; all where None.
            rows: at most so many at once; whole files where None.
            parts: only these of its files.

        Raises:
            ShipwayError: as for `read`.
        """
        chosen = snapshot.parts if parts is None else parts
        wanted, types = self._choose(snapshot, columns, chosen)
        for part in chosen:
            size = rows or max(part.rows, 1)
            takes = (slice(start, min(start + size, part.rows)) for start in range(0, max(part.rows, 1), size))
            yield from self._read_part(part, snapshot, wanted, types, takes)

    def read_span(
        self, snapshot: Snapshot, start: int, stop: int, columns: Sequence[str] | None = None
    ) -> pl.DataFrame:
        """Return some of a snapshot's rows, counted from its first; only the files that hold them are read.

        Args:
            snapshot: which version of the table.
            start: the first of the rows.
            stop: the row after the last.
            columns: these columns in this order; all where None.

        Raises:
            ShipwayError: as for `read`.
        """
        wanted, types = self._choose(snapshot, columns, snapshot.parts)
        found: list[pl.DataFrame] = []
        first = 0
        for part in snapshot.parts:
            taken = slice(max(start - first, 0), min(stop - first, part.rows))
            first += part.rows
            if taken.start < taken.stop:
                found += self._read_part(part, snapshot, wanted, types, [taken])
        if found:
            return pl.concat(found)
        return next(self.read_parts(snapshot, columns, rows=1)).clear()

    def types_of(self, snapshot: Snapshot) -> pl.Schema:
        """Return the types of a table's present columns; SW-605 if the file that states them is gone or damaged."""
        last = len(snapshot.schemas) - 1
        part = next(part for part in reversed(snapshot.parts) if part.schema == last)
        return pl.read_parquet(self._blobs.get(part.digest), n_rows=0).schema

    def append(self, snapshot: Snapshot, frame: pl.DataFrame) -> Snapshot:
        """Store further rows of a table; without rows the snapshot stays what it is.

        Raises:
            ShipwayError: SW-202 for a column that one of the two lacks, SW-203 for one of a type that does not fit,
                SW-601 disk full, SW-602 not writable.
        """
        if frame.height == 0:
            self.conform(snapshot, frame)
            return snapshot
        parts = self.write_parts(self.conform(snapshot, frame), schema=len(snapshot.schemas) - 1)
        said = [part.digest for part in parts]
        return follow_snapshot(snapshot, "append", [*snapshot.parts, *parts], said=said)

    def upsert(
        self, snapshot: Snapshot, rows: pl.DataFrame, *, key: Sequence[str], deleted: pl.DataFrame | None = None
    ) -> Snapshot:
        """Put rows in the place of those with their keys, add those with new keys at the end, and remove others.

        Only files that hold a row that changes are written again. Rows that are there already as they are given, and
        keys to remove that are not there, change nothing: what is delivered twice leaves the snapshot as it is. A zero
        is there already whatever its sign, and not a number equals itself.

        Args:
            snapshot: the table before.
            rows: whole rows, one for a key.
            key: the columns that identify a row.
            deleted: keys whose rows go, in the key's columns; a key that is among `rows` too stays.

        Raises:
            ShipwayError: SW-205 for a key that is null or repeated in `rows`, and as for `append`; SW-202 and SW-203
                for keys of other columns or types too.
        """
        rows = self.conform(snapshot, rows)
        key = list(key)
        check_key(rows, key)
        gone = rows.select(key).clear()
        if deleted is not None:
            gone = _cast_keys(deleted, gone.schema).join(rows, on=key, how="anti", maintain_order="left")
        touched = pl.concat([rows.select(key), gone])
        last = len(snapshot.schemas) - 1
        parts: list[Part] = []
        known = [touched.clear()]
        for part in snapshot.parts:
            (keys,) = self.read_parts(snapshot, key, parts=[part])
            hit = keys.join(touched, on=key, how="semi")
            if hit.height == 0:
                parts.append(part)
                continue
            known.append(hit)
            (frame,) = self.read_parts(snapshot, parts=[part])
            kept = frame.join(gone, on=key, how="anti", maintain_order="left")
            changed = kept.update(rows, on=key, how="left", include_nulls=True)
            if changed.equals(frame):
                parts.append(part)
            else:
                parts.extend(self.write_parts(changed, schema=last))
        new = rows.join(pl.concat(known), on=key, how="anti", maintain_order="left")
        parts.extend(self.write_parts(new, schema=last))
        if parts == list(snapshot.parts):
            return snapshot
        if not any(part.schema == last for part in parts):
            parts.append(self.write_part(rows.clear(), schema=last))
        # A file of an earlier schema is not the rows of a file with the same bytes of the present one.
        said = [part.digest if part.schema == last else digest_value(snapshot.reading(part)) for part in parts]
        return follow_snapshot(snapshot, "upsert", parts, said=said)

    def restate(self, snapshot: Snapshot, fields: tuple[Field, ...], types: pl.Schema) -> Snapshot:
        """Give a table another schema; its files stay, and one without rows states the new types.

        Args:
            snapshot: the table before.
            fields: the new columns.
            types: their types, by name.
        """
        empty = pl.DataFrame(schema=types)
        stated = self.write_part(empty, schema=len(snapshot.schemas))
        return follow_snapshot(snapshot, "evolve", [*snapshot.parts, stated], said=[stated.digest], fields=fields)

    def conform(self, snapshot: Snapshot, frame: pl.DataFrame) -> pl.DataFrame:
        """Return a frame with a table's columns in its order and of its types.

        Raises:
            ShipwayError: SW-202 for a column that one of the two lacks, SW-203 for one whose type would lose values.
        """
        columns = snapshot.columns
        _check_columns(columns, frame)
        for name in frame.columns:
            if name not in columns:
                hint = "change the table's schema first, or leave the column out"
                raise ShipwayError("SW-202", f"the table has no column {name!r}", hint)
        wrong = [(name, str(frame.schema[name])) for name in columns if str(frame.schema[name]) != columns[name]]
        if not wrong:
            return frame if frame.columns == list(columns) else frame.select(list(columns))
        for name, found in wrong:
            if not may_promote(found, columns[name]):
                raise ShipwayError(
                    "SW-203",
                    f"column {name!r} is {found} in the rows and {columns[name]} in the table",
                    "cast it, or change the table's schema first",
                )
        types = self.types_of(snapshot)
        return frame.select(pl.col(name).cast(types[name]) for name in columns)

    def write_parts(self, frame: pl.DataFrame, *, schema: int) -> list[Part]:
        """Store rows as files of at most `PART_ROWS` each; none where there are no rows."""
        starts = range(0, frame.height, PART_ROWS)
        return [self.write_part(frame.slice(start, PART_ROWS), schema=schema) for start in starts]

    def write_part(self, frame: pl.DataFrame, *, schema: int) -> Part:
        """Store a frame as one file; SW-203 for a type that Parquet cannot keep."""
        return self.keep_part(encode_rows(frame), frame.height, schema=schema)

    def keep_part(self, data: bytes, rows: int, *, schema: int) -> Part:
        """Store a file that `encode_rows` made of so many rows."""
        return Part(digest=self._blobs.put(data), rows=rows, size_bytes=len(data), schema=schema)

    def _choose(
        self, snapshot: Snapshot, columns: Sequence[str] | None, chosen: Sequence[Part]
    ) -> tuple[Sequence[Field], pl.Schema]:
        """Return the columns that are read, and the table's types where a file of an earlier schema is among those."""
        for name in columns or ():
            if name not in snapshot.columns:
                raise ShipwayError("SW-202", f"there is no column {name!r}", did_you_mean(name, snapshot.columns))
        fields = {field.name: field for field in snapshot.fields}
        wanted = snapshot.fields if columns is None else tuple(fields[name] for name in columns)
        last = len(snapshot.schemas) - 1
        return wanted, self.types_of(snapshot) if any(part.schema != last for part in chosen) else pl.Schema()

    def _read_part(
        self, part: Part, snapshot: Snapshot, wanted: Sequence[Field], types: pl.Schema, takes: Iterable[slice]
    ) -> Iterator[pl.DataFrame]:
        # Whole files are read even for few columns: only then can their digest be checked, and a flipped bit of a value
        # that Parquet would return without a word.
        data = self._blobs.get(part.digest)
        for taken in takes:
            if part.schema == len(snapshot.schemas) - 1:
                yield _read_rows(data, [field.name for field in wanted], taken)
            else:
                yield _read_older(data, snapshot.schemas[part.schema], wanted, types, taken)


def encode_rows(frame: pl.DataFrame) -> bytes:
    """Return a frame as the bytes of one file; SW-203 for a type that Parquet cannot keep."""
    buffer = io.BytesIO()
    try:
        frame.write_parquet(buffer, compression="zstd", statistics=True, row_group_size=GROUP_ROWS)
    except pl.exceptions.PolarsError as fault:
        hint = "cast the column to a plain type before it is stored"
        raise ShipwayError("SW-203", f"a column's type cannot be stored ({fault})", hint) from fault
    return buffer.getvalue()


def check_key(rows: pl.DataFrame, key: Sequence[str]) -> None:
    """Refuse rows of which two have one key, or one has none; SW-205, and SW-202 for a key of other columns."""
    if not key:
        raise ShipwayError("SW-205", "nothing says what identifies a row", "name the columns of the key")
    _check_columns(key, rows)
    keys = rows.select(key)
    missing = int(keys.select(pl.any_horizontal(pl.all().is_null()).sum()).item())
    if missing:
        raise ShipwayError(
            "SW-205", f"{missing:,} of the rows have no key ({', '.join(key)})", "give each row its whole key"
        )
    if keys.height != keys.n_unique():
        example = keys.filter(keys.is_duplicated()).row(0, named=True)
        said = ", ".join(f"{name} {value}" for name, value in example.items())
        raise ShipwayError("SW-205", f"the rows repeat a key, e.g. {said}", "keep one row of each key")


def _read_rows(data: bytes, columns: list[str], taken: slice) -> pl.DataFrame:
    """Read some rows of a file, these of its columns."""
    return pl.scan_parquet(data).select(columns).slice(taken.start, taken.stop - taken.start).collect()


def _read_older(
    data: bytes, schema: Sequence[Field], wanted: Sequence[Field], types: pl.Schema, taken: slice
) -> pl.DataFrame:
    """Read rows of a file of an earlier schema: columns are found by id, and what it lacks is null."""
    names = {field.id: field.name for field in schema}
    there = [names[field.id] for field in wanted if field.id in names]
    frame = _read_rows(data, there, taken)
    return pl.DataFrame(
        [
            frame[names[field.id]].cast(types[field.name]).alias(field.name)
            if field.id in names
            else pl.Series(field.name, dtype=types[field.name]).extend_constant(None, taken.stop - taken.start)
            for field in wanted
        ]
    )


def _cast_keys(keys: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """Return keys in a table's types; SW-202 for a column they lack, SW-203 for values that no such key has."""
    _check_columns(schema, keys)
    try:
        return keys.select(pl.col(name).cast(dtype) for name, dtype in schema.items())
    except pl.exceptions.PolarsError as fault:
        fact = f"the keys of rows to remove are not of the table's types ({fault})"
        raise ShipwayError("SW-203", fact.partition("\n")[0], "give the keys as the table has them") from fault


def _check_columns(names: Iterable[str], frame: pl.DataFrame) -> None:
    for name in names:
        if name not in frame.columns:
            raise ShipwayError("SW-202", f"the rows lack column {name!r}", did_you_mean(name, frame.columns))
