"""How far back the streams of an online store are read."""

from shipway.core.feature import ALWAYS, Entity, windows_of
from shipway.core.online import Layout
from shipway.maths.expression import Aggregate


def find_keep(layout: Layout, stream: str, *, stored: bool) -> int | None:
    """Return how far back the series of a stream are read; None where that may be any instant, or there is none."""
    if stream.endswith(f".{ALWAYS}"):
        return None
    found = [series.keep_us for series in layout.series if series.stream == stream and (stored or not series.stored)]
    return None if None in found else max((each for each in found if each is not None), default=None)


def is_unbounded(layout: Layout, stream: str, *, stored: bool) -> bool:
    """Tell whether a row of any age may be read of a stream."""
    return any(
        node.stream == stream and node.width_us is None and (stored or not _is_stored(layout, entity, node))
        for view in layout.views
        for expr in view.features.values()
        for entity, node in windows_of(expr, view.entity)
    )


def _is_stored(layout: Layout, entity: Entity | None, node: Aggregate) -> bool:
    keys = () if entity is None else entity.keys
    return node.bins is None and layout.series[layout.find(node.stream, keys, node.where)].stored
