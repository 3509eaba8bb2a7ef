"""One aggregate of a stream in a warehouse: where each kind of window gets its values."""

from typing import cast

from shipway.core.error import ShipwayError
from shipway.core.online import SCALE
from shipway.data.warehouse.accumulation import count_bins, fade, spread
from shipway.data.warehouse.extremum import Extrema
from shipway.data.warehouse.stream import Stream, Window
from shipway.maths.expression import Aggregate, render
from shipway.maths.vector import Kind


def aggregate(stream: Stream, node: Aggregate, window: Window) -> tuple[str, Kind]:
    """Plan an aggregate and return the column that it will be in, and the kind of its value.

    Args:
        stream: what is said of its stream.
        node: the aggregate.
        window: where it looks.

    Raises:
        ShipwayError: SW-403 for one that the warehouse cannot compute exactly.
    """
    match node.kind:
        case "last" | "age":
            text, kind = _newest(stream, node, window)
        case "min" | "max":
            text, kind = _extremum(stream, node)
        case "variance" | "deviation":
            text, kind = spread(stream, node, window), "float"
        case "decayed":
            text, kind = fade(stream, node, window), "float"
        case "quantile" | "distinct" | "common":
            text, kind = count_bins(stream, node, window)
        case "first":
            text, kind = _oldest(stream, node, window)
        case "count" | "around":
            text, kind = stream.known(stream.difference(window, "n"), window), "int"
        case "sum" | "mean" | "share":
            text, kind = _sum(stream, node, window)
    return stream.result(text), kind


def _newest(stream: Stream, node: Aggregate, window: Window) -> tuple[str, Kind]:
    stream.check_ties()
    last = stream.steps.edge(window.high)
    if node.value is None:
        text, kind = f"{window.high} - {stream.found.base(f'{last}.h')}", "int"
    else:
        column = stream.steps.newest(stream.value(node.value))
        text, kind = stream.found.base(f"{last}.{column}"), stream.kind_of(node.value)
    if window.low is None:
        return text, kind
    return f"case when {stream.found.base(f'{last}.h')} > {window.low} then {text} end", kind


def _oldest(stream: Stream, node: Aggregate, window: Window) -> tuple[str, Kind]:
    stream.check_ties()
    assert node.value is not None
    assert window.low is not None
    last, first = stream.steps.edge(window.high), stream.steps.edge(window.low)
    column = stream.value(node.value)
    # The row after the step at the lower edge; where there is none, the first of all.
    text = f"{last}.{stream.steps.first(column)} else {first}.{stream.steps.next(column)}"
    found = stream.found.base(f"case when {first}.n is null then {text} end")
    return f"case when {stream.difference(window, 'n')} > 0 then {found} end", stream.kind_of(node.value)


def _extremum(stream: Stream, node: Aggregate) -> tuple[str, Kind]:
    assert node.value is not None
    if not stream.dialect.ranges:
        fact = f"{stream.dialect.name} has no window that reaches back by a time, which {render(node)} needs"
        raise ShipwayError("SW-403", fact, "build the frame with shipway run")
    text, kind = stream.value(node.value), stream.kind_of(node.value)
    # The two zeros are one.
    column = stream.rows.add(f"{text} + 0.0") if kind == "float" else stream.number(node.value)[0]
    part = cast("Extrema", stream.part("extrema", Extrema(f"{stream.name}_reach", stream.steps)))
    place = part.want(node.kind, column, node.width_us or 0)
    return stream.found.base(f"{part.name}.{place}"), "float" if kind == "float" else "int"


def _sum(stream: Stream, node: Aggregate, window: Window) -> tuple[str, Kind]:
    assert node.value is not None
    dialect = stream.dialect
    number, scaled = stream.number(node.value)
    total = stream.difference(window, stream.steps.total(number))
    if node.kind == "sum":
        if scaled:
            return stream.known(f"{dialect.cast('float', total)} / {SCALE!r}", window), "float"
        return stream.known(total, window), "int"
    count = stream.difference(window, stream.steps.count(number))
    divisor = dialect.cast("float", count)
    divisor = f"({divisor} * {SCALE!r})" if scaled else divisor
    return f"case when {count} > 0 then {dialect.cast('float', total)} / {divisor} end", "float"
