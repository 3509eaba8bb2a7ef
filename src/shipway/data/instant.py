"""The rows of one instant: what an entry says of them beyond sums, and how one of several is taken back.

An entry holds a summary of its instant's rows, which is all that is read. While an instant has one row, the summary is
that row. Several rows stand beside the entry, on the level `ROWS`, so that the next newest, or the next least, is at
hand when one goes: in one *leaf*, or from `LEAF` rows on in a tree of leaves, branched by a digest of each row's tie.
So what a row costs grows with the logarithm of how many share its instant.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeAlias

import msgspec

from shipway.core.level import ROWS, name_level

LEAF: Final = 32
"""How many rows of one instant stand in one value at most."""
_BRANCHES: Final = 16
_PACK: Final = msgspec.msgpack.Encoder()
_UNPACK: Final = msgspec.msgpack.Decoder()

Row: TypeAlias = list[Any]
"""What a row has for a series beyond sums: the newest values, the values that are compared, the oldest values, and then
its tie."""
Changed: TypeAlias = dict[tuple[bytes, int], bytes | None]
"""What a write changes in the store: by series and instant the value to put, None for what is to go."""
Summary: TypeAlias = list[Any]
"""The newest row's values, then for each value compared the least and the greatest, then, if they are kept, the oldest
row's values and its tie, then the newest row's tie."""


class Store(Protocol):
    """What a series is read from: the part of the port Online that says what is there."""

    def newest(self, asks: Sequence[tuple[bytes, int]]) -> list[tuple[int, bytes] | None]:
        """Return for each (series, instant) the newest entry at or before it."""
        ...

    def between(self, series: bytes, after: int, until: int) -> list[tuple[int, bytes]]:
        """Return a series' entries with after < instant <= until, oldest first."""
        ...


@dataclass(slots=True, eq=False)
class Change:
    """What happens to one instant of a series.

    Attributes:
        delta: what is added to the rows and the sums.
        gone: rows that are taken back.
        come: rows that are new, or anew.
    """

    delta: Sequence[int]
    gone: list[Row] = field(default_factory=list[Row])
    come: list[Row] = field(default_factory=list[Row])


@dataclass(frozen=True, slots=True)
class Shape:
    """How many values a series keeps of a row: of the newest, to compare, and of the oldest."""

    newest: int
    compared: int
    oldest: int = 0

    @property
    def first_oldest(self) -> int:
        """Return where in a summary the oldest row's values begin."""
        return self.newest + 2 * self.compared

    def summarise(self, row: Row) -> Summary:
        """Return the summary of one row."""
        if not self.compared and not self.oldest:
            return row
        summary, compared = row[: self.newest], self.newest + self.compared
        for value in row[self.newest : compared]:
            summary += (value, value)
        if self.oldest:
            summary += row[compared:]
        summary.append(row[-1])
        return summary

    def restore(self, summary: Summary) -> Row:
        """Return the row that a summary is of, if it is of one."""
        oldest = self.first_oldest
        values = summary[oldest : oldest + self.oldest]
        return [*summary[: self.newest], *summary[self.newest : oldest : 2], *values, summary[-1]]

    def merge(self, summaries: Iterable[Summary]) -> Summary:
        """Return the summary of several taken together."""
        merged: Summary = []
        oldest = self.first_oldest
        for other in summaries:
            if not merged:
                merged = list(other)
                continue
            for place in range(self.newest, oldest, 2):
                merged[place] = pick(min, merged[place], other[place])
                merged[place + 1] = pick(max, merged[place + 1], other[place + 1])
            if self.oldest and other[-2] < merged[-2]:
                merged[oldest:-1] = other[oldest:-1]
            if merged[-1] < other[-1]:
                merged[: self.newest], merged[-1] = other[: self.newest], other[-1]
        return merged


def pick(choose: Callable[..., Any], left: Any, right: Any) -> Any:
    """Return the lesser or the greater of two values, or the one there is."""
    if left is None or right is None:
        return right if left is None else left
    return choose(left, right)


class Instant:
    """The rows of one instant of one series; what changes of them is collected until somebody writes it.

    Attributes:
        changed: name to value of the nodes that are new, or anew; None for those that are no longer.
    """

    def __init__(self, online: Store, shape: Shape, series: bytes, instant: int) -> None:
        """Look at an instant of a series."""
        self.changed: dict[bytes, bytes | None] = {}
        self._online = online
        self._shape = shape
        self._name = name_level(series, ROWS)
        self._at = instant

    def revise(self, count: int, summary: Summary, gone: Sequence[Row], come: Sequence[Row]) -> Summary:
        """Take rows back and add others.

        Args:
            count: how many rows there were.
            summary: what the entry said of them; not read if there were none.
            gone: rows that no longer are.
            come: rows that are new, or anew.

        Returns:
            What the entry has to say now; empty if no row is left.
        """
        if not count and len(come) == 1:
            return self._shape.summarise(come[0])
        if count > 1:
            return self._visit(b"", gone, come)[1]
        rows = _change([self._shape.restore(summary)] if count else [], gone, come)
        return self._grow(b"", rows)

    def _visit(self, path: bytes, gone: Sequence[Row], come: Sequence[Row]) -> tuple[int, Summary]:
        """Change the rows below a node that is there, and return how many there are then, and their summary."""
        node = self._read(path)
        if not isinstance(node[0], int):
            return self._sum_up(path, _change(node, gone, come))
        children: list[tuple[int, Summary] | None] = [tuple(child) if child else None for child in node[1:]]
        for digit, (out, new) in _divide(len(path), gone, come).items():
            below = path + bytes([digit])
            child = self._visit(below, out, new) if children[digit] else self._sum_up(below, _change([], out, new))
            children[digit] = child if child[0] else None
        if sum(child[0] for child in children if child) <= LEAF:
            # Not a few that were changed above: those are dropped or put again by what follows.
            rows = [
                row for digit, child in enumerate(children) if child for row in self._collect(path + bytes([digit]))
            ]
            return self._sum_up(path, sorted(rows, key=_tie_of))
        return self._branch(path, children)

    def _sum_up(self, path: bytes, rows: list[Row]) -> tuple[int, Summary]:
        return len(rows), self._grow(path, rows)

    def _grow(self, path: bytes, rows: list[Row]) -> Summary:
        """Put a node of these rows, in the order of ties, where one was or none, and return their summary."""
        if len(rows) > LEAF:
            children: list[tuple[int, Summary] | None] = [None] * _BRANCHES
            for digit, (_, some) in _divide(len(path), (), rows).items():
                children[digit] = self._sum_up(path + bytes([digit]), list(some))
            return self._branch(path, children)[1]
        if len(rows) > (0 if path else 1):
            self._put(path, rows)
        else:
            self.changed[self._place(path)] = None
        return self._shape.merge(map(self._shape.summarise, rows))

    def _branch(self, path: bytes, children: Sequence[tuple[int, Summary] | None]) -> tuple[int, Summary]:
        count = sum(child[0] for child in children if child)
        self._put(path, [count, *children])
        return count, self._shape.merge(child[1] for child in children if child)

    def _collect(self, path: bytes) -> list[Row]:
        """Return the rows below a node, and drop it with all that is below it."""
        node = self._read(path)
        self.changed[self._place(path)] = None
        if not isinstance(node[0], int):
            return node
        below = [path + bytes([digit]) for digit, child in enumerate(node[1:]) if child]
        return [row for each in below for row in self._collect(each)]

    def _put(self, path: bytes, node: list[Any]) -> None:
        self.changed[self._place(path)] = _PACK.encode(node)

    def _read(self, path: bytes) -> list[Any]:
        """Return a node: its rows, or how many there are below it and then its children; as changed last."""
        place = self._place(path)
        value = self.changed.get(place)
        if value is None:
            found = self._online.newest([(place, self._at)])[0]
            assert found is not None, "an instant of several rows has a node"
            assert found[0] == self._at, "an instant of several rows has a node"
            value = found[1]
        return _UNPACK.decode(value)

    def _place(self, path: bytes) -> bytes:
        return self._name + bytes([len(path)]) + path


def _change(rows: Sequence[Row], gone: Sequence[Row], come: Sequence[Row]) -> list[Row]:
    out = [row[-1] for row in gone]
    return sorted([*(row for row in rows if row[-1] not in out), *come], key=_tie_of)


def _tie_of(row: Row) -> Any:
    return row[-1]


def _divide(depth: int, gone: Sequence[Row], come: Sequence[Row]) -> dict[int, tuple[list[Row], list[Row]]]:
    """Divide rows among the branches of a node, by a digest of their ties."""
    parts: dict[int, tuple[list[Row], list[Row]]] = {}
    for place, rows in enumerate((gone, come)):
        for row in rows:
            digest = hashlib.blake2b(_PACK.encode(row[-1]), digest_size=32).digest()
            digit = digest[depth // 2] >> 4 if depth % 2 else digest[depth // 2] & 15
            parts.setdefault(digit, ([], []))[place].append(row)
    return parts
