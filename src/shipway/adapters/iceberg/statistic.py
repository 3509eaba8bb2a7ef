"""What the footer of a Parquet file says of its columns, as manifests keep it for engines to skip files by."""

import io
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from pyarrow import parquet
from pyiceberg.conversions import from_bytes, to_bytes
from pyiceberg.types import BinaryType, DoubleType, FloatType, ListType, NestedField, StringType, StructType
from pyiceberg.utils.truncate import truncate_upper_bound_binary_string, truncate_upper_bound_text_string

_PARQUET: Final[Any] = parquet  # it has no types
_ELEMENT: Final = ".list.element"
_END_BYTES: Final = 1 << 15
_UNKNOWN: Final = -1
_BOUND: Final = 16
"""Characters or bytes of a bound that are kept, as Iceberg does by default (`write.metadata.metrics.default`)."""


@dataclass(slots=True)
class Figures:
    """Figures of one file, each by column id.

    Attributes:
        rows: how many rows it has.
        sizes: bytes of each column in the file.
        values: how many values each column has, nulls among them.
        nulls: how many of these are null.
        lower: bounds below, as Iceberg serialises single values.
        upper: bounds above.
        offsets: where the row groups begin.
    """

    rows: int
    sizes: dict[int, int] = field(default_factory=dict[int, int])
    values: dict[int, int] = field(default_factory=dict[int, int])
    nulls: dict[int, int] = field(default_factory=dict[int, int])
    lower: dict[int, bytes] = field(default_factory=dict[int, bytes])
    upper: dict[int, bytes] = field(default_factory=dict[int, bytes])
    offsets: list[int] = field(default_factory=list[int])


def read_footer(read_end: Callable[[int], bytes]) -> Any:
    """Return the footer of a Parquet file; nothing else of the file is read unless it is short.

    Args:
        read_end: returns so many bytes at the end of the file, or all of a shorter one.

    Raises:
        ValueError: if it is no Parquet file.
    """
    end = read_end(_END_BYTES)
    # A file ends with the footer's length in four bytes, and four of magic (Parquet's specification, "File Format").
    length = int.from_bytes(end[-8:-4], "little") + 8
    if len(end) == _END_BYTES < length:
        end = read_end(length)
    return _PARQUET.read_metadata(io.BytesIO(end))


def read_figures(footer: Any, columns: Sequence[tuple[str, NestedField]]) -> Figures:
    """Return the figures of a Parquet file by its footer.

    Args:
        footer: what `read_footer` returns.
        columns: its columns by the names they have in it; what it has besides is passed over.
    """
    wanted = _find_leaves(columns)
    figures = Figures(rows=footer.num_rows)
    bounds: dict[int, list[tuple[Any, Any] | None]] = {}
    for number in range(footer.num_row_groups):
        group = footer.row_group(number)
        figures.offsets.append(_start(group.column(0)))
        for place in range(group.num_columns):
            chunk = group.column(place)
            leaf = wanted.get(chunk.path_in_schema)
            if leaf is not None:
                _take(figures, bounds.setdefault(leaf.field_id, []), leaf.field_id, chunk)
    for path, leaf in wanted.items():
        # Bounds of what lies in lists are of no use to an engine, and their sense is not agreed on.
        if leaf.field_id in bounds and not path.endswith(_ELEMENT) and f"{_ELEMENT}." not in path:
            _bound(figures, leaf, bounds[leaf.field_id])
    return figures


def widen_bounds(bounds: Mapping[int, bytes] | None, widened: Mapping[int, tuple[Any, Any]]) -> dict[int, bytes]:
    """Return bounds with those of columns that took a wider type written in it."""
    return {
        at: to_bytes(widened[at][1], from_bytes(widened[at][0], bound)) if at in widened else bound
        for at, bound in (bounds or {}).items()
    }


def _find_leaves(columns: Sequence[tuple[str, NestedField]]) -> dict[str, NestedField]:
    """Return what holds values by its path in the file, less paths that mean two things by a dot in a name."""
    pairs = [pair for name, column in columns for pair in _paths(name, column)]
    count = Counter(path for path, _ in pairs)
    return {path: leaf for path, leaf in pairs if count[path] == 1}


def _paths(name: str, column: NestedField) -> list[tuple[str, NestedField]]:
    match column.field_type:
        case StructType(fields=inner):
            return [pair for each in inner for pair in _paths(f"{name}.{each.name}", each)]
        case ListType(element_field=element):
            return _paths(name + _ELEMENT, element)
        case _:
            return [(name, column)]


def _start(chunk: Any) -> int:
    first = chunk.dictionary_page_offset if chunk.has_dictionary_page else None
    return min(first, chunk.data_page_offset) if first else chunk.data_page_offset


def _take(figures: Figures, bounds: list[tuple[Any, Any] | None], at: int, chunk: Any) -> None:
    figures.sizes[at] = figures.sizes.get(at, 0) + chunk.total_compressed_size
    figures.values[at] = figures.values.get(at, 0) + chunk.num_values
    found = chunk.statistics
    if found is None or not found.has_null_count or figures.nulls.get(at) == _UNKNOWN:
        figures.nulls[at] = _UNKNOWN
    else:
        figures.nulls[at] = figures.nulls.get(at, 0) + found.null_count
    try:
        if found is not None and found.has_min_max:
            bounds.append((found.min, found.max))
        elif found is None or found.null_count != chunk.num_values:
            bounds.append(None)
    except (ValueError, OverflowError, NotImplementedError):
        # A value outside of what Python's dates can be, or text cut within a character.
        bounds.append(None)


def _bound(figures: Figures, leaf: NestedField, bounds: Sequence[tuple[Any, Any] | None]) -> None:
    at, kind = leaf.field_id, leaf.field_type
    if figures.nulls[at] == _UNKNOWN:
        del figures.nulls[at]
    known = [pair for pair in bounds if pair is not None]
    if not known or len(known) < len(bounds):
        return
    low, high = min(pair[0] for pair in known), max(pair[1] for pair in known)
    if isinstance(kind, FloatType | DoubleType) and (low != low or high != high):
        return
    if isinstance(kind, StringType):
        low, high = low[:_BOUND], truncate_upper_bound_text_string(high, _BOUND)
    elif isinstance(kind, BinaryType):
        low, high = low[:_BOUND], truncate_upper_bound_binary_string(high, _BOUND)
    figures.lower[at] = to_bytes(kind, low)
    # The character after one that was cut away may be none that text can have.
    with suppress(UnicodeEncodeError):
        if high is not None:
            figures.upper[at] = to_bytes(kind, high)
