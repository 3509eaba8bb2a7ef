"""A fake of the port Log."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from shipway.core.error import ShipwayError

if TYPE_CHECKING:
    import polars as pl

_KINDS: Final[dict[type, str]] = {int: "Int64", float: "Float64", bool: "Boolean", str: "String"}
_ARRAYS: Final = {"int64": "Int64", "float64": "Float64", "bool": "Boolean"}


@dataclass(frozen=True, slots=True)
class _Segment:
    kinds: dict[str, str | None]
    rows: list[dict[str, Any]]


class MemoryLog:
    """A log in lists of rows."""

    def __init__(self) -> None:
        """Start with no stream."""
        self._guard = threading.Lock()
        self._segments: dict[str, list[_Segment]] = {}
        self._spoiled: set[str] = set()

    def append(self, stream: str, columns: Mapping[str, Sequence[Any] | NDArray[Any]]) -> None:
        """Append one segment of equally long columns; without rows, nothing."""
        kinds = {name: _kind_of(name, values) for name, values in columns.items()}
        lists: dict[str, list[Any]] = {name: np.asarray(v, dtype=object).tolist() for name, v in columns.items()}
        rows = [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]
        if rows and (kinds.get("at") != "Int64" or None in lists["at"]):
            raise _wrong_type("at")
        if rows:
            with self._guard:
                self._segments.setdefault(stream, []).append(_Segment(kinds, rows))

    def read(
        self,
        stream: str,
        *,
        since: int | None = None,
        until: int | None = None,
        columns: Sequence[str] | None = None,
        complete: bool = False,
    ) -> "pl.DataFrame":
        """Return a stream's rows with `since <= at < until`; without columns where there are none."""
        import polars as pl

        if stream in self._spoiled:
            raise ShipwayError("SW-605", f"a segment of {stream!r} is damaged", "restore it")
        kinds: dict[str, str | None] = {}
        rows: list[dict[str, Any]] = []
        for segment in self._segments.get(stream, []):
            if complete and not set(columns or ()) <= set(segment.kinds):
                continue
            found = [row for row in segment.rows if _meets(row["at"], since, until)]
            wanted = segment.kinds if columns is None else [name for name in columns if name in segment.kinds]
            for name in wanted if found else ():
                kind = segment.kinds[name]
                if kinds.get(name) and kind and kinds[name] != kind:
                    raise ShipwayError("SW-605", f"column {name!r} is {kind} and {kinds[name]}", "restore it")
                kinds[name] = kinds.get(name) or kind
            rows += found
        if not rows:
            return pl.DataFrame()
        if columns is not None:
            kinds = {name: kinds[name] if name in kinds else self._find_kind(stream, name) for name in columns}
        schema: dict[str, Any] = {name: getattr(pl, kind or "String") for name, kind in kinds.items()}
        return pl.DataFrame([{name: row.get(name) for name in kinds} for row in rows], schema=schema)

    def streams(self) -> list[str]:
        """Return the names of the streams that have segments, sorted."""
        return sorted(self._segments)

    def spoil(self, stream: str) -> None:
        """Damage a segment behind the log's back, for tests of what damage does."""
        self._spoiled.add(stream)

    def _find_kind(self, stream: str, name: str) -> str | None:
        for segment in self._segments[stream]:
            if name in segment.kinds:
                return segment.kinds[name]
        raise ShipwayError("SW-202", f"the log has no column {name!r}", "name one that a segment has")


def _kind_of(name: str, values: Sequence[Any] | NDArray[Any]) -> str | None:
    """Return the type of a column, None where it holds nothing but None."""
    if isinstance(values, np.ndarray):
        kinds = {_ARRAYS.get(values.dtype.name)}
    else:
        cells: list[object] = list(values)
        kinds = {_KINDS.get(type(cell)) for cell in cells if cell is not None}
    if len(kinds) > 1 or (kinds and None in kinds):
        raise _wrong_type(name)
    return next(iter(kinds), None)


def _meets(at: int, since: int | None, until: int | None) -> bool:
    return (since is None or at >= since) and (until is None or at < until)


def _wrong_type(name: str) -> ShipwayError:
    return ShipwayError(
        "SW-203", f"column {name!r} has a type that the log does not take", "give int64, float64 or text"
    )
