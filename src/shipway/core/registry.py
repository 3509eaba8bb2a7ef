"""The declarations of one project, collected while its file is loaded; nouns refer to functions by name only."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, TypeVar

import msgspec

from shipway.core.error import ShipwayError
from shipway.core.experiment import Experiment, Layer
from shipway.core.feature import Entity, FeatureView, Label, Source
from shipway.core.gate import Gate, Moment
from shipway.core.model import Leak, Model
from shipway.core.note import Described, Note

Noun = TypeVar("Noun", Source, Entity, FeatureView, Label, Model, Gate, Leak, Layer, Experiment)

_DESCRIBED: Final[dict[type, Described]] = {Source: "source", Entity: "entity", FeatureView: "view", Label: "label"}


class Registry(msgspec.Struct):
    """Everything a project declares, by kind and name, in order of declaration."""

    sources: dict[str, Source] = {}
    entities: dict[str, Entity] = {}
    views: dict[str, FeatureView] = {}
    labels: dict[str, Label] = {}
    models: dict[str, Model] = {}
    gates: dict[str, Gate] = {}
    leaks: dict[str, Leak] = {}
    layers: dict[str, Layer] = {}
    experiments: dict[str, Experiment] = {}
    functions: dict[str, Callable[..., Any]] = {}
    notes: dict[str, Note] = {}

    def add(self, noun: Noun, note: Note | None = None) -> Noun:
        """Keep a declaration, and what is said of it for people, and return it.

        Raises:
            ShipwayError: SW-105 if another of this kind has the name, SW-106 if the name cannot be a column's.
        """
        kept = self._kind(noun)
        name = noun.name
        if name in kept:
            kind = type(noun).__name__.lower()
            raise ShipwayError("SW-105", f"{kind} {name!r} is declared twice", "give one of the two another name")
        kept[name] = noun
        if note is not None:
            self.notes[f"{_DESCRIBED[type(noun)]}:{name}"] = note
        return noun

    def note(self, kind: Described, name: str) -> Note:
        """Return what is said of a declaration for people; an empty note where nothing is."""
        return self.notes.get(f"{kind}:{name}", Note())

    def function(self, kind: str, name: str) -> Callable[..., Any]:
        """Return the user's function behind a source or a model."""
        return self.functions[f"{kind}:{name}"]

    def gates_before(self, moment: Moment, model: str | None = None) -> list[Gate]:
        """Return the gates that guard a moment, in order; with a model's name only those that decide for it."""
        return [gate for gate in self.gates.values() if gate.before == moment and (model is None or gate.covers(model))]

    def _kind(self, noun: object) -> dict[str, Any]:
        kinds: dict[type, dict[str, Any]] = {
            Source: self.sources,
            Entity: self.entities,
            FeatureView: self.views,
            Label: self.labels,
            Model: self.models,
            Gate: self.gates,
            Leak: self.leaks,
            Layer: self.layers,
            Experiment: self.experiments,
        }
        return kinds[type(noun)]


_current: ContextVar[Registry | None] = ContextVar("shipway_registry", default=None)


def current_registry() -> Registry:
    """Return the registry that declarations go to now: the project's being loaded, else one of this process's own."""
    registry = _current.get()
    if registry is None:
        registry = Registry()
        _current.set(registry)
    return registry


@contextmanager
def collecting() -> Generator[Registry]:
    """Collect the declarations made inside the block into a registry of their own."""
    registry = Registry()
    token = _current.set(registry)
    try:
        yield registry
    finally:
        _current.reset(token)
