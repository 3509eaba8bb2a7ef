"""Sets of features that are served by name: each view by what it is about, each model's features by what it reads."""

from typing import Final

import msgspec

from shipway.core.column import Kind, Schema
from shipway.core.error import ShipwayError
from shipway.core.feature import FeatureView
from shipway.core.online import Layout, Series

FILE: Final = "features.json"
"""The file in a project's folder of state that says what is served, and from which store."""
VERSION: Final = 1
"""Version of what is described here."""


class FeatureSet(msgspec.Struct, frozen=True, kw_only=True):
    """Features that are asked for together.

    Attributes:
        views: the views; they read the row asked about under the name that `FeatureSets.spine` gives.
        asked: the columns that a row brings, with their kinds.
    """

    views: tuple[FeatureView, ...]
    asked: dict[str, Kind]


class FeatureSets(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a server needs to know to answer with features.

    Attributes:
        version: of this layout.
        uri: where stores are kept if not in the folder of state; no secret is in it.
        online: the store.
        spine: the name under which features read the row asked about.
        series: what the store keeps, for all sets.
        schema: kinds of the columns that the series are made of.
        sets: by name.
        fresh: how far the watermarks of a source's streams may lie back, in microseconds, where that is said.
    """

    version: int
    uri: str
    online: str
    spine: str
    series: tuple[Series, ...]
    schema: Schema
    sets: dict[str, FeatureSet]
    fresh: dict[str, int] = {}

    def layout(self, name: str) -> Layout:
        """Return the layout of a set: its own features, out of the series of all."""
        one = self.sets[name]
        schema = self.schema | {self.spine: one.asked}
        return Layout(spine=self.spine, key=(), views=one.views, schema=schema, series=self.series)

    def adopt(self, layout: Layout) -> Layout:
        """Return a layout of features that are declared elsewhere, out of the series of all.

        Raises:
            ShipwayError: SW-801 if some of what they read is not kept, or not for as long.
        """
        for one in layout.series:
            if not any(_covers(other, one) for other in self.series):
                whose = f" of {', '.join(one.keys)}" if one.keys else ""
                fact = f"online store {self.online} does not keep what is read of {one.stream}{whose}"
                raise ShipwayError("SW-801", fact, "shipway features materialise fills one that does")
        for table, kinds in layout.schema.items():
            known = self.schema.get(table, {})
            other = next((name for name, kind in kinds.items() if known.get(name, kind) != kind), None)
            if other is not None and table != layout.spine:
                fact = f"{table}.{other} is {known[other]} in online store {self.online}, and was {kinds[other]}"
                raise ShipwayError("SW-801", fact, "release a version that was made since: shipway run")
        schema = self.schema | {layout.spine: self.schema.get(layout.spine, {}) | layout.schema.get(layout.spine, {})}
        return msgspec.structs.replace(layout, schema=schema, series=self.series)


def _covers(kept: Series, read: Series) -> bool:
    """Tell whether a series has everything that is read of another."""
    if (kept.stream, kept.keys, kept.where, kept.tree) != (read.stream, read.keys, read.where, read.tree):
        return False
    sums = dict(zip(kept.sums, kept.scaled, strict=True))
    if any(sums.get(expr) != scaled for expr, scaled in zip(read.sums, read.scaled, strict=True)):
        return False
    parts = ((kept.squares, read.squares), (kept.fading, read.fading), (kept.newest, read.newest))
    parts += ((kept.oldest, read.oldest), (kept.extrema, read.extrema))
    if any(set(theirs) - set(ours) for ours, theirs in parts):
        return False
    return kept.keep_us is None or (read.keep_us is not None and read.keep_us <= kept.keep_us)
