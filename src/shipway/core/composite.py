"""Features made of features of other views: what is only named is found, and what would go in a circle is refused.

A feature that is read by another one carries its definition. So a view says all that it is made of, wherever it goes:
in a frame, a bundle, a store and a statement, and whatever changes below it changes its digest.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from shipway.core.embedding import check_embeddings, spread_views
from shipway.core.error import ShipwayError
from shipway.core.feature import Expr, FeatureView
from shipway.core.model import Leak, Model
from shipway.core.registry import Registry
from shipway.kit.suggestion import did_you_mean
from shipway.maths.expression import Aggregate, Feature, Operation

LARGEST: Final = 10_000
"""Nodes of a feature, what it reads included: one that doubles with each view it is made of is refused in time."""


def check_size(name: str, expr: Expr) -> None:
    """Refuse a feature that is larger than any that somebody can read; SW-106."""
    size = _measure(expr, {})
    if size > LARGEST:
        raise ShipwayError(
            "SW-106",
            f"feature {name} comes to {size:,} columns and operators, what it reads included, and {LARGEST:,} is most",
            "make it of fewer features, or of ones nearer to the data",
        )


def find_features(registry: Registry) -> None:
    """Put definitions in the place of features that a project's declarations only name.

    Views are replaced in the registry, and in the models and leaks that are made of them.

    Raises:
        ShipwayError: SW-104 for a view or feature that is not declared, SW-108 for features that are made of each
            other, SW-106 for one that comes out too large.
    """
    finder = _Finder(registry.views)
    found = {
        view.name: msgspec.structs.replace(
            view, features={name: finder.find(view.name, name) for name in view.features}
        )
        for view in registry.views.values()
    }
    if not finder.named:
        return
    for view in found.values():
        for name, expr in view.features.items():
            check_size(f"{view.name}.{name}", expr)
        check_embeddings(view, registry.sources)
    registry.views |= found
    models = {name: _replace_views(model, registry, found) for name, model in registry.models.items()}
    registry.models |= models
    registry.leaks |= {name: _replace_leak(leak, models, found) for name, leak in registry.leaks.items()}


class _Finder:
    """Looks definitions up, each once, and remembers on the way where it is.

    Attributes:
        named: whether any feature was only named.
    """

    def __init__(self, views: dict[str, FeatureView]) -> None:
        self._views = views
        self._path: list[str] = []
        self._found: dict[tuple[str, int], Expr] = {}
        self.named = False

    def find(self, view: str, name: str) -> Expr:
        """Return the definition of a declared feature, whole."""
        return self._enter(f"{view}.{name}", self._views[view].features[name])

    def _enter(self, name: str, expr: Expr) -> Expr:
        if name in self._path:
            circle = [*self._path[self._path.index(name) :], name]
            raise ShipwayError(
                "SW-108",
                f"features are made of each other in a circle: {' -> '.join(circle)}",
                "make one of them of columns and windows alone; what both need can be a feature of its own",
            )
        # By the definition too: what hands a feature out need not be the view that is declared by its name.
        key = name, id(expr)
        if key not in self._found:
            self._path.append(name)
            self._found[key] = self._complete(expr)
            self._path.pop()
        return self._found[key]

    def _complete(self, expr: Expr) -> Expr:
        match expr:
            case Operation():
                args = tuple(self._complete(arg) for arg in expr.args)
                return (
                    expr
                    if all(new is old for new, old in zip(args, expr.args, strict=True))
                    else Operation(expr.op, args)
                )
            case Feature(value=None):
                return self._look_up(expr)
            case Feature(value=value) if value is not None:
                found = self._enter(f"{expr.view}.{expr.name}", value)
                return expr if found is value else msgspec.structs.replace(expr, value=found)
            case _:
                return expr

    def _look_up(self, feature: Feature) -> Feature:
        self.named = True
        reader = f"feature {self._path[-1]} reads {feature.view}.{feature.name}"
        if feature.view not in self._views:
            fact = f"{reader}, and there is no view {feature.view!r}"
            raise ShipwayError("SW-104", fact, did_you_mean(feature.view, self._views))
        view = self._views[feature.view]
        if feature.name not in view.features:
            fact = f"{reader}, and view {view.name!r} has no feature {feature.name!r}"
            raise ShipwayError("SW-104", fact, did_you_mean(feature.name, view.features))
        value = self.find(view.name, feature.name)
        return msgspec.structs.replace(view[feature.name], value=value)


def _measure(expr: Expr, known: dict[int, int]) -> int:
    """Return how many nodes a tree has; one that stands in several places is walked once, and counted in each."""
    place = id(expr)
    if place not in known:
        known[place] = 1 + sum(_measure(child, known) for child in _below(expr))
    return known[place]


def _below(expr: Expr) -> Iterable[Expr]:
    match expr:
        case Operation(args=args):
            return args
        case Aggregate():
            return [child for child in (expr.value, expr.anchor, expr.where) if child is not None]
        case Feature(value=value):
            return () if value is None else (value,)
        case _:
            return ()


def _replace_views(model: Model, registry: Registry, found: dict[str, FeatureView]) -> Model:
    def replace(views: Iterable[FeatureView]) -> tuple[FeatureView, ...]:
        return spread_views([found.get(view.name, view) for view in views], registry.sources)

    fewer = {name: replace(views) for name, views in model.baselines.items()}
    return msgspec.structs.replace(model, features=replace(model.features), baselines=fewer)


def _replace_leak(leak: Leak, models: dict[str, Model], found: dict[str, FeatureView]) -> Leak:
    added = None if leak.add is None else found.get(leak.add.name, leak.add)
    return msgspec.structs.replace(leak, model=models.get(leak.model.name, leak.model), add=added)
