"""Embeddings in declarations: which columns hold them, how long they are, and what may be made of them.

What a source declares is checked while the project's file is read; what it does not, an array that its function
returns, when a frame is built.
"""

from collections.abc import Collection, Container, Iterable, Mapping
from typing import Final

import msgspec

from shipway.core.argument import take_mapping, write
from shipway.core.error import ShipwayError
from shipway.core.feature import Expr, FeatureView, Source, flatten
from shipway.kit.suggestion import did_you_mean
from shipway.maths.embedding import LONGEST, NEAR, length_of, write_kind
from shipway.maths.expression import WINDOW_WORDS, Aggregate, Aggregation, Column, Constant, Feature, Operation, render
from shipway.maths.vector import check_place, result_kind

_WINDOWS: Final[frozenset[Aggregation]] = frozenset({"last", "first"})
"""The windows that give an embedding of embeddings."""


def take_embeddings(given: object, columns: Collection[str], taken: Collection[str]) -> dict[str, int]:
    """Return which columns of a source hold embeddings, with the number of their components.

    Args:
        given: what the project's file says.
        columns: those that may: the declared ones.
        taken: columns that are keys or instants.

    Raises:
        ShipwayError: SW-106 for a column that is not declared, or is a key or an instant, or a length that is none.
    """
    hint = 'write embeddings={"vector": 384}'
    lengths: dict[str, int] = {}
    for column, length in take_mapping(given, "the embeddings of a source", hint).items():
        if column not in columns:
            fact = f"column {column!r} is declared as an embedding, and known_at does not say when it is known"
            raise ShipwayError("SW-106", fact, did_you_mean(column, columns))
        if column in taken:
            fact = f"column {column!r} is declared as an embedding, and is a key or an instant"
            raise ShipwayError("SW-106", fact, "an embedding names nothing and happens at no time")
        if type(length) is not int or not 1 <= length <= LONGEST:
            fact = f"the embeddings of column {column!r} have {write(length)} numbers"
            raise ShipwayError("SW-106", fact, f"give the length that all of them have, from 1 to {LONGEST:,}")
        lengths[column] = length
    return lengths


def check_embeddings(view: FeatureView, sources: Mapping[str, Source]) -> None:
    """Refuse features that compare embeddings of different lengths, or do with one what cannot be done.

    Args:
        view: the features.
        sources: the project's sources by name.

    Raises:
        ShipwayError: SW-106; SW-105 as `spread_views`.
    """
    for feature, expr in view.features.items():
        try:
            _find_length(expr, sources)
        except ValueError as error:
            fact, hint = f"feature {feature!r} of view {view.name!r}: {error}", "compare embeddings of one length"
            raise ShipwayError("SW-106", fact, hint) from error
    spread_views((view,), sources)


def spread_views(views: Iterable[FeatureView], sources: Mapping[str, Source]) -> tuple[FeatureView, ...]:
    """Return views as models read them: each embedding as its components, `vector_0`, `vector_1` and so on.

    Args:
        views: the views.
        sources: the project's sources by name.

    Raises:
        ShipwayError: SW-105 if a component is called as another feature is.
    """
    return tuple(_spread_view(view, sources) for view in views)


def whole_of(feature: str, declared: Container[str]) -> str:
    """Return which of a view's declared features a model's feature is, or is a component of."""
    return feature if feature in declared else feature.rpartition("_")[0]


def parts_of(views: Iterable[FeatureView]) -> dict[str, list[str]]:
    """Return the embeddings among the features that a model reads: the frame's column of each to those it is spread to.

    Args:
        views: as `spread_views` returned them.
    """
    found: dict[str, list[str]] = {}
    for view in views:
        for name, expr in view.features.items():
            match expr:
                case Operation(op="component", args=(_, Constant(value=place))) if name.endswith(f"_{place}"):
                    found.setdefault(flatten(view.name, name.rpartition("_")[0]), []).append(flatten(view.name, name))
                case _:
                    pass
    return found


def _spread_view(view: FeatureView, sources: Mapping[str, Source]) -> FeatureView:
    lengths = {name: _find_length(expr, sources) for name, expr in view.features.items()}
    if not any(lengths.values()):
        return view
    spread: dict[str, Expr] = {}
    for name, expr in view.features.items():
        parts = {
            f"{name}_{place}": Operation("component", (expr, Constant(place))) for place in range(lengths[name] or 0)
        }
        for part in parts or [name]:
            if part in spread or (parts and part in view.features):
                fact = (
                    f"component {part.rpartition('_')[2]} of {view.name}.{name} is called {part!r}, and so is a feature"
                )
                raise ShipwayError("SW-105", fact, "rename that feature")
        spread |= parts or {name: expr}
    return msgspec.structs.replace(view, features=spread)


def _find_length(expr: Expr, sources: Mapping[str, Source]) -> int | None:
    """Return how many numbers an expression's embeddings have; None where it gives none, or nobody declared it."""
    match expr:
        case Column():
            source = sources.get(expr.table.partition(".")[0])
            return None if source is None else source.embeddings.get(expr.name)
        case Aggregate():
            return _find_window(expr, sources)
        case Operation():
            return _find_operation(expr, sources)
        case Feature(value=value) if value is not None:
            return _find_length(value, sources)
        case _:
            return None


def _find_window(node: Aggregate, sources: Mapping[str, Source]) -> int | None:
    for inner in (node.where, node.anchor):
        if inner is not None:
            _find_length(inner, sources)
    if node.value is None:
        return None
    length = _find_length(node.value, sources)
    if length is None or node.kind in _WINDOWS:
        return length
    word, number = WINDOW_WORDS.get(node.kind, node.kind), Operation("component", (node.value, Constant(0)))
    raise ValueError(
        f"w.{word} takes no {write_kind(length)}, only w.newest and w.first do: take it of a number, such as "
        f"{render(number)}"
    )


def _find_operation(expr: Operation, sources: Mapping[str, Source]) -> int | None:
    lengths = [_find_length(arg, sources) for arg in expr.args]
    if not any(lengths):
        return None
    if expr.op == "component":
        match expr.args[1]:
            case Constant(value=int(place)):
                check_place(place, lengths[0] or 0)
            case _:
                pass
        return None
    # What nobody declared is taken for what it has to be.
    first = next(length for length in lengths if length)
    declared = expr.op in NEAR or expr.op == "fill"
    kinds = [write_kind(length or first) if length or declared else "float" for length in lengths]
    try:
        return length_of(result_kind(expr.op, kinds))
    except ValueError as error:
        raise ValueError(f"{render(expr)} cannot be evaluated: {error}") from error
