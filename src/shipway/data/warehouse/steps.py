"""Steps: the rows of a stream added up for each entity, one an instant, and how they are found at edges of windows.

A step has running counts and totals up to and with its instant and the values of its newest row. A window is the
difference of the steps at its two edges, so one pass over a stream serves all its windows. Which step stands at an edge
is found by an as-of join where the SQL has one, and elsewhere by walking the steps and the edges in one order.
"""

from dataclasses import dataclass, field

from shipway.data.warehouse.dialect import Dialect


@dataclass(slots=True)
class Steps:
    """What a statement says of the steps of some rows.

    Attributes:
        name: what the relations are called after.
        rows: the relation of the rows.
        keys: its columns that are the same in the rows of one entity.
        ties: its columns that order the rows of one instant.
        asked: the relation of the rows asked about.
        asked_keys: its columns that hold the keys, null where unknown.
        letter: what the steps at edges are called after.
        dialect: the SQL that is spoken.
        columns: what is kept of each step, in SQL over its rows, to the column that it is in.
        edges: columns of the rows asked about that hold keys and an edge of a window, in order.
    """

    name: str
    rows: str
    keys: tuple[str, ...]
    ties: tuple[str, ...]
    asked: str
    asked_keys: tuple[str, ...]
    letter: str
    dialect: Dialect
    columns: dict[str, str] = field(default_factory=dict[str, str])
    edges: list[tuple[tuple[str, ...], str]] = field(default_factory=list[tuple[tuple[str, ...], str]])

    def total(self, number: str) -> str:
        """Return the column of the running total of a column, or of something else said of a row."""
        return self._keep(f"sum({number}) over {self._running}")

    def count(self, value: str) -> str:
        """Return the column of the running count of what is not null."""
        return self._keep(f"count({value}) over {self._running}")

    def newest(self, column: str) -> str:
        """Return the column of the newest row's value."""
        return self._keep(column)

    def first(self, column: str) -> str:
        """Return the column of the value of the entity's first row."""
        return self._keep(f"first_value({column}) over {self._running}")

    def next(self, column: str) -> str:
        """Return the column of the value of the row after the step."""
        return self._keep(f"lead({column}) over ({self._window})")

    def edge(self, column: str, *more: str) -> str:
        """Return what the step at an edge is called.

        Args:
            column: the column of the rows asked about that holds the edge.
            more: columns of theirs that hold further keys.
        """
        place = ((*self.asked_keys, *more), column)
        if place not in self.edges:
            self.edges.append(place)
        return f"{self.letter}{self.edges.index(place)}"

    def relations(self) -> dict[str, str]:
        """Return what stands in the statement before the rows asked about are joined."""
        found = {f"{self.name}_steps": self._write()}
        if self.edges and not self.dialect.asof:
            found[f"{self.name}_walk"] = self._walk()
        return found

    def joins(self) -> list[str]:
        """Return the joins of the steps at all edges to the rows asked about, which are called `q`."""
        steps, walk, joins = f"{self.name}_steps", f"{self.letter}w", list[str]()
        if self.edges and not self.dialect.asof:
            joins.append(f"left join {self.name}_walk as {walk} on {walk}.r = q.r")
        for place, (keys, column) in enumerate(self.edges):
            step = f"{self.letter}{place}"
            same = [f"{step}.{key} = q.{asked}" for key, asked in zip(self.keys, keys, strict=True)]
            match self.dialect.asof:
                case "on":
                    on = " and ".join([*same, f"{step}.h <= q.{column}"])
                    joins.append(f"asof left join {steps} as {step} on {on}")
                case "match":
                    on = f" on {' and '.join(same)}" if same else ""
                    joins.append(f"asof join {steps} as {step} match_condition (q.{column} >= {step}.h){on}")
                case _:
                    on = " and ".join([*same, f"{step}.n = {walk}.n{place}"])
                    joins.append(f"left join {steps} as {step} on {on}")
        return joins

    @property
    def _window(self) -> str:
        return f"{partition(self.keys)}order by {', '.join(['h', *self.ties])}"

    @property
    def _running(self) -> str:
        return f"({self._window} rows between unbounded preceding and current row)"

    def _keep(self, text: str) -> str:
        return self.columns.setdefault(text, f"v{len(self.columns)}")

    def _write(self) -> str:
        """Add up the rows of each entity, and keep the newest of those that have one instant."""
        wanted = {place: place for place in [*self.keys, "h"]}
        wanted["n"] = f"row_number() over ({self._window})"
        wanted["u"] = f"lead(h) over ({self._window})"
        wanted |= {name: text for text, name in self.columns.items()}
        kept = ", ".join(place for place in wanted if place != "u")
        rows = f"select {write_columns(wanted)}\nfrom {self.rows}"
        return f"select {kept}\nfrom (\n{rows}\n) as s\nwhere u is null or u <> h"

    def _walk(self) -> str:
        """Walk steps and edges in one order, and write down at every edge the number of the last step seen."""
        keys = "".join(f"{place}, " for place in self.keys)
        # At one instant the step comes first: what is known at T is known by T.
        parts = [f"select {keys}h, n, -1 as e, {self.dialect.cast('int', 'null')} as r\nfrom {self.name}_steps"]
        for place, (asked_keys, column) in enumerate(self.edges):
            asked = "".join(f"{key}, " for key in asked_keys)
            there = " and ".join(f"{name} is not null" for name in (*asked_keys, column))
            parts.append(f"select {asked}{column}, null, {place}, r\nfrom {self.asked}\nwhere {there}")
        order = f"{partition(self.keys)}order by h, e rows between unbounded preceding and current row"
        walked = f"select r, e, max(n) over ({order}) as n\nfrom (\n" + "\nunion all\n".join(parts) + "\n) as w"
        found = ", ".join(f"max(case when e = {place} then n end) as n{place}" for place in range(len(self.edges)))
        return f"select r, {found}\nfrom (\n{walked}\n) as w\nwhere e >= 0\ngroup by r"


def partition(keys: tuple[str, ...]) -> str:
    """Return what cuts a window function by entity."""
    return f"partition by {', '.join(keys)} " if keys else ""


def write_columns(wanted: dict[str, str]) -> str:
    """Return columns as a select lists them, given their texts by name."""
    return ",\n  ".join(text if text == name else f"{text} as {name}" for name, text in wanted.items())
