"""What is known at one look: of a release on trial, and of a service. Checks measure these, and nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from shipway.core.error import ShipwayError
from shipway.core.label import LabelKind
from shipway.core.service import CANDIDATE, STABLE

ORDER: Final = ("at", "request")
"""What rows are sorted by before anything is added up: a sum of floats depends on its order, evidence must not."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CanaryWindow:
    """What is known of a release at one look.

    Attributes:
        pairs: rows of `reading.pair_versions` since the release began.
        labels: columns row, label (Boolean, a number or text) and known_at, as `reading.join_labels` reads them.
        newest: variant (`stable`, `candidate`) to what its vectors were read from: columns request and `newest STREAM`
            for each stream; needed where the two read different online stores.
        online: variant to the name of the online store it reads.
        versions: variant to its version's number.
        since: when the present step began, microseconds since 1970 UTC.
        weight: the candidate's share in the present step; 0 in shadow.
        steps: how many steps of the walk are judged, which share each check's alpha.
        now: the domain time, microseconds since 1970 UTC.
        zone: time zone that the days are of.
        asked: columns at and known_at (null without a label) of the rows that were asked about before, which the delays
            of labels are learned from; of the release alone where empty.
        predicts: which kind of label both versions predict.
        scale: values of predictions, ascending, at shares of them in even steps from 0 to 1, by which numbers are
            compared as places among the others; none of a condition, and where nobody knows.
        classes: of a label of classes those that predictions are over, all that either version knows.
    """

    pairs: pl.DataFrame
    labels: pl.DataFrame
    newest: dict[str, pl.DataFrame]
    online: dict[str, str]
    versions: dict[str, int]
    since: int
    weight: float
    steps: int
    now: int
    zone: str = "UTC"
    asked: pl.DataFrame = field(default_factory=pl.DataFrame)
    predicts: LabelKind = "condition"
    scale: tuple[float, ...] = ()
    classes: tuple[str, ...] = ()

    @property
    def step(self) -> pl.DataFrame:
        """Return the pairs of the present step, ascending: asked since it began, and assigned by its weight."""
        asked = (pl.col("at") >= self.since) & (pl.col("at") <= self.now)
        return self.pairs.filter(asked, pl.col("weight") == self.weight).sort(ORDER)

    @property
    def stable(self) -> str:
        """Return what the stable version is called."""
        return f"version {self.versions[STABLE]}"

    @property
    def candidate(self) -> str:
        """Return what the version on trial is called."""
        return f"version {self.versions[CANDIDATE]}"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class LiveWindow:
    """What is known of a service at one look; a check reads its own window of it, which ends now.

    What no check of the look needs may be an empty frame.

    Attributes:
        answers: rows of `reading.served`.
        labels: columns row, label (Boolean, a number or text) and known_at, as `reading.join_labels` reads them.
        vectors: rows of `reading.read_vectors`, with the features and `newest STREAM` of each stream.
        reference: the rows that the version was trained on, with the features.
        offline: columns row, at and the features, computed offline for the rows that were asked about.
        features: names of the features.
        recomputed: as `offline`, for a sample of the vectors, each at the instant that it was asked for.
        now: the domain time, microseconds since 1970 UTC.
        zone: time zone that days are of.
        asked: columns at and known_at (null without a label) of the rows that were asked about before, which the delays
            of labels are learned from; of the window alone where empty.
        predicts: which kind of label the version predicts.
        classes: of a label of classes those that predictions are over.
    """

    answers: pl.DataFrame
    labels: pl.DataFrame
    vectors: pl.DataFrame
    reference: pl.DataFrame
    offline: pl.DataFrame
    features: Sequence[str]
    now: int
    zone: str = "UTC"
    asked: pl.DataFrame = field(default_factory=pl.DataFrame)
    recomputed: pl.DataFrame = field(default_factory=pl.DataFrame)
    predicts: LabelKind = "condition"
    classes: tuple[str, ...] = ()

    def take(self, rows: pl.DataFrame, last_us: int) -> pl.DataFrame:
        """Return the rows asked in the half-open window of a length that ends now, ascending.

        Raises:
            ShipwayError: SW-202 if the rows do not say when they were asked.
        """
        if "at" not in rows.columns:
            raise ShipwayError("SW-202", "rows of a live window lack column 'at'", "read what the check measures")
        taken = rows.filter(pl.col("at") > self.now - last_us, pl.col("at") <= self.now)
        return taken.sort([name for name in ORDER if name in rows.columns])
