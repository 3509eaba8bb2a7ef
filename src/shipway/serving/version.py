"""A version behind a service, ready to predict: its bundle, and the feed that its feature vectors come from."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shipway.core.error import ShipwayError
from shipway.core.online import Layout, Scalar
from shipway.core.service import Routing, Variant
from shipway.core.tensor import MATRIX, PROBABILITY, Tensors
from shipway.serving.current import CurrentReader
from shipway.serving.log import PredictionLog
from shipway.serving.model import LoadedBundle
from shipway.serving.reader import FeatureReader
from shipway.serving.refusal import pass_on, refuse
from shipway.serving.vector import Vectors, pack_vectors

logger: Final = logging.getLogger(__name__)

_ASK_OTHER: Final = "look at the row's features; another version may answer it"

Place = tuple[Vectors, int]
"""Where a row's vector is: among others, and which of them."""


@dataclass(frozen=True, slots=True, eq=False)
class Feed:
    """Vectors of one layout out of one online store; versions that read the same share it.

    Attributes:
        online: the store's name.
        layout: which features.
        texts: places of the text columns.
        reader: reads them.
    """

    online: str
    layout: Layout
    texts: tuple[int, ...]
    reader: FeatureReader | CurrentReader


@dataclass(frozen=True, slots=True, eq=False)
class Version:
    """One version behind a service.

    Attributes:
        variant: which.
        model: the model's name.
        bundle: what predicts; None where it could not be loaded.
        feed: where its vectors come from; None where it could not be loaded, or answers by vector only.
        fault: why it could not be loaded, which is then what it says to every request.
    """

    variant: Variant
    model: str
    bundle: LoadedBundle | None = None
    feed: Feed | None = None
    fault: ShipwayError | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Served:
    """A routing in force with its versions.

    Attributes:
        routing: how requests are shared.
        stable: answers what the candidate does not.
        candidate: the version on trial.
        log: takes what they predict.
    """

    routing: Routing
    stable: Version
    candidate: Version | None
    log: PredictionLog

    @property
    def versions(self) -> tuple[Version, ...]:
        """Return the versions behind the service."""
        return (self.stable,) if self.candidate is None else (self.stable, self.candidate)

    @property
    def layout(self) -> Layout | None:
        """Return the layout that names rows; None where no version could be loaded."""
        return next((version.feed.layout for version in self.versions if version.feed is not None), None)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a version said of one request.

    Attributes:
        p: the probability; NaN where it failed.
        error: why it failed.
        latency_us: real time from the vectors to the probabilities of the whole batch.
    """

    p: float
    error: ShipwayError | None
    latency_us: int


def read_places(
    feed: Feed, rows: Sequence[Mapping[str, Scalar]], instants: Sequence[int]
) -> list[Place | ShipwayError]:
    """Read the vectors of some rows; what fails for one of them leaves the others alone.

    Args:
        feed: where from.
        rows: as `check_row` returns them.
        instants: the instant asked for each.
    """
    try:
        vectors = pack_vectors(feed.reader.read(rows, instants), feed.texts)
    except Exception as error:
        if len(rows) > 1:
            pairs = zip(rows, instants, strict=True)
            return [read_places(feed, [row], [at])[0] for row, at in pairs]
        logger.exception("no vector was read from online store %s", feed.online)
        return [_explain(error, f"the online store {feed.online}")]
    return [(vectors, place) for place in range(len(rows))]


def predict(version: Version, places: Sequence[Place | ShipwayError]) -> list[Outcome]:
    """Predict some rows; what fails for one of them leaves the others alone.

    Args:
        version: what predicts.
        places: the rows' vectors, or why there is none.
    """
    outcomes = [Outcome(np.nan, place, 0) if isinstance(place, ShipwayError) else None for place in places]
    if version.bundle is None:
        return [Outcome(np.nan, version.fault, 0) for _ in places]
    groups: dict[int, tuple[Vectors, list[int], list[int]]] = {}
    for at, place in enumerate(places):
        if not isinstance(place, ShipwayError):
            vectors, row = place
            _, ats, rows = groups.setdefault(id(vectors), (vectors, [], []))
            ats.append(at)
            rows.append(row)
    for vectors, ats, rows in groups.values():
        for at, outcome in zip(ats, _predict_rows(version, version.bundle, vectors, rows), strict=True):
            outcomes[at] = outcome
    return [outcome for outcome in outcomes if outcome is not None]


def _predict_rows(version: Version, bundle: LoadedBundle, vectors: Vectors, rows: list[int]) -> list[Outcome]:
    assert bundle.encoder is not None, "vectors are read for a bundle with features"
    start = perf_counter_ns()
    try:
        found: list[float] = bundle.predictor.predict(bundle.encoder.encode(vectors, rows)).tolist()
    except Exception as error:
        if len(rows) > 1:
            return [_predict_rows(version, bundle, vectors, [row])[0] for row in rows]
        logger.exception("%s@%d failed", version.model, version.variant.version)
        return [Outcome(np.nan, _explain(error, f"{version.model}@{version.variant.version}"), _since(start))]
    latency_us = _since(start)
    return [
        Outcome(p, None, latency_us) if 0.0 <= p <= 1.0 else Outcome(np.nan, _deny(version, p), latency_us)
        for p in found
    ]


def predict_vectors(version: Version, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Predict vectors that a caller sent; any thread may.

    Args:
        version: one that was loaded.
        x: what the model reads, shape (rows, inputs).

    Returns:
        Probabilities, shape (rows,).

    Raises:
        RefusedError: 503 with SW-801 if the version fails, or one of its answers is no probability.
    """
    assert version.bundle is not None
    if not len(x):
        return np.empty(0)
    try:
        p = version.bundle.predictor.predict(x)
    except Exception as error:
        logger.exception("%s@%d failed", version.model, version.variant.version)
        raise pass_on(_explain(error, f"{version.model}@{version.variant.version}")) from error
    wrong = np.flatnonzero(~((p >= 0.0) & (p <= 1.0)))
    if len(wrong):
        raise pass_on(_deny(version, float(p[wrong[0]])))
    return p


def infer(version: Version, tensors: Tensors, rows: int) -> dict[str, NDArray[Any]]:
    """Return what a version says of tensors that a caller sent; any thread may.

    Args:
        version: one that was loaded.
        tensors: what the model reads, by name.
        rows: how many there are.

    Raises:
        RefusedError: 503 with SW-801 if the version fails, or gives something else than its bundle says; 422 for shapes
            that do not go together.
    """
    assert version.bundle is not None
    manifest = version.bundle.manifest
    if manifest.binary:
        return {PROBABILITY: predict_vectors(version, tensors[MATRIX])}
    who = f"{version.model}@{version.variant.version}"
    try:
        outputs = version.bundle.predictor.infer(tensors)
    except Exception as error:
        if isinstance(error, ShipwayError) and error.code == "SW-202":
            raise refuse(422, error.fact, error.hint) from error
        logger.exception("%s failed", who)
        raise pass_on(_explain(error, who)) from error
    for column in manifest.outputs:
        values = outputs.get(column.name)
        if values is None or len(values) != rows:
            said = "nothing" if values is None else f"shape {list(values.shape)}"
            raise pass_on(ShipwayError("SW-801", f"{who} gave {said} as {column.name!r} of {rows} rows", _ASK_OTHER))
    return outputs


def _since(start_ns: int) -> int:
    return (perf_counter_ns() - start_ns) // 1_000


def _deny(version: Version, p: float) -> ShipwayError:
    fact = f"{version.model}@{version.variant.version} predicted {p}, which is no probability"
    return ShipwayError("SW-801", fact, _ASK_OTHER)


def _explain(error: Exception, who: str) -> ShipwayError:
    if isinstance(error, ShipwayError):
        return error
    said = (str(error).strip().splitlines() or ["no message"])[0]
    return ShipwayError("SW-801", f"{who} failed: {type(error).__name__}: {said}", "the server's log says more")
