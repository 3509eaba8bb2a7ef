"""How many different values windows hold, in a warehouse: each is there from its event until the next or the end.

An event's value is there at T if the event is in the window and no later event of the same value is known by then, so
an event counts from its instant on until the next of its value, or until the window has left it, whichever comes first.
Beginnings less ends, in the order of time, are the number of different values.
"""

from dataclasses import dataclass, field
from typing import Final

from shipway.data.warehouse.steps import Steps, partition, write_columns
from shipway.data.warehouse.stream import ASKED

_BEGIN: Final = -1


@dataclass(slots=True)
class Presences:
    """Numbers of different values of a stream for one entity.

    Attributes:
        name: what the last of its relations is called.
        steps: whose rows they are of.
        column: the column of the rows that says which value it is.
        wanted: the width of a window to the column that its number will be in.
    """

    name: str
    steps: Steps
    column: str
    wanted: dict[int, str] = field(default_factory=dict[int, str])

    def want(self, width_us: int) -> str:
        """Return the column that holds the number of values in a window of a width."""
        return self.wanted.setdefault(width_us, f"d{len(self.wanted)}")

    def relations(self) -> dict[str, str]:
        """Return where each value begins, and the walk over beginnings, ends and the rows asked about."""
        steps, spans = self.steps, f"{self.name}_spans"
        keys, asked = ("".join(f"{key}, " for key in each) for each in (steps.keys, steps.asked_keys))
        same = partition((*steps.keys, self.column))
        begun = (
            f"select {keys}h, lead(h) over ({same}order by h) as u\nfrom {steps.rows}\nwhere {self.column} is not null"
        )
        nobody = steps.dialect.cast("int", "null")
        walked = [f"select {keys}h, {_BEGIN} as e, {nobody} as r\nfrom {spans}"]
        for place, width in enumerate(self.wanted):
            end = f"case when u <= h + {width} then u else h + {width} end"
            walked.append(f"select {keys}{end}, {place}, null\nfrom {spans}")
        there = " and ".join(f"{name} is not null" for name in (*steps.asked_keys, ASKED))
        # At one instant the rows asked about come last: what is known at T is known by T, and what T - W held is gone.
        walked.append(f"select {asked}{ASKED}, {len(self.wanted)}, r\nfrom asked\nwhere {there}")
        running = f"({partition(steps.keys)}order by h, e rows between unbounded preceding and current row)"
        counts = {"r": "r"}
        for place, column in enumerate(self.wanted.values()):
            counts[column] = f"sum(case when e = {_BEGIN} then 1 when e = {place} then -1 else 0 end) over {running}"
        union = "\nunion all\n".join(walked)
        walk = f"select {write_columns(counts)}\nfrom (\n{union}\n) as w"
        found = ", ".join(f"{steps.dialect.cast('int', column)} as {column}" for column in self.wanted.values())
        return {spans: begun, self.name: f"select r, {found}\nfrom (\n{walk}\n) as w\nwhere r is not null"}
