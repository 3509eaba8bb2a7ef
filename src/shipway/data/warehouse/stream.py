"""One stream of one entity in a warehouse: what is read of its rows, and what every row of a spine finds of them.

The rows become steps (`shipway.data.warehouse.steps`). What is found at the edges of windows goes through layers of
columns until it is what was asked for.
"""

from dataclasses import dataclass, field
from typing import Final, Protocol

import polars as pl

from shipway.core.error import ShipwayError
from shipway.core.feature import ALWAYS, Event, Expr
from shipway.core.online import RESOLUTION
from shipway.data.warehouse.dialect import Dialect
from shipway.data.warehouse.layer import Layers
from shipway.data.warehouse.scan import Relation
from shipway.data.warehouse.steps import Steps, write_columns
from shipway.data.warehouse.translation import Columns, cast_to, kind_in, to_sql, write_constant
from shipway.maths.expression import Column
from shipway.maths.vector import Kind

ASKED: Final = "q0"
"""The column of the rows asked about that holds when they are asked about."""

_BEGINNING: Final = str(-(2**63))


@dataclass(frozen=True, slots=True)
class Window:
    """A window in the rows asked about.

    Attributes:
        high: the column that holds its upper edge.
        low: that of the lower edge; None where it has none.
        fading: the relation that says what a sum has faded to by then; empty for other windows.
    """

    high: str
    low: str | None
    fading: str = ""


class Part(Protocol):
    """Something about a stream that takes relations of its own, the last with a row for those asked about.

    Attributes:
        name: what that relation is called.
    """

    name: str

    def relations(self) -> dict[str, str]:
        """Return the relations by name, each on those before it."""
        ...


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
        rows: what is read of a row.
        steps: its rows added up.
        found: what a row asked about finds of the steps and of the parts.
        fine: steps that are looked up with what was found.
        later: what is found of those.
        parts: what else is said of the rows, by a name for it.
        results: what was asked for, in SQL on what is found, to the column that it will be in.
    """

    name: str
    event: Event
    keys: tuple[str, ...]
    where: Expr | None
    relation: Relation
    asked_keys: tuple[str, ...]
    rows: Layers = field(init=False)
    steps: Steps = field(init=False)
    found: Layers = field(init=False)
    fine: dict[str, Steps] = field(default_factory=dict[str, Steps])
    later: Layers = field(init=False)
    parts: dict[str, Part] = field(default_factory=dict[str, Part])
    results: dict[str, str] = field(default_factory=dict[str, str])
    _fading: set[str] = field(default_factory=set[str])

    def __post_init__(self) -> None:
        fence = self.dialect.fence
        self.rows, self.found, self.later = Layers("x", fence), Layers("d", fence), Layers("g", fence)
        self.steps = self.make_steps(self.name, "asked", "e")

    @property
    def dialect(self) -> Dialect:
        """Return the SQL that is spoken."""
        return self.relation.columns.dialect

    @property
    def columns(self) -> Columns:
        """Return the columns of the stream's source."""
        return self.relation.columns

    @property
    def places(self) -> tuple[str, ...]:
        """Return the columns of the stream's rows that hold its keys."""
        return tuple(f"k{place}" for place in range(len(self.keys)))

    def make_steps(self, name: str, asked: str, letter: str, *keys: str) -> Steps:
        """Return steps of the stream's rows, of each entity or of what further columns tell apart."""
        ties = tuple(f"o{place}" for place in range(len(self.event.source.key)))
        return Steps(
            name, f"{self.name}_rows", (*self.places, *keys), ties, asked, self.asked_keys, letter, self.dialect
        )

    def kind_of(self, value: Expr) -> Kind:
        """Return the kind of a value on the stream's rows."""
        return kind_in(value, self.columns)

    def value(self, value: Expr) -> str:
        """Return the column of the rows that holds a value."""
        return self.rows.base(to_sql(value, self.columns))

    def number(self, value: Expr) -> tuple[str, bool]:
        """Return the column of the rows that holds a value as whole numbers, and whether those are millionths."""
        text, kind = to_sql(value, self.columns), self.kind_of(value)
        if kind != "float":
            return self.rows.base(cast_to("int", text, kind, self.dialect)), False
        return self.rows.base(self.dialect.whole.format(f"({text} / {write_constant(RESOLUTION, self.dialect)})")), True

    def difference(self, window: Window, place: str, kind: str = "int") -> str:
        """Return the column that holds what a running total grew by in a window."""
        assert window.low is not None
        last, first = self.steps.edge(window.high), self.steps.edge(window.low)
        text = f"coalesce({last}.{place}, 0) - coalesce({first}.{place}, 0)"
        return self.found.base(self.dialect.cast(kind, text))

    def known(self, text: str, window: Window) -> str:
        """Return a count or total, null for an entity or edge that is unknown."""
        edges = [edge for edge in (window.high, window.low) if edge is not None]
        asked = " and ".join(f"{column} is not null" for column in (*self.asked_keys, *edges))
        return f"case when {asked} then {text} end"

    def part(self, what: str, part: Part) -> Part:
        """Return what is said of the rows under a name, the given part if there is none."""
        return self.parts.setdefault(what, part)

    def fading(self, relation: str, column: str) -> str:
        """Return a column of what is said of fading sums when a row is asked about."""
        self._fading.add(relation)
        return self.found.base(f"{relation}.{column}")

    def check_ties(self) -> None:
        """Refuse a key of categories: a frame orders those as they were declared, SQL as texts."""
        for key in self.event.source.key:
            if isinstance(self.columns.dtype(key), pl.Categorical | pl.Enum):
                fact = f"what is newest goes by the key {self.columns.table}.{key}, which is {self.columns.dtype(key)}"
                raise ShipwayError("SW-403", fact, "make it text")

    def result(self, text: str) -> str:
        """Return the column of the stream's last relation that holds what was asked for."""
        return self.results.setdefault(text, f"{self.name}_{len(self.results)}")

    def relations(self) -> dict[str, str]:
        """Return the stream's relations in the statement, by name, each on those before it and the rows asked about."""
        found = self.steps.relations()
        for part in self.parts.values():
            found |= part.relations()
        text = self._find()
        if self.fine:
            found[f"{self.name}_found"] = text
            for steps in self.fine.values():
                found |= steps.relations()
            text = self._refine()
        wanted = {"r": "r"} | {self.dialect.write_name(name): text for text, name in self.results.items()}
        read = self.rows.read_in(found.values())
        return {
            f"{self.name}_rows": self._rows(read),
            **found,
            self.name: f"select {write_columns(wanted)}\nfrom (\n{text}\n) as w",
        }

    def _rows(self, read: list[str]) -> str:
        """Select the rows of the stream that happen, to somebody known, with the columns that are read of them."""
        columns = self.columns
        instant = (
            _BEGINNING if self.event.known_at == ALWAYS else to_sql(Column(columns.table, self.event.known_at), columns)
        )
        wanted = {place: columns.plain(key) for place, key in zip(self.places, self.keys, strict=True)}
        wanted["h"] = instant
        wanted |= {f"o{place}": columns.plain(key) for place, key in enumerate(self.event.source.key)}
        there = [f"{wanted[place]} is not null" for place in self.places]
        if self.event.known_at != ALWAYS:
            there.append(f"{instant} is not null")
        if self.where is not None:
            there.append(to_sql(self.where, columns))
        where = f"\nwhere {' and '.join(there)}" if there else ""
        base = f"select {write_columns(wanted | self.rows.columns)}\nfrom {self.relation.text}{where}"
        text = self.rows.stack(base)
        # What was only calculated with would lie in memory for as long as the statement runs.
        return text if text == base else f"select {', '.join([*wanted, *read])}\nfrom (\n{text}\n) as w"

    def _find(self) -> str:
        """Join the steps at all edges and the parts to the rows asked about, and calculate with what is found."""
        names = [part.name for part in self.parts.values()] + sorted(self._fading)
        joins = [*self.steps.joins(), *(f"left join {name} on {name}.r = q.r" for name in names)]
        found = "".join(f",\n  {text} as {name}" for name, text in self.found.columns.items())
        return self.found.stack("\n".join([f"select q.*{found}", "from asked as q", *joins]))

    def _refine(self) -> str:
        """Join the steps that are looked up with what was found."""
        joins = [join for steps in self.fine.values() for join in steps.joins()]
        found = "".join(f",\n  {text} as {name}" for name, text in self.later.columns.items())
        return self.later.stack("\n".join([f"select q.*{found}", f"from {self.name}_found as q", *joins]))
