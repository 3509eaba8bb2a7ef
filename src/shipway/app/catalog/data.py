"""What the catalog says of each thing that a project declares about data."""

from typing import Final, Literal, TypeAlias

import msgspec

from shipway.core.statistic import ColumnStatistic

EntryKind: TypeAlias = Literal["source", "entity", "view", "feature", "label"]

NodeKind: TypeAlias = Literal[
    "raw", "source", "stream", "entity", "view", "feature", "label", "model", "version", "service", "gate"
]
KINDS: Final[tuple[NodeKind, ...]] = (
    "raw", "source", "stream", "entity", "view", "feature", "label", "model", "version", "service", "gate",
)  # fmt: skip
"""What lineage is between, from where data comes from to where it ends."""


class Freshness(msgspec.Struct, frozen=True, kw_only=True):
    """How fresh a source is, and should be.

    Attributes:
        expected_us: how old its newest known-at may be; None where nothing is expected.
        newest_at: the newest known-at of the admitted data that is not after the project's present, microseconds since
            1970 UTC; None without data.
        age_us: how old that is at the project's present.
        late: whether that is more than is expected; None where nothing is, or there is no data.
    """

    expected_us: int | None = None
    newest_at: int | None = None
    age_us: int | None = None
    late: bool | None = None


class ColumnEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One column of a source: its kind (None before data was admitted), and at which instant it is known."""

    name: str
    kind: str | None
    known_at: str


class Links(msgspec.Struct, frozen=True, kw_only=True):
    """What is above and below a thing, by kind of what it is: all of it, not only the next."""

    upstream: dict[str, list[str]] = {}
    downstream: dict[str, list[str]] = {}


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing of the catalog; what its kind does not have is left at its default.

    Attributes:
        kind: what it is.
        name: its name; a feature's is `view.feature`.
        owner: who answers for it; empty where nobody is named.
        doc: what it is, in words.
        tags: words that it is found by.
        definition: the declaration as written.
        links: what is above and below it.
        keys: columns that identify a row of a source or an entity, or that must be given to ask for a view.
        about: of a view, the entity's name or the source whose rows it is about; of a feature, its view.
        column: of a feature, its column in a frame.
        type: of a feature, the kind of its values; None before data was admitted.
        known_at: of a feature or a label, the streams that it reads, each known at the instant that it is named by;
            where it reads the row asked about, that column with its instant.
        statistic: of a feature, what it looked like in the newest frame; None before there was one.
        features: of a view, in the order of the frame's columns.
        raw: of a source, the raw inputs that it is made of.
        rows: of a source, rows of the admitted data.
        columns: of a source, its columns.
        freshness: of a source, how fresh it is.
    """

    kind: EntryKind
    name: str
    owner: str = ""
    doc: str = ""
    tags: tuple[str, ...] = ()
    definition: str
    links: Links
    keys: tuple[str, ...] = ()
    about: str = ""
    column: str = ""
    type: str | None = None
    known_at: tuple[str, ...] = ()
    statistic: ColumnStatistic | None = None
    features: "tuple[Entry, ...]" = ()
    raw: tuple[str, ...] = ()
    rows: int | None = None
    columns: tuple[ColumnEntry, ...] = ()
    freshness: Freshness | None = None


class Catalog(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a project declares about data, with what is known of it.

    Attributes:
        project: the project's name.
        owner: who answers for it.
        now: its present, microseconds since 1970 UTC.
        commit: the admitted data; None before there was any.
        sources: in order of declaration, as the others.
        entities: likewise.
        views: likewise.
        labels: likewise.
    """

    project: str
    owner: str
    now: int
    commit: str | None
    sources: tuple[Entry, ...]
    entities: tuple[Entry, ...]
    views: tuple[Entry, ...]
    labels: tuple[Entry, ...]

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Return all of it, features behind their view."""
        views = [each for view in self.views for each in (view, *view.features)]
        return (*self.sources, *self.entities, *views, *self.labels)
