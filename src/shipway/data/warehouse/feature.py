"""A frame as one statement in SQL: the rows of a spine, each with its features as they were known at its instant.

The statement gives the bits that `shipway.data.frame.build_frame` gives: sums are whole numbers, and what is made of
them afterwards is the same arithmetic in the same order. What a dialect cannot do exactly is refused by name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from shipway.core.error import ShipwayError
from shipway.core.feature import ALWAYS, Entity, Expr, Source, definition_of, entity_of
from shipway.data.plan import AT, LABEL, LABEL_KNOWN_AT, Plan, PlannedColumn
from shipway.data.stream import Place
from shipway.data.warehouse.aggregate import aggregate
from shipway.data.warehouse.dialect import Dialect
from shipway.data.warehouse.fading import lower_edge, write_fading
from shipway.data.warehouse.scan import Relation
from shipway.data.warehouse.stream import ASKED, Stream, Window
from shipway.data.warehouse.translation import ROW, Columns, kind_in, to_sql
from shipway.data.warehouse.vote import SIZES, Votes, write_sizes
from shipway.maths.embedding import length_of
from shipway.maths.expression import Aggregate, Column, Feature, Operation
from shipway.maths.vector import Kind

_FRAME: Final = "the frame"
_DTYPES: Final[dict[Kind, pl.DataType]] = {
    "int": pl.Int64(),
    "float": pl.Float64(),
    "bool": pl.Boolean(),
    "text": pl.String(),
}


def write_frame(plan: Plan, relations: Callable[[str], Relation], dialect: Dialect) -> str:
    """Return the statement that gives a frame: the columns of `build_frame`, rows in the order of the spine's key.

    A table in a warehouse has no order, so the key makes one; rows with equal keys are kept, in any order.

    Args:
        plan: which columns over which rows.
        relations: gives the rows of a source by its name.
        dialect: the SQL that is spoken.

    Raises:
        ShipwayError: SW-202 for a column that a table lacks, SW-203 for one of the wrong type, SW-403 for features that
            the warehouse cannot compute exactly, naming every one.
    """
    writer = _Writer(plan, relations, dialect)
    features: dict[str, str] = {}
    refused: list[ShipwayError] = []
    for column in plan.columns:
        try:
            features[column.name] = writer.feature(column)
        except ShipwayError as refusal:
            if refusal.code != "SW-403":
                raise
            refused.append(ShipwayError("SW-403", f"{column.name}: {refusal.fact}", refusal.hint))
    if refused:
        count = f"{len(refused)} feature{'s are' if len(refused) > 1 else ' is'} not to be had in {dialect.name}"
        raise ShipwayError("SW-403", f"{count}: {'; '.join(each.fact for each in refused)}", refused[0].hint)
    return writer.write(features)


def instant_in(expr: Expr, columns: Columns) -> str:
    """Return an instant of a row in whole microseconds since 1970 UTC, as SQL."""
    text = to_sql(expr, columns)
    return columns.dialect.whole.format(text) if kind_in(expr, columns) == "float" else text


def known_instant(source: Source, instant: str, relations: Callable[[str], Relation]) -> str:
    """Return when a row of a source is known, the least whole number for one that always is, as SQL."""
    if instant == ALWAYS:
        return relations(source.name).columns.dialect.cast("int", str(-(2**63)))
    return to_sql(Column(source.name, instant), relations(source.name).columns)


@dataclass(slots=True)
class _Writer:
    """The statement as it grows: what the rows asked about hold, and the streams they read."""

    plan: Plan
    relations: Callable[[str], Relation]
    dialect: Dialect
    asked: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    streams: dict[Place, Stream] = field(default_factory=dict[Place, Stream])
    fading: dict[int, str] = field(default_factory=dict[int, str])
    kinds: dict[str, pl.DataType] = field(default_factory=dict[str, pl.DataType])

    def __post_init__(self) -> None:
        self._ask("q", instant_in(self.plan.at, self.spine))

    @property
    def spine(self) -> Columns:
        """Return the columns of the rows asked about."""
        return self.relations(self.plan.spine.name).columns

    def feature(self, column: PlannedColumn) -> str:
        """Return a feature as SQL on what was found for a row."""
        expr = self._settle(column.expr, column.entity)
        return to_sql(expr, Columns(_FRAME, self.kinds, self.dialect))

    def _settle(self, expr: Expr, entity: Entity | None) -> Expr:
        """Put columns of what was found in the places of windows and of the row's own columns."""
        match expr:
            case Operation():
                return Operation(expr.op, tuple(self._settle(arg, entity) for arg in expr.args))
            case Column():
                return self._found(self._own(expr), kind_in(expr, self.spine))
            case Aggregate():
                assert entity is not None
                return self._found(*self._aggregate(expr, entity))
            case Feature():
                return self._settle(definition_of(expr), entity_of(expr))
            case _:
                return expr

    def _found(self, name: str, kind: Kind) -> Column:
        length = length_of(kind)
        self.kinds[name] = _DTYPES[kind] if length is None else pl.Array(pl.Float32, length)
        return Column(_FRAME, name)

    def _own(self, column: Column) -> str:
        """Return a column of the row itself, null until it is known."""
        # It is read by its name in quotes, as any column is.
        return self._ask("c", self._when_known(column.name, to_sql(column, self.spine)))

    def _aggregate(self, node: Aggregate, entity: Entity) -> tuple[str, Kind]:
        stream = self._stream(node, entity)
        if node.anchor is not None:
            middle = instant_in(node.anchor, self.spine)
            high = self._ask("q", f"{middle} + {node.after_us}")
            return aggregate(stream, node, Window(high, self._ask("q", f"{middle} - {node.width_us or 0}")))
        at = instant_in(self.plan.at, self.spine)
        if node.width_us is None:
            return aggregate(stream, node, Window(ASKED, None))
        if node.kind == "decayed":
            low = self._ask("q", lower_edge(at, node.width_us, self.dialect))
            relation = self.fading.setdefault(node.width_us, f"fading{len(self.fading)}")
            return aggregate(stream, node, Window(ASKED, low, relation))
        return aggregate(stream, node, Window(ASKED, self._ask("q", f"{at} - {node.width_us}")))

    def _stream(self, node: Aggregate, entity: Entity) -> Stream:
        place = (node.stream, entity.keys, node.where)
        if place not in self.streams:
            event = self.plan.events[node.stream]
            keys = [self._ask("k", self._when_known(key, self.spine.plain(key))) for key in entity.keys]
            relation = self.relations(event.source.name)
            self.streams[place] = Stream(f"s{len(self.streams)}", event, entity.keys, node.where, relation, tuple(keys))
        return self.streams[place]

    def _when_known(self, column: str, text: str) -> str:
        instant = self.plan.spine.instant_of(column)
        if instant is None or instant == ALWAYS:
            return text
        known = to_sql(Column(self.plan.spine.name, instant), self.spine)
        return f"case when {known} <= {instant_in(self.plan.at, self.spine)} then {text} end"

    def _ask(self, kind: str, text: str) -> str:
        """Return the column of the rows asked about that holds something."""
        name = f"{kind}{sum(other == kind for other, _ in self.asked)}"
        return self.asked.setdefault((kind, text), name)

    def write(self, features: Mapping[str, str]) -> str:
        """Return the whole statement."""
        shown = {self._ask("i", self.spine.name(key)): key for key in self.plan.spine.key}
        wanted = {key: f"{ROW}.{place}" for place, key in shown.items()}
        wanted[AT] = self.dialect.instant.format(f"{ROW}.{ASKED}")
        wanted |= features
        if self.plan.label is not None:
            wanted |= self._label()
        parts = {"asked": self._rows()}
        if any(isinstance(part, Votes) for stream in self.streams.values() for part in stream.parts.values()):
            parts[SIZES] = write_sizes()
        parts |= {name: write_fading(half_us, ASKED, self.dialect) for half_us, name in self.fading.items()}
        for stream in self.streams.values():
            parts |= stream.relations()
        once = {"asked": self.dialect.once}
        body = ",\n".join(f"{name} as {once.get(name, '')}(\n{text}\n)" for name, text in parts.items())
        names = [self.dialect.write_name(name) for name in wanted]
        chosen = ",\n  ".join(f"{text} as {name}" for text, name in zip(wanted.values(), names, strict=True))
        found = "".join(
            f", {stream.name}.{self.dialect.write_name(name)}"
            for stream in self.streams.values()
            for name in stream.results.values()
        )
        joins = "".join(f"\nleft join {s.name} on {s.name}.r = q.r" for s in self.streams.values())
        rows = f"select q.*{found}\nfrom asked as q{joins}"
        return f"with {body}\nselect\n  {chosen}\nfrom (\n{rows}\n) as {ROW}\norder by {ROW}.r"

    def _rows(self) -> str:
        """Select what is asked about each row, and number the rows.

        Where the rows may be numbered anew each time that they are read, all that is asked about them orders those
        with equal keys, so that two that have one another's numbers are the same.
        """
        written = {
            name: self.dialect.write_name(name) if kind == "c" else name for (kind, _), name in self.asked.items()
        }
        order = [self.spine.plain(key) for key in self.plan.spine.key]
        if not self.dialect.once:
            keys = {self.spine.name(key) for key in self.plan.spine.key}
            order += [text for _, text in self.asked if text not in keys]
        columns = ",\n  ".join(f"{text} as {written[name]}" for (_, text), name in self.asked.items())
        over = f"order by {', '.join(order)}" if order else ""
        return f"select row_number() over ({over}) as r,\n  {columns}\nfrom {self.relations(self.plan.spine.name).text}"

    def _label(self) -> dict[str, str]:
        """Return the label and when it is known; a row asked about when its outcome is known has none."""
        label = self.plan.label
        assert label is not None
        event = self.plan.events[label.stream]
        if event.known_at == ALWAYS:
            raise ShipwayError("SW-403", f"label {label.name!r} was known at no instant", "take it from an event")
        known = self._ask("l", to_sql(Column(event.source.name, event.known_at), self.spine))
        value = self._ask("l", to_sql(label.value, self.spine))
        return {
            LABEL: f"case when {ROW}.{known} > {ROW}.{ASKED} then {ROW}.{value} end",
            LABEL_KNOWN_AT: self.dialect.instant.format(f"{ROW}.{known}"),
        }
