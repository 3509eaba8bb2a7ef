"""Sources, events, entities, feature views and labels: what a user declares about data, as frozen values.

The rule behind all of them is *known-at*: every column of a source says by which instant its value is known, and a
window or a static read sees only what was known when the prediction is made.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from shipway.core.error import ShipwayError
from shipway.kit.suggestion import did_you_mean
from shipway.maths.expression import Aggregate, Column, Constant, Feature, Operation, Span, render, walk

ALWAYS: Final = "always"
"""In place of an instant column: these values were known before anything was asked."""

Expr = Column | Constant | Span | Operation | Aggregate | Feature


class Source(msgspec.Struct, frozen=True):
    """A table of facts in which each column becomes known at an instant of its own.

    A column is an attribute, `flights.dep_delay`, or an item, `flights["key"]`, where its name is taken.

    Attributes:
        name: the table's name.
        key: columns that identify a row.
        raw: names of the raw inputs that the source's function is called with.
        known_at: instant column (or `always`) to the columns whose values are known from that instant on.
        restated: columns known always whose values may be corrected all the same, for all time.
        embeddings: columns that hold embeddings, with the number of their components.
    """

    name: str
    key: tuple[str, ...]
    raw: tuple[str, ...]
    known_at: dict[str, tuple[str, ...]]
    restated: tuple[str, ...] = ()
    embeddings: dict[str, int] = {}

    @property
    def columns(self) -> tuple[str, ...]:
        """Return every column that may be read: those declared, the instants they are known at, and the key."""
        names = [c for columns in self.known_at.values() for c in columns]
        return tuple(dict.fromkeys([*self.key, *names, *(i for i in self.known_at if i != ALWAYS)]))

    def instant_of(self, column: str) -> str | None:
        """Return the instant column from which a column is known, `always`, or None where none was declared.

        An instant is known at itself unless it is declared as known earlier; a key is known with the row.
        """
        for instant, columns in self.known_at.items():
            if column in columns:
                return instant
        if column in self.known_at:
            return column
        return ALWAYS if column in self.key else None

    def event(self, known_at: str) -> "Event":
        """Return the stream of this source's rows as they become known at one of its instants.

        Raises:
            ShipwayError: SW-104 if the source declares no such instant.
        """
        if known_at not in self.columns and known_at != ALWAYS:
            raise _no_column(self.name, known_at, self.columns)
        return Event(self, known_at)

    def __getattr__(self, name: str) -> Column:
        """Return a declared column; SW-104 with the nearest right name for a wrong one."""
        if name.startswith("__"):
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> Column:
        """Return a declared column by its name."""
        if name not in self.columns:
            raise _no_column(self.name, name, self.columns)
        return Column(self.name, name)

    def __hash__(self) -> int:
        """Hash by name: a project has one source of a name."""
        return hash(("source", self.name))


class Event(msgspec.Struct, frozen=True):
    """A source's rows as a stream: each becomes known at one instant, and rows without that instant never happen.

    Reading a column that the source says is known later than the stream's instant is refused when a frame is built.
    """

    source: Source
    known_at: str

    @property
    def name(self) -> str:
        """Return the stream's name, `source.instant`."""
        return f"{self.source.name}.{self.known_at}"

    def __getattr__(self, name: str) -> Column:
        """Return a column of the stream; SW-104 with the nearest right name for a wrong one."""
        if name.startswith("__"):
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> Column:
        """Return a column of the stream by its name."""
        if name not in self.source.columns:
            raise _no_column(self.source.name, name, self.source.columns)
        return Column(self.name, name)

    def __hash__(self) -> int:
        """Hash by name: a source has one stream of an instant."""
        return hash(("event", self.name))


class Entity(msgspec.Struct, frozen=True):
    """What features are about: rows with equal keys are the same one; a null key is never equal to another.

    Attributes:
        name: the entity's name.
        keys: columns that a stream and the rows asked for both have; none for the whole system.
    """

    name: str
    keys: tuple[str, ...]


class FeatureView(msgspec.Struct, frozen=True, omit_defaults=True):
    """Named features of one entity, or of the row itself.

    Attributes:
        name: the view's name; its features are called `view_feature` in a frame.
        entity: whose features they are; None for features computed from the row that is asked about.
        features: feature name to expression.
        source: the name of the source whose rows they are about; empty for features of an entity.
    """

    name: str
    entity: Entity | None
    features: dict[str, Expr]
    source: str = ""

    def __getattr__(self, name: str) -> Feature:
        """Return one feature, to be read by another; SW-104 with the nearest right name for a wrong one."""
        if name.startswith("__"):
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> Feature:
        """Return one feature by its name."""
        if name not in self.features:
            raise ShipwayError(
                "SW-104", f"view {self.name!r} has no feature {name!r}", did_you_mean(name, self.features)
            )
        about = self.entity
        if about is None:
            return Feature(self.name, name, value=self.features[name])
        return Feature(self.name, name, about.name, about.keys, self.features[name])

    def __hash__(self) -> int:
        """Hash by name: a project has one view of a name."""
        return hash(("view", self.name))


class Label(msgspec.Struct, frozen=True):
    """What a model predicts: a condition or a number of a stream, known when the stream's row is known.

    Attributes:
        name: the label's name.
        value: the condition or the number, of columns of one stream.
    """

    name: str
    value: Expr

    @property
    def stream(self) -> str:
        """Return the name of the stream that carries the label."""
        return streams_of(self.value)[0]


def streams_of(expr: Expr) -> tuple[str, ...]:
    """Return the tables and streams that an expression's columns belong to, in order of appearance."""
    return tuple(dict.fromkeys(node.table for node in walk(expr) if isinstance(node, Column)))


def entity_of(feature: Feature) -> Entity | None:
    """Return whose a feature is that another one reads; None for one of the row itself."""
    return None if feature.entity is None else Entity(feature.entity, feature.keys)


def definition_of(feature: Feature) -> Expr:
    """Return what a feature is that another one reads; SW-104 for one that is named and was not found yet."""
    if feature.value is None:
        raise ShipwayError(
            "SW-104",
            f"feature {render(feature)} is only named, and nothing here says what it is",
            "declare its view in the project's file, where what is named is found once the file is read",
        )
    return feature.value


def features_of(expr: Expr) -> tuple[Feature, ...]:
    """Return the features of other views that an expression reads itself, in order of appearance."""
    return tuple(dict.fromkeys(node for node in walk(expr) if isinstance(node, Feature)))


def windows_of(expr: Expr, entity: Entity | None) -> Iterator[tuple[Entity | None, Aggregate]]:
    """Yield the windows that a feature is made of, with whose they are: its own, and those of what it reads.

    Args:
        expr: the feature.
        entity: whose it is.
    """
    for node in walk(expr):
        if isinstance(node, Aggregate):
            yield entity, node
        elif isinstance(node, Feature):
            yield from windows_of(definition_of(node), entity_of(node))


def entities_of(expr: Expr, entity: Entity | None) -> tuple[Entity, ...]:
    """Return the entities that a feature needs to be told: its own, and those of the features that it reads."""
    found = {} if entity is None else {entity: None}
    for feature in features_of(expr):
        found |= dict.fromkeys(entities_of(definition_of(feature), entity_of(feature)))
    return tuple(found)


def view_entities(view: FeatureView) -> tuple[Entity, ...]:
    """Return the entities that a view's features need to be told, its own first."""
    own = () if view.entity is None else (view.entity,)
    read = (each for expr in view.features.values() for each in entities_of(expr, view.entity))
    return tuple(dict.fromkeys([*own, *read]))


def flatten(view: str, feature: str) -> str:
    """Return the name of a feature's column in a frame."""
    return f"{view}_{feature}"


def _no_column(table: str, name: str, columns: tuple[str, ...]) -> ShipwayError:
    near = did_you_mean(name, columns)
    return ShipwayError(
        "SW-104",
        f"source {table!r} has no column {name!r}",
        f"{near}{' If' if near.endswith('?') else '; if'} the function returns it, say in known_at when it is known",
    )
