"""Sets of features that are served by name: each view by what it is about, each model's features by what it reads."""

from typing import Final

import msgspec

from shipway.core.column import Kind, Schema
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
    """

    version: int
    uri: str
    online: str
    spine: str
    series: tuple[Series, ...]
    schema: Schema
    sets: dict[str, FeatureSet]

    def layout(self, name: str) -> Layout:
        """Return the layout of a set: its own features, out of the series of all."""
        one = self.sets[name]
        schema = self.schema | {self.spine: one.asked}
        return Layout(spine=self.spine, key=(), views=one.views, schema=schema, series=self.series)
