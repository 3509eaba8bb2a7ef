"""The words of a project file: each builds a noun, checks it, and keeps it in the project's registry."""

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from shipway.core import gate as gates
from shipway.core.argument import (
    is_identifier,
    take,
    take_each,
    take_event,
    take_expression,
    take_identifier,
    take_mapping,
    take_models,
    take_name,
    take_names,
    write,
)
from shipway.core.check import Check, Rule
from shipway.core.composite import check_size
from shipway.core.embedding import check_embeddings, spread_views, take_embeddings
from shipway.core.error import ShipwayError
from shipway.core.feature import ALWAYS, Entity, Event, Expr, FeatureView, Label, Source, flatten, streams_of
from shipway.core.model import Leak, Model
from shipway.core.monotone import compile_expectations, merge_constraints
from shipway.core.note import make_note
from shipway.core.registry import current_registry
from shipway.kit.suggestion import did_you_mean
from shipway.maths.expression import Aggregate, Column, Feature, Operation, quote, render, walk

_CURRENT = "current"
"""The baseline that is the registered version a candidate would replace; no other may take its name."""
_LISTED = "list features, such as customer.orders_90d"


def source(
    *,
    key: str | Sequence[str],
    raw: str | Sequence[str],
    known_at: Mapping[str, str | Sequence[str]],
    restated: str | Sequence[str] = (),
    embeddings: Mapping[str, int] | None = None,
    fresh: str | None = None,
    owner: str = "",
    doc: str = "",
    tags: str | Sequence[str] = (),
) -> Callable[[Callable[..., Any]], Source]:
    """Declare a table: the function below makes it from raw inputs, and every column says when it becomes known.

    Args:
        key: column or columns that identify a row.
        raw: names of the raw inputs (`[raw]` in shipway.toml) that the function is called with, in order.
        known_at: instant column to the columns known from that instant on; `always` for what was known beforehand.
        restated: of the columns known `always`, those that are corrected now and then; a change of any other is
            refused, for frames of the time before it would read the future.
        embeddings: column to the number of its components, of columns that hold embeddings: the function returns lists
            or arrays of that many numbers.
        fresh: how old its newest known-at may be, such as `2h`; the catalog says where it is older.
        owner: who answers for it, where that is not the owner of the project.
        doc: what it is, in place of the function's docstring.
        tags: words that it is found by.

    Returns:
        A decorator that turns the function, from Polars frames to one Polars frame, into a `Source` of its name.
    """
    hint = 'write known_at={"placed": ("price", "customer")}'
    groups = {
        take_name(instant, "an instant of known_at"): take_names(columns, f"the columns known at {instant!r}")
        for instant, columns in take_mapping(known_at, "the instants of known_at", hint).items()
    }
    keys, inputs = take_names(key, "the columns of the key"), take_names(raw, "the raw inputs")
    for column in keys:
        if column.startswith("_"):
            raise ShipwayError(
                "SW-106",
                f"key column {column!r} begins with an underscore",
                "such names are shipway's own in frames and predictions: rename it in the source's function",
            )
    seen: dict[str, str] = {}
    for instant, columns in groups.items():
        for column in columns:
            if column in seen:
                raise ShipwayError(
                    "SW-106",
                    f"column {column!r} is declared as known at {seen[column]!r} and at {instant!r}",
                    "a value becomes known once: keep the earlier of the two if it is really known then",
                )
            seen[column] = instant
    corrected = take_names(restated, "the restated columns")
    for column in corrected:
        if seen.get(column) != ALWAYS:
            raise ShipwayError(
                "SW-106",
                f"restated column {column!r} is not declared as known always",
                did_you_mean(column, [name for name, instant in seen.items() if instant == ALWAYS]),
            )
    lengths = take_embeddings(embeddings or {}, seen, {*keys, *groups})

    def decorate(function: Callable[..., Any]) -> Source:
        registry = current_registry()
        noun = Source(take_identifier(function.__name__), keys, inputs, groups, corrected, lengths)
        where = f"source {noun.name!r}"
        if fresh is not None and not any(instant != ALWAYS for instant in groups):
            fact = f"{where} has `fresh`, and no instant at which anything becomes known"
            raise ShipwayError("SW-106", fact, "what is known always is never late: leave `fresh` away")
        said = doc or inspect.getdoc(function) or ""
        note = make_note(where, owner=owner, doc=said, tags=tags, fresh=fresh)
        registry.functions[f"source:{noun.name}"] = function
        return registry.add(noun, note)

    return decorate


def entity(name: str, *keys: str, owner: str = "", doc: str = "", tags: str | Sequence[str] = ()) -> Entity:
    """Declare what features are about; without keys the column of the entity's own name identifies it.

    Use `system()` for the one entity that is the whole.

    Args:
        name: the entity's name.
        keys: the columns that identify one.
        owner: as for a source.
        doc: what it is.
        tags: as for a source.
    """
    columns = tuple(take_name(key, f"a key of entity {name!r}") for key in keys)
    note = make_note(f"entity {name!r}", owner=owner, doc=doc, tags=tags)
    return current_registry().add(Entity(take_identifier(name), columns or (name,)), note)


def system(name: str = "system", *, owner: str = "", doc: str = "", tags: str | Sequence[str] = ()) -> Entity:
    """Declare the entity that every row belongs to; the rest is as for `entity`."""
    note = make_note(f"entity {name!r}", owner=owner, doc=doc, tags=tags)
    return current_registry().add(Entity(take_identifier(name), ()), note)


def feature_view(
    name: str,
    about: Entity | Source,
    features: Mapping[str, Expr],
    *,
    owner: str = "",
    doc: str = "",
    tags: str | Sequence[str] = (),
    docs: Mapping[str, str] | None = None,
) -> FeatureView:
    """Declare features of an entity, or of the row itself where `about` is the source that is predicted on.

    Args:
        name: the view's name, which begins the names of its columns.
        about: an entity, for windows over streams; a source, for expressions on the row's own columns.
        features: feature name to expression.
        owner: as for a source.
        doc: what the view is.
        tags: as for a source.
        docs: feature name, or a pattern such as `late_*` for several, to what the feature is.
    """
    entity = _entity_of(name, about)
    hint = 'write {"price": orders.price}'
    given = take_mapping(features, f"the features of view {name!r}", hint)
    if not given:
        raise ShipwayError("SW-106", f"view {name!r} has no features", "a view is a set of named expressions: add one")
    checked = {
        take_identifier(feature): take_expression(value, f"feature {feature!r} of view {name!r}", features=True)
        for feature, value in given.items()
    }
    for feature, expr in checked.items():
        check_size(f"{name}.{feature}", expr)
    noun = FeatureView(take_identifier(name), entity, checked, about.name if isinstance(about, Source) else "")
    check_embeddings(noun, current_registry().sources)
    note = make_note(f"view {name!r}", owner=owner, doc=doc, tags=tags, docs=docs, features=checked)
    return current_registry().add(noun, note)


def feature(name: str) -> Feature:
    """Name a feature whose view is declared further below, or in another file, for another feature to read.

    A view that is declared already hands its features out itself, `airport.delay_1h`. What is named is found when the
    whole project has been read.

    Args:
        name: the view and the feature, such as `airport.delay_1h`.
    """
    view, dot, own = take_name(name, "what sw.feature names").partition(".")
    if not (dot and is_identifier(view) and is_identifier(own)):
        raise ShipwayError("SW-106", f"sw.feature({quote(name)}) names no feature", "write VIEW.FEATURE")
    return Feature(view, own)


def label(name: str, value: Expr, *, owner: str = "", doc: str = "", tags: str | Sequence[str] = ()) -> Label:
    """Declare what is predicted, from the columns of one event stream: a condition, a number, or a class.

    Of a condition, such as `landings.arr_delay > 15`, a model says how probable it is; of a number, such as
    `landings.arr_delay`, which one it is; of a text, such as `landings.status`, how probable each of its classes is.
    Which of them a label is follows from the types of its columns.

    Args:
        name: the label's name.
        value: the condition, the number or the text.
        owner: as for a source.
        doc: what it means that the label is true, what the number is of, or what the classes are.
        tags: as for a source.
    """
    value = take_expression(value, f"label {name!r}")
    streams = streams_of(value)
    if len(streams) != 1 or "." not in streams[0]:
        raise ShipwayError(
            "SW-106",
            f"label {name!r} is {render(value)}, which is not of one event stream",
            "take its columns from an event, so that it says when the label becomes known",
        )
    if any(isinstance(node, Aggregate) for node in walk(value)):
        raise ShipwayError(
            "SW-106", f"label {name!r} is {render(value)}, which has a window", "use the columns of one event's row"
        )
    note = make_note(f"label {name!r}", owner=owner, doc=doc, tags=tags)
    return current_registry().add(Label(take_identifier(name), value), note)


def model(
    name: str,
    *,
    on: Source,
    at: Expr,
    label: Label,
    features: Sequence[FeatureView],
    rising: Sequence[Feature] = (),
    falling: Sequence[Feature] = (),
    expects: Sequence[Check] = (),
    baselines: Mapping[str, Sequence[FeatureView]] | None = None,
) -> Callable[[Callable[..., Any]], Model]:
    """Declare a model; the function below trains it.

    Args:
        name: the model's name.
        on: the source whose rows are predicted.
        at: the instant each prediction is made, such as `flights.scheduled - "2h"`.
        label: what is predicted.
        features: the views it is fed with; it reads an embedding as its components, `vector_0`, `vector_1` and so on.
        rising: features whose rise must never lower the prediction.
        falling: features whose rise must never raise it.
        expects: directional expectations that the trainer is held to as well, such as a `sw.never_lowers(...)`: each
            feature that one changes is rising or falling as it says.
        baselines: name to fewer views; the same function is trained on them, so that a gate can ask `auc.better_than`
            of one and a report can show what the rest of the features is worth.

    Returns:
        A decorator for the training function: it takes a `TrainFrame` and keyword parameters with defaults, and returns
        a fitted estimator of a library shipway can package.
    """
    whose = f"of model {name!r}"
    on = take(on, Source, f"`on` {whose}", "name the source whose rows are predicted")
    at = take_expression(at, f"`at` {whose}")
    label = take(label, Label, f"`label` {whose}", f'declare it first: sw.label("{name}", {_example_of(label)})')
    views = take_each(features, FeatureView, f"`features` {whose}", "list what sw.feature_view(...) returned")
    up, down = (
        tuple(Column(feature.view, feature.name) for feature in take_each(given, Feature, f"`{word}` {whose}", _LISTED))
        for word, given in (("rising", rising), ("falling", falling))
    )
    compiled = compile_expectations(name, expects)
    sources = current_registry().sources
    fewer = {each: spread_views(some, sources) for each, some in _check_baselines(name, views, baselines).items()}

    def decorate(function: Callable[..., Any]) -> Model:
        registry = current_registry()
        parameters = list(inspect.signature(function).parameters.values())
        params = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is not p.empty}
        for parameter, default in params.items():
            _check_default(name, parameter, default)
        read = spread_views(views, sources)
        rise, fall = merge_constraints(name, up, down, compiled, read)
        noun = Model(take_identifier(name), on, at, label, read, rise, fall, fewer, params)
        for column in (*rise, *fall):
            if flatten(column.table, column.name) not in noun.columns:
                raise ShipwayError(
                    "SW-106",
                    f"{column} is constrained but no feature of model {name!r}",
                    "list its view under features",
                )
        registry.functions[f"model:{noun.name}"] = function
        return registry.add(noun)

    return decorate


def gate(
    name: str,
    *rules: Rule | Check,
    before: str | None = None,
    every: str | None = None,
    on_fail: str = "alert",
    approvers: Sequence[str] = (),
    mature: float = 0.0,
    models: Sequence[Model | str] = (),
) -> gates.Gate:
    """Declare rules that must all pass before a moment, or that are asked of a service again and again.

    Args:
        name: the gate's name.
        rules: what is asked.
        before: `training` (checks on data), `release` (checks on a candidate), `traffic` (checks on a bundle, before it
            answers anybody) or `step` (checks on a canary, before each step of a release).
        every: in place of a moment, how often checks on a service's live window are asked, such as `7d`.
        on_fail: what follows when a live window fails: an `alert`, or a `retrain`.
        approvers: who may override a gate before training, by name, such as `["ana", "data-platform"]`; without them
            any person who gives a name and a reason.
        mature: rules that rest on labels hold while less than this share of the labels that come is sure to have come.
        models: the models it decides for, such as `[train]`, or by name those that are declared further below; without
            them all of the project.
    """
    registry = current_registry()
    noun = gates.make_gate(
        name,
        *rules,
        before=before,
        every=every,
        on_fail=on_fail,
        approvers=approvers,
        mature=mature,
        models=take_models(models, f"the models of gate {name!r}"),
    )
    gates.checks_of([*(gate for gate in registry.gates.values() if gate.before == noun.before), noun])
    return registry.add(noun)


def leak(
    name: str, *, model: Model, swap: Mapping[Event, Event] | None = None, add: FeatureView | None = None, doc: str = ""
) -> Leak:
    """Declare a mistake that shipway refuses, so that it can be priced: what it would claim, and what it would get.

    Args:
        name: the leak's name.
        model: the model it would spoil.
        swap: streams read at a wrong instant, right one to wrong one, in all of the model's views.
        add: a view with features that should be refused.
        doc: one sentence on how the mistake comes about.
    """
    model = take(model, Model, f"`model` of leak {name!r}", "name what is declared under @sw.model")
    if add is not None:
        add = take(add, FeatureView, f"`add` of leak {name!r}", "name what sw.feature_view(...) returned")
    given = take_mapping(swap or {}, f"the streams of leak {name!r}", "write {right: wrong}, both of them events")
    pairs = tuple((take_event(right, "swap"), take_event(wrong, "swap")) for right, wrong in given.items())
    if not pairs and add is None:
        raise ShipwayError("SW-106", f"leak {name!r} changes nothing", "give it a stream to swap or a view to add")
    return current_registry().add(Leak(take_identifier(name), model, pairs, add, doc))


def _check_default(model: str, parameter: str, default: object) -> None:
    """Refuse a default that a task's key cannot tell from another one."""
    if isinstance(default, float) and not math.isfinite(default):
        raise ShipwayError(
            "SW-106", f"parameter {parameter!r} of model {model!r} is {default}", "give it a finite number"
        )
    if default is not None and not isinstance(default, bool | int | float | str):
        raise ShipwayError(
            "SW-106",
            f"parameter {parameter!r} of model {model!r} is {type(default).__name__} {default!r}",
            "a parameter is a number, a text, true, false or None: build anything else inside the function",
        )


def _entity_of(view: str, about: object) -> Entity | None:
    """Return whose features a view's are, None where they are the row's own."""
    match about:
        case Entity():
            return about
        case Source():
            return None
        case Event(source=source):
            hint = f"name {source.name}, the source of the rows, or an entity"
        case _:
            hint = 'name an entity, such as sw.entity("customer"), or the source whose rows are predicted'
    raise ShipwayError(
        "SW-106", f"view {view!r} is about {write(about)}, which is neither an entity nor a source", hint
    )


def _check_baselines(
    model: str, features: tuple[FeatureView, ...], baselines: Mapping[str, Sequence[FeatureView]] | None
) -> dict[str, tuple[FeatureView, ...]]:
    """Return a model's baselines, each of them views that the model has."""
    given = take_mapping(baselines or {}, f"the baselines of model {model!r}", 'write {"basket_only": [basket]}')
    hint = "list what sw.feature_view(...) returned"
    fewer = {
        take_identifier(name): take_each(views, FeatureView, f"baseline {name!r} of model {model!r}", hint)
        for name, views in given.items()
    }
    if _CURRENT in fewer:
        raise ShipwayError(
            "SW-106", f"model {model!r} has a baseline called {_CURRENT!r}", "that is the version in service: rename it"
        )
    for view in (view for views in fewer.values() for view in views):
        if view not in features:
            raise ShipwayError(
                "SW-106", f"a baseline of {model!r} uses view {view.name!r}, which the model does not", "list it there"
            )
    return fewer


def _example_of(label: object) -> str:
    """Return the condition that was given in place of a label, or one that could be."""
    return write(label) if isinstance(label, Column | Operation) else "landings.delay > 15"
