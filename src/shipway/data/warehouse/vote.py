"""The most common values of windows in a warehouse, whatever the number of values and of events in a window.

How often a value occurs in a window that ends at T changes only when an event enters it and when one leaves it, so each
count of each value stands for a run of the rows asked about, put in the order of their entities and instants. What is
looked for is, for each row, the greatest count of the runs that it is in. Each run is cut into the blocks of powers of
two that fill it, at most two of a size; a block keeps the greatest of its counts; and a row looks at the blocks that it
is in, one of each size (a segment tree: de Berg et al. 2008, "Computational Geometry", section 10.3).
"""

from dataclasses import dataclass, field
from typing import Final

from shipway.data.warehouse.steps import Steps, partition
from shipway.data.warehouse.stream import ASKED
from shipway.maths.bins import MOST

SIZES: Final = "sizes"
"""The relation of the sizes of blocks."""
_LEVELS: Final = 40
"""How many sizes there are at most: 2^39 rows are not asked about at once."""
_CODES: Final = 64
"""More than there are sizes: a block's number and its size make one whole number."""


def write_sizes() -> str:
    """Return the relation of the sizes of blocks that some run of the rows asked about could fill."""
    sizes = "\nunion all\n".join(f"select {level} as i, {1 << level} as size" for level in range(_LEVELS))
    return f"select i, size\nfrom (\n{sizes}\n) as w\nwhere size <= (select count(*) from asked)"


@dataclass(slots=True)
class Votes:
    """The most common values of a stream for one entity, in windows of one width.

    Attributes:
        name: what the last of its relations is called.
        steps: whose rows they are of.
        column: the column of the rows that says which value it is.
        width_us: the width.
        wanted: the place, from 1, to the column that the value there will be in, as a count and what is less for later
            values.
    """

    name: str
    steps: Steps
    column: str
    width_us: int
    wanted: dict[int, str] = field(default_factory=dict[int, str])

    def want(self, place: int) -> str:
        """Return the column that holds what is most common, next most, and so on; null where fewer values occur."""
        return self.wanted.setdefault(place, f"m{place}")

    def relations(self) -> dict[str, str]:
        """Return the changes of counts, their runs, the blocks of those, and what each row asked about finds."""
        names = {each: f"{self.name}_{each}" for each in ("changes", "walk", "runs", "blocks")}
        return {
            names["changes"]: self._changes(),
            names["walk"]: self._walk(names["changes"]),
            names["runs"]: self._runs(names["walk"]),
            names["blocks"]: self._blocks(names["runs"]),
            self.name: self._find(names["walk"], names["blocks"]),
        }

    def _keys(self, more: str = "") -> str:
        return "".join(f"{key}, " for key in self.steps.keys) + more

    def _changes(self) -> str:
        """Return by how much the count of a value changes at an instant, where it does."""
        rows = f"from {self.steps.rows}\nwhere {self.column} is not null"
        entered = f"select {self._keys()}{self.column} as b, h, 1 as d\n{rows}"
        left = f"select {self._keys()}{self.column}, h + {self.width_us}, -1\n{rows}"
        summed = self.steps.dialect.cast("int", "sum(d)")
        return (
            f"select {self._keys('b, h')}, {summed} as d\nfrom (\n{entered}\nunion all\n{left}\n) as w\n"
            f"group by {self._keys('b, h')}\nhaving sum(d) <> 0"
        )

    def _walk(self, changes: str) -> str:
        """Walk changes and rows asked about in one order, and count the rows; those of one instant come last."""
        steps = self.steps
        nothing = steps.dialect.cast("int", "null")
        asked = "".join(f"{key}, " for key in steps.asked_keys)
        there = " and ".join(f"{name} is not null" for name in (*steps.asked_keys, ASKED))
        rows = f"select {asked}null, {ASKED}, null, 1, r\nfrom asked\nwhere {there}"
        union = f"select {self._keys('b, h, d')}, 0 as e, {nothing} as r\nfrom {changes}\nunion all\n{rows}"
        order = f"(order by {self._keys('h, e')} rows between unbounded preceding and current row)"
        return f"select {self._keys('b, h, d, r')}, count(r) over {order} as a\nfrom (\n{union}\n) as w"

    def _runs(self, walk: str) -> str:
        """Return the rows asked about, from one up to before another, for which a count of a value stands."""
        of_value = f"{partition((*self.steps.keys, 'b'))}order by h"
        total = f"sum(d) over ({of_value} rows between unbounded preceding and current row)"
        # To the last row of the entity, where nothing changes any more.
        last = f"max(a) over ({partition(self.steps.keys)})".replace(" )", ")")
        runs = f"select b, r, a, {total} as n, lead(a) over ({of_value}) as z, {last} as y\nfrom {walk}"
        best = self.steps.dialect.cast("int", f"n * {MOST} + {MOST - 1} - b")
        some = f"select {best} as m, a, coalesce(z, y) as z\nfrom (\n{runs}\n) as w\nwhere r is null and n > 0"
        return f"select m, a, z\nfrom (\n{some}\n) as w\nwhere a < z"

    def _blocks(self, runs: str) -> str:
        """Return the blocks that fill runs with the greatest counts of each, one for each place wanted and before."""
        divide, modulo = self.steps.dialect.divide, self.steps.dialect.modulo
        first, past = divide.format("(a + size - 1)", "size"), divide.format("z", "size")
        cut = f"select i, m, s, {first} as f, {past} as p\nfrom {runs}\ncross join {SIZES}\n"
        cut += "cross join (select 0 as s union all select 1) as sides\nwhere size <= z - a"
        # The first block of a size belongs to the run's beginning if its number is odd, and the one past the last is.
        odd = f"{modulo.format('(case when s = 0 then f else p end)', '2')} = 1"
        block = f"(case when s = 0 then f else p - 1 end) * {_CODES} + i"
        some = f"select {block} as k, m\nfrom (\n{cut}\n) as w\nwhere f < p and {odd}"
        return self._best("k", some)

    def _find(self, walk: str, blocks: str) -> str:
        """Return the greatest counts that each row asked about finds in its blocks."""
        block = f"({self.steps.dialect.divide.format('(q.a - 1)', 'size')}) * {_CODES} + i"
        some = f"select q.r as r, k.m as m\nfrom {walk} as q\ncross join {SIZES}\njoin {blocks} as k on k.k = {block}\n"
        some += "where q.r is not null"
        if max(self.wanted) == 1:
            return f"select r, max(m) as {self.wanted[1]}\nfrom (\n{some}\n) as w\ngroup by r"
        ranked = f"select r, m, row_number() over (partition by r order by m desc) as n\nfrom (\n{some}\n) as w"
        best = ", ".join(f"max(case when n = {place} then m end) as {name}" for place, name in self.wanted.items())
        return f"select r, {best}\nfrom (\n{ranked}\n) as w\ngroup by r"

    def _best(self, key: str, some: str) -> str:
        most = max(self.wanted)
        if most == 1:
            return f"select {key}, max(m) as m\nfrom (\n{some}\n) as w\ngroup by {key}"
        ranked = f"select {key}, m, row_number() over (partition by {key} order by m desc) as n\nfrom (\n{some}\n) as w"
        return f"select {key}, m\nfrom (\n{ranked}\n) as w\nwhere n <= {most}"
