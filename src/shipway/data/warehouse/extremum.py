"""The least and the greatest value of windows in a warehouse, over ranges of instants."""

from dataclasses import dataclass, field

from shipway.data.warehouse.steps import Steps, partition, write_columns
from shipway.data.warehouse.stream import ASKED


@dataclass(slots=True)
class Extrema:
    """Extrema of a stream for one entity.

    Attributes:
        name: what its relation is called.
        steps: whose rows they are of.
        wanted: word, column of the rows and width to the column that it will be in.
    """

    name: str
    steps: Steps
    wanted: dict[tuple[str, str, int], str] = field(default_factory=dict[tuple[str, str, int], str])

    def want(self, word: str, column: str, width_us: int) -> str:
        """Return the column that holds an extremum."""
        return self.wanted.setdefault((word, column, width_us), f"m{len(self.wanted)}")

    def relations(self) -> dict[str, str]:
        """Return ranges of instants that end at the rows asked about; instants are whole, so (T - W, T]."""
        steps = self.steps
        values = list(dict.fromkeys(column for _, column, _ in self.wanted))
        keys = "".join(f"{place}, " for place in steps.keys)
        nothing = ", ".join(f"null as {place}" for place in values)
        there = " and ".join(f"{name} is not null" for name in steps.asked_keys)
        asked = "".join(f"{key}, " for key in steps.asked_keys)
        rows = f"select {keys}h, {steps.dialect.cast('int', 'null')} as r, {', '.join(values)}\nfrom {steps.rows}"
        rows += f"\nunion all\nselect {asked}{ASKED}, r, {nothing}\nfrom asked{f' where {there}' if there else ''}"
        wanted = {"r": "r"}
        for (word, value, width), place in self.wanted.items():
            reach = f"range between {width - 1} preceding and current row"
            wanted[place] = f"{word}({value}) over ({partition(steps.keys)}order by h {reach})"
        text = f"select *\nfrom (\nselect {write_columns(wanted)}\nfrom (\n{rows}\n) as w\n) as w\nwhere r is not null"
        return {self.name: text}
