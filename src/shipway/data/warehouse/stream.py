"""One stream of one entity in a warehouse: its running totals, and what every row of a spine finds of them.

A stream becomes *steps*, one for each entity and instant, with running counts and totals up to and with that instant
and the values of its newest row. A window is the difference of the steps at its two edges, so one pass over a stream
serves all its windows. Which step stands at an edge is found by an as-of join where the SQL has one, and elsewhere by
walking the steps and the edges in one order.
"""

from dataclasses import dataclass, field
from typing import Final

import polars as pl

from shipway.core.error import ShipwayError
from shipway.core.feature import ALWAYS, Event, Expr
from shipway.core.online import RESOLUTION, SCALE
from shipway.data.warehouse.dialect import Dialect
from shipway.data.warehouse.scan import Relation
from shipway.data.warehouse.translation import cast_to, kind_in, to_sql
from shipway.maths.expression import Aggregate, Column, Constant, render
from shipway.maths.vector import Kind

ASKED: Final = "q0"
"""The column of the rows asked about that holds when they are asked about."""

_BEGINNING: Final = str(-(2**63))
_KINDS: Final = ("count", "sum", "mean", "share", "min", "max", "last", "first", "age", "around")


@dataclass(slots=True)
class Stream:
    """What a statement says of one stream for one entity.

    Attributes:
        name: what its relations in the statement are called after.
        event: the stream.
        keys: the entity's key columns.
        where: the condition on its rows that they are chosen by.
        relation: the rows of its source.
        asked_keys: the columns of the rows asked about that hold the same keys, null where unknown.
        edges: the columns of the rows asked about that hold edges of windows, in order.
        sums: value to its place, of those added up.
        newest: value to its place, of those whose newest is read.
        oldest: value to its place, of those whose oldest in a window is read.
        measured: value to its place, of those whose least or greatest is read.
        extrema: kind, place of the value and width to the place of what is read.
        results: what is found for a row asked about, in SQL, to the column that it will be in.
    """

    name: str
    event: Event
    keys: tuple[str, ...]
    where: Expr | None
    relation: Relation
    asked_keys: tuple[str, ...]
    edges: list[str] = field(default_factory=list[str])
    sums: dict[Expr, str] = field(default_factory=dict[Expr, str])
    newest: dict[Expr, str] = field(default_factory=dict[Expr, str])
    oldest: dict[Expr, str] = field(default_factory=dict[Expr, str])
    measured: dict[Expr, str] = field(default_factory=dict[Expr, str])
    extrema: dict[tuple[str, str, int], str] = field(default_factory=dict[tuple[str, str, int], str])
    results: dict[str, str] = field(default_factory=dict[str, str])

    def aggregate(self, node: Aggregate, high: str, low: str | None) -> tuple[str, Kind]:
        """Plan an aggregate and return the column that it will be in, and the kind of its value.

        Args:
            node: the aggregate.
            high: the column of the rows asked about that holds the upper edge of its window.
            low: that of the lower edge; None where it has none.
        """
        if node.kind not in _KINDS:
            raise _no_word(node)
        text, kind = self._write(node, high, low)
        return self.results.setdefault(text, f"{self.name}_{len(self.results)}"), kind

    def kind_of(self, value: Expr) -> Kind:
        """Return the kind of a value on the stream's rows."""
        return kind_in(value, self.relation.columns)

    def _write(self, node: Aggregate, high: str, low: str | None) -> tuple[str, Kind]:
        last = self._edge(high)
        if node.kind in ("last", "age"):
            self._check_ties()
            within = "" if low is None else f"{last}.h > q.{low}"
            if node.value is None:
                text, kind = f"q.{high} - {last}.h", "int"
            else:
                place = self.newest.setdefault(node.value, f"w{len(self.newest)}")
                text, kind = f"{last}.{place}", self.kind_of(node.value)
            return (f"case when {within} then {text} end" if within else text), kind
        assert low is not None
        if node.kind in ("min", "max"):
            assert node.value is not None
            if not self._dialect.ranges:
                fact = f"{self._dialect.name} has no window that reaches back by a time, which {render(node)} needs"
                raise ShipwayError("SW-403", fact, "build the frame with shipway run")
            place = (node.kind, self.measured.setdefault(node.value, f"y{len(self.measured)}"), node.width_us or 0)
            name = self.extrema.setdefault(place, f"m{len(self.extrema)}")
            return f"x.{name}", "float" if self.kind_of(node.value) == "float" else "int"
        first = self._edge(low)
        if node.kind in ("count", "around") or node.value is None:
            return self._known(self._difference(last, first, "n"), (high, low)), "int"
        if node.kind == "first":
            self._check_ties()
            place = self.oldest.setdefault(node.value, f"f{len(self.oldest)}")
            # The row after the step at the lower edge; where there is none, the first of all.
            text = f"case when {first}.n is null then {last}.{place} else {first}.{place}_next end"
            count = self._difference(last, first, "n")
            return f"case when {count} > 0 then {text} end", self.kind_of(node.value)
        place = self.sums.setdefault(node.value, f"v{len(self.sums)}")
        scaled = self.kind_of(node.value) == "float"
        total = self._difference(last, first, place)
        if node.kind == "sum":
            if scaled:
                return self._known(f"{self._dialect.cast('float', total)} / {SCALE!r}", (high, low)), "float"
            return self._known(total, (high, low)), "int"
        count = self._difference(last, first, f"{place}_n")
        total, divisor = self._dialect.cast("float", total), self._dialect.cast("float", count)
        divisor = f"({divisor} * {SCALE!r})" if scaled else divisor
        return f"case when {count} > 0 then {total} / {divisor} end", "float"

    def _check_ties(self) -> None:
        """Refuse a key of categories: a frame orders those as they were declared, SQL as texts."""
        columns = self.relation.columns
        for key in self.event.source.key:
            if isinstance(columns.dtype(key), pl.Categorical | pl.Enum):
                fact = f"what is newest goes by the key {columns.table}.{key}, which is {columns.dtype(key)}"
                raise ShipwayError("SW-403", fact, "make it text")

    def _edge(self, column: str) -> str:
        """Return what the step at an edge is called."""
        if column not in self.edges:
            self.edges.append(column)
        return f"e{self.edges.index(column)}"

    def _difference(self, last: str, first: str, place: str) -> str:
        return self._dialect.cast("int", f"coalesce({last}.{place}, 0) - coalesce({first}.{place}, 0)")

    def _known(self, text: str, edges: tuple[str, ...]) -> str:
        """Return a count or total, null for an entity or edge that is unknown."""
        asked = " and ".join(f"q.{column} is not null" for column in (*self.asked_keys, *edges))
        return f"case when {asked} then {text} end"

    def relations(self) -> dict[str, str]:
        """Return the stream's relations in the statement, by name, each on those before it and the rows asked about."""
        found = {f"{self.name}_rows": self._rows(), f"{self.name}_steps": self._steps()}
        if self.edges and not self._dialect.asof:
            found[f"{self.name}_walk"] = self._walk()
        if self.extrema:
            found[f"{self.name}_reach"] = self._reach()
        return found | {self.name: self._find()}

    @property
    def _dialect(self) -> Dialect:
        return self.relation.columns.dialect

    @property
    def _places(self) -> list[str]:
        return [f"k{place}" for place in range(len(self.keys))]

    def _rows(self) -> str:
        """Select the rows of the stream that happen, to somebody known."""
        columns, dialect = self.relation.columns, self.relation.columns.dialect
        instant = (
            _BEGINNING if self.event.known_at == ALWAYS else to_sql(Column(columns.table, self.event.known_at), columns)
        )
        wanted = {place: columns.plain(key) for place, key in zip(self._places, self.keys, strict=True)}
        wanted["h"] = instant
        wanted |= {f"o{place}": columns.plain(key) for place, key in enumerate(self.event.source.key)}
        for value, place in self.sums.items():
            text, kind = to_sql(value, columns), self.kind_of(value)
            units = dialect.whole.format(f"({text} / {to_sql(Constant(RESOLUTION), columns)})")
            wanted[f"x{place}"] = units if kind == "float" else cast_to("int", text, kind, dialect)
        wanted |= {place: to_sql(value, columns) for value, place in self.newest.items()}
        wanted |= {f"x{place}": to_sql(value, columns) for value, place in self.oldest.items()}
        for value, place in self.measured.items():
            text, kind = to_sql(value, columns), self.kind_of(value)
            # The two zeros are one.
            wanted[place] = f"({text} + 0.0)" if kind == "float" else cast_to("int", text, kind, dialect)
        there = [f"{wanted[place]} is not null" for place in self._places]
        if self.event.known_at != ALWAYS:
            there.append(f"{instant} is not null")
        if self.where is not None:
            there.append(to_sql(self.where, columns))
        where = f"\nwhere {' and '.join(there)}" if there else ""
        return f"select {_list(wanted)}\nfrom {self.relation.text}{where}"

    def _steps(self) -> str:
        """Add up the rows of each entity, and keep the newest of those that have one instant."""
        ties = [f"o{place}" for place in range(len(self.event.source.key))]
        window = f"{_partition(self._places)}order by {', '.join(['h', *ties])}"
        running = f"({window} rows between unbounded preceding and current row)"
        wanted = {place: place for place in [*self._places, "h"]}
        wanted["n"] = f"row_number() over ({window})"
        wanted["u"] = f"lead(h) over ({window})"
        for place in self.sums.values():
            wanted[place] = f"sum(x{place}) over {running}"
            wanted[f"{place}_n"] = f"count(x{place}) over {running}"
        wanted |= {place: place for place in self.newest.values()}
        for place in self.oldest.values():
            wanted[place] = f"first_value(x{place}) over {running}"
            wanted[f"{place}_next"] = f"lead(x{place}) over ({window})"
        kept = ", ".join(place for place in wanted if place != "u")
        return (
            f"select {kept}\nfrom (\nselect {_list(wanted)}\nfrom {self.name}_rows\n) as s\nwhere u is null or u <> h"
        )

    def _walk(self) -> str:
        """Walk steps and edges in one order, and write down at every edge the number of the last step seen."""
        keys = "".join(f"{place}, " for place in self._places)
        # At one instant the step comes first: what is known at T is known by T.
        parts = [f"select {keys}h, n, -1 as e, {self._dialect.cast('int', 'null')} as r\nfrom {self.name}_steps"]
        for place, column in enumerate(self.edges):
            asked = "".join(f"{key}, " for key in self.asked_keys)
            there = " and ".join(f"{name} is not null" for name in (*self.asked_keys, column))
            parts.append(f"select {asked}{column}, null, {place}, r\nfrom asked\nwhere {there}")
        order = f"{_partition(self._places)}order by h, e rows between unbounded preceding and current row"
        walked = f"select r, e, max(n) over ({order}) as n\nfrom (\n" + "\nunion all\n".join(parts) + "\n) as w"
        found = ", ".join(f"max(case when e = {place} then n end) as n{place}" for place in range(len(self.edges)))
        return f"select r, {found}\nfrom (\n{walked}\n) as w\nwhere e >= 0\ngroup by r"

    def _reach(self) -> str:
        """Find extrema over ranges of instants that end at the rows asked about; instants are whole, so (T - W, T]."""
        values = self.measured.values()
        keys = "".join(f"{place}, " for place in self._places)
        nothing = ", ".join(f"null as {place}" for place in values)
        there = " and ".join(f"{name} is not null" for name in self.asked_keys)
        asked = "".join(f"{key}, " for key in self.asked_keys)
        rows = f"select {keys}h, {self._dialect.cast('int', 'null')} as r, {', '.join(values)}\nfrom {self.name}_rows"
        rows += f"\nunion all\nselect {asked}{ASKED}, r, {nothing}\nfrom asked{f' where {there}' if there else ''}"
        wanted = {"r": "r"}
        for (kind, value, width), place in self.extrema.items():
            reach = f"range between {width - 1} preceding and current row"
            wanted[place] = f"{kind}({value}) over ({_partition(self._places)}order by h {reach})"
        return f"select *\nfrom (\nselect {_list(wanted)}\nfrom (\n{rows}\n) as w\n) as w\nwhere r is not null"

    def _find(self) -> str:
        """Join the steps at all edges to the rows asked about, and calculate what is wanted of them."""
        steps, joins = f"{self.name}_steps", list[str]()
        if self.edges and not self._dialect.asof:
            joins.append(f"left join {self.name}_walk as p on p.r = q.r")
        for place, column in enumerate(self.edges):
            step = f"e{place}"
            same = [f"{step}.{key} = q.{asked}" for key, asked in zip(self._places, self.asked_keys, strict=True)]
            match self._dialect.asof:
                case "on":
                    on = " and ".join([*same, f"{step}.h <= q.{column}"])
                    joins.append(f"asof left join {steps} as {step} on {on}")
                case "match":
                    on = f" on {' and '.join(same)}" if same else ""
                    joins.append(f"asof join {steps} as {step} match_condition (q.{column} >= {step}.h){on}")
                case _:
                    joins.append(f"left join {steps} as {step} on {' and '.join([*same, f'{step}.n = p.n{place}'])}")
        if self.extrema:
            joins.append(f"left join {self.name}_reach as x on x.r = q.r")
        wanted = {"r": "q.r"} | {self._dialect.write_name(name): text for text, name in self.results.items()}
        return "\n".join([f"select {_list(wanted)}", "from asked as q", *joins])


def _partition(keys: list[str]) -> str:
    return f"partition by {', '.join(keys)} " if keys else ""


def _list(wanted: dict[str, str]) -> str:
    return ",\n  ".join(text if text == name else f"{text} as {name}" for name, text in wanted.items())


def _no_word(node: Aggregate) -> ShipwayError:
    fact = f"{render(node)} is no window that can be had in SQL yet"
    return ShipwayError("SW-403", fact, "build the frame with shipway run")
