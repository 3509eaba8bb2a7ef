"""What a word of a project file is given, checked where it stands: a wrong kind of thing is told which one is right.

Python keeps none of the words' type hints, and `column == x` is a truth value by the time that a word sees it. Without
these checks a mistake would show much later, as an error that no line of the project explains.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar, cast

from shipway.core.error import ShipwayError
from shipway.core.feature import ALWAYS, Entity, Event, Expr, FeatureView, Label, Source, features_of, streams_of
from shipway.core.model import Model
from shipway.kit.duration import parse_duration
from shipway.maths.expression import Aggregate, Column, Constant, Feature, Operation, Span, quote, render

Kind = TypeVar("Kind", Source, Event, Label, Model, FeatureView, Column, Feature)

_IDENTIFIER: Final = re.compile(r"[a-z][a-z0-9_]*")
_EXPRESSION: Final = (Column, Constant, Span, Operation, Aggregate, Feature)
_SAID: Final[dict[type, str]] = {
    Source: "source",
    Event: "event",
    Entity: "entity",
    FeatureView: "feature view",
    Label: "label",
    Model: "model",
    Column: "column",
    Feature: "feature",
}
_EQUALS: Final = (
    "write column.equals(x), not column == x, which compares the expressions themselves; "
    "likewise column.differs(x), not !="
)


def write(value: object) -> str:
    """Return a value as a refusal names it: an expression as it was written, a noun by its kind and name."""
    if isinstance(value, _EXPRESSION):
        return render(value)
    if isinstance(value, Source | Event | Entity | FeatureView | Label | Model):
        return f"{_SAID[type(value)]} {value.name!r}"
    if value is None or isinstance(value, bool | int | float | str):
        return repr(value)
    return f"a value of type {type(value).__name__}"


def take_expression(value: object, where: str, *, features: bool = False) -> Expr:
    """Return an expression.

    Args:
        value: what stands where an expression is taken.
        where: how a refusal begins, such as `label 'late'`.
        features: whether it may read features of views, as features themselves may.

    Raises:
        ShipwayError: SW-106 for anything else, above all the truth value that `column == x` is.
    """
    if isinstance(value, _EXPRESSION):
        if not features and (read := features_of(value)):
            raise ShipwayError(
                "SW-106",
                f"{where} is {render(value)}, and only a feature can be made of feature {render(read[0])}",
                "it is known of what is asked about, not of each event or row: read columns here, and make a feature "
                "of features beside the windows, such as orders.price / customer.mean_90d",
            )
        return value
    hint = "build it from columns, such as orders.price > 10"
    match value:
        # `~` of a truth value is one of these numbers.
        case bool() | -1 | -2:
            hint = _EQUALS
        case Source(columns=columns):
            hint = f"take a column of it: {_some(columns)}"
        case Event(source=source):
            hint = f"take a column of it: {_some(source.columns)}"
        case Label(stream=stream):
            hint = f"it comes true after what is asked: read the past through windows over event {stream}"
        case FeatureView(name=name, features=made):
            hint = f"take a feature of it: {_some([f'{name}.{each}' for each in made])}"
        case str():
            hint = f'take the column from a source or an event, such as orders["{value}"]'
        case _:
            pass
    raise ShipwayError("SW-106", f"{where} is {write(value)}, which is no expression", hint)


def take(value: object, kind: type[Kind], where: str, hint: str) -> Kind:
    """Return a noun or a column.

    Args:
        value: what stands there.
        kind: what should.
        where: how a refusal begins.
        hint: what to do about anything else than a truth value.

    Raises:
        ShipwayError: SW-106 for anything else.
    """
    if isinstance(value, kind):
        return value
    raise ShipwayError(
        "SW-106",
        f"{where} is {write(value)}, which is no {_SAID[kind]}",
        _EQUALS if isinstance(value, bool) else hint,
    )


def take_each(values: object, kind: type[Kind], where: str, hint: str) -> tuple[Kind, ...]:
    """Return several nouns or columns; SW-106 for anything else in a list or tuple, or in its place."""
    if not isinstance(values, list | tuple):
        raise ShipwayError("SW-106", f"{where} are {write(values)}, not a list", f"{hint}, in a list")
    return tuple(take(value, kind, f"one of {where}", hint) for value in cast("Sequence[object]", values))


def take_models(values: object, where: str) -> tuple[str, ...]:
    """Return the names of several models, each given as one or by its name; SW-106 for anything else."""
    if not isinstance(values, list | tuple):
        hint = "name what is declared under @sw.model, in a list"
        raise ShipwayError("SW-106", f"{where} are {write(values)}, not a list", hint)
    given = cast("Sequence[object]", values)
    return tuple(each.name if isinstance(each, Model) else take_name(each, f"one of {where}") for each in given)


def take_mapping(value: object, where: str, hint: str) -> Mapping[Any, Any]:
    """Return a mapping; SW-106 for anything else."""
    if isinstance(value, Mapping):
        return cast("Mapping[Any, Any]", value)
    raise ShipwayError("SW-106", f"{where} are {write(value)}, not a mapping", hint)


def take_name(value: object, where: str) -> str:
    """Return a text that names something; SW-106 with the name of what was given in its place."""
    if isinstance(value, str):
        return value
    hint = "write a name as text"
    if isinstance(value, Column | Feature | Source | Entity | FeatureView | Label | Model):
        hint = f"write its name as text, {quote(value.name)}"
    elif type(value) in (list, tuple):
        hint = "write names one by one, not in a list"
    raise ShipwayError("SW-106", f"{where} is {write(value)}, which is no text", hint)


def take_identifier(value: object) -> str:
    """Return the name of something that is declared; SW-106 for one that is no identifier in lower case."""
    name = take_name(value, "a name")
    if not is_identifier(name):
        raise ShipwayError(
            "SW-106", f"{name!r} cannot be a name", "use lower-case letters, digits and underscores, a letter first"
        )
    return name


def is_identifier(name: str) -> bool:
    """Tell whether a text may be the name of something that is declared."""
    return _IDENTIFIER.fullmatch(name) is not None


def take_names(value: object, where: str) -> tuple[str, ...]:
    """Return one name or several in order; SW-106 for anything else, also for a set, which has no order."""
    if isinstance(value, list | tuple):
        return tuple(take_name(name, f"one of {where}") for name in cast("Sequence[object]", value))
    if isinstance(value, str):
        return (value,)
    hint = "write names as text, several of them in a list or tuple"
    raise ShipwayError("SW-106", f"{where} are {write(value)}, which is neither a name nor a list of names", hint)


def take_event(value: object, word: str) -> Event:
    """Return an event stream; SW-106 with the events there are for a source or a column in its place."""
    if isinstance(value, Event):
        return value
    hint = 'name a stream, such as orders.event("placed")'
    match value:
        case Source(name=name, known_at=known_at):
            streams = [f'{name}.event("{instant}")' for instant in known_at if instant != ALWAYS]
            hint = f"say which of its instants counts: {' or '.join(streams)}" if streams else hint
        case Column() | Operation() | Aggregate() | Feature():
            hint = _stream_hint(value, word)
        case _:
            pass
    raise ShipwayError("SW-106", f"{word} takes an event, not {write(value)}", hint)


def take_width(value: object, where: str) -> int:
    """Return a duration longer than zero in microseconds; SW-106 for anything else."""
    hint = f"write {where} as 30m, 6h or 7d"
    if not isinstance(value, str):
        raise ShipwayError("SW-106", f"{where} is {write(value)}, which is no text with a unit", hint)
    try:
        width = parse_duration(value)
    except ValueError as error:
        raise ShipwayError("SW-106", str(error), hint) from error
    if width <= 0:
        raise ShipwayError("SW-106", f"{where} of {value!r} is empty", f"write {where} longer than zero, such as 6h")
    return width


def _stream_hint(expr: Expr, word: str) -> str:
    """Return the event whose columns an expression reads, and the word that reads them."""
    streams = streams_of(expr)
    source, dot, instant = (streams[0] if streams else "orders").partition(".")
    event = f'{source}.event("{instant}")' if dot else f'an event of its source, such as {source}.event("...")'
    other = "w.newest(...) reads a value" if word == "w.age" else "w.share(...) and w.total(...) read values"
    return f"{word} looks at no column: give it {event}; {other}"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (" and more" if len(names) > 8 else "")
