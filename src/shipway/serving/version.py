"""A version behind a service, ready to predict: its bundle, and the feed that its feature vectors come from."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipway.core.error import ShipwayError
from shipway.core.label import NONE_SAID, RANGE, LabelKind
from shipway.core.online import Layout, Scalar
from shipway.core.service import Routing, Variant
from shipway.core.tensor import MATRIX, PREDICTED, Tensors
from shipway.kit.canonical import digest_value
from shipway.serving.current import CurrentReader
from shipway.serving.interface import Interface, make_interface
from shipway.serving.log import PredictionLog
from shipway.serving.model import LoadedBundle
from shipway.serving.reader import FeatureReader
from shipway.serving.record import OutputLog
from shipway.serving.refusal import pass_on, refuse
from shipway.serving.template import Template, make_template
from shipway.serving.usual import Usual, make_usual
from shipway.serving.vector import Vectors, pack_vectors

logger: Final = logging.getLogger(__name__)
_NAN: Final = float("nan")
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
        predicts: the kind of label that it says one number of, for each row of a matrix; None for any other model, and
            for one that could not be loaded.
        form: what its inputs are, as a digest; vectors that were read for one version do for another of its form. Empty
            for a model that does not say one number for each row of a matrix, which has none of what follows.
        usual: reads the usual requests that bring vectors.
        template: writes the usual answers to them.
        interface: what a model reads and says that does not say one number for each row of a matrix; None for one that
            does.
    """

    variant: Variant
    model: str
    bundle: LoadedBundle | None = None
    feed: Feed | None = None
    fault: ShipwayError | None = None
    predicts: LabelKind | None = None
    form: str = ""
    usual: Usual | None = None
    template: Template | None = None
    interface: Interface | None = None

    @property
    def output(self) -> str:
        """Return the name of the one output of a version that says one number for each row of a matrix."""
        return PREDICTED[self.predicts or "condition"]


@dataclass(frozen=True, slots=True, eq=False)
class Served:
    """A routing in force with its versions.

    Attributes:
        routing: how requests are shared.
        stable: answers what the candidate does not.
        candidate: the version on trial.
        log: takes what they predict.
        previous: what was stable before, since the server started; it answers only as a fallback.
        outputs: takes what they predict that do not say one number a row; it stands behind `log`.
    """

    routing: Routing
    stable: Version
    candidate: Version | None
    log: PredictionLog
    previous: Version | None = None
    outputs: OutputLog | None = None

    @property
    def versions(self) -> tuple[Version, ...]:
        """Return the versions behind the service."""
        return (self.stable,) if self.candidate is None else (self.stable, self.candidate)

    @property
    def interface(self) -> Interface | None:
        """Return what callers know of a service whose model does not say one number a row; None for one that does."""
        return self._known.interface

    @property
    def predicts(self) -> LabelKind | None:
        """Return the kind of label that the service says one number of; None for any other, and if none was loaded."""
        return self._known.predicts

    @property
    def layout(self) -> Layout | None:
        """Return the layout that names rows; None where no version could be loaded."""
        return next((version.feed.layout for version in self.versions if version.feed is not None), None)

    @property
    def _known(self) -> Version:
        """Return the version that callers know the service by: the stable one, or the other where that is not there."""
        return self.stable if self.stable.bundle is not None or self.candidate is None else self.candidate


class Outcomes(msgspec.Struct, eq=False, gc=False):
    """What a version said of some rows.

    Attributes:
        p: the probabilities, or the numbers; NaN where it failed.
        errors: why it failed, by place.
        latency_us: real time from the vectors to the predictions of the whole batch; 0 where there was no vector.
    """

    p: list[float]
    errors: dict[int, ShipwayError]
    latency_us: list[int]


def find_error(errors: Mapping[int, ShipwayError], first: int, last: int) -> ShipwayError | None:
    """Return why some rows have no prediction; None where all have one.

    Args:
        errors: why rows failed, by place.
        first: of the rows.
        last: the one behind them.
    """
    return next((errors[place] for place in range(first, last) if place in errors), None) if errors else None


def make_version(service: str, model: str, variant: Variant, bundle: LoadedBundle, feed: Feed | None) -> Version:
    """Return a version that was loaded, ready to answer under a service's name."""
    inputs, predicts = bundle.manifest.inputs, bundle.manifest.scalar
    if predicts is None:
        return Version(variant, model, bundle, feed, interface=make_interface(bundle.manifest))
    form = digest_value([[column.name, column.kind, column.categories] for column in inputs])
    template = make_template(service, variant.version, bundle.digest, PREDICTED[predicts])
    usual = make_usual(form, inputs)
    return Version(variant, model, bundle, feed, predicts=predicts, form=form, usual=usual, template=template)


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


def predict(version: Version, places: Sequence[Place | ShipwayError]) -> Outcomes:
    """Predict some rows; what fails for one of them leaves the others alone.

    Args:
        version: what predicts.
        places: the rows' vectors, or why there is none.
    """
    if version.bundle is None:
        assert version.fault is not None
        return fail_rows(len(places), version.fault)
    errors = {at: place for at, place in enumerate(places) if isinstance(place, ShipwayError)}
    found = [place for place in places if not isinstance(place, ShipwayError)]
    order = [at for at in range(len(places)) if at not in errors] if errors else range(len(places))
    if not found:
        return Outcomes([_NAN] * len(places), errors, [0] * len(places))
    try:
        said = _run(version, version.bundle, encode_places(version.bundle, found))
    except Exception as error:
        logger.exception("vectors for %s@%d cannot be encoded", version.model, version.variant.version)
        why = _explain(error, f"{version.model}@{version.variant.version}")
        return Outcomes([_NAN] * len(places), errors | dict.fromkeys(order, why), [0] * len(places))
    if not errors:
        return said
    # What was predicted stands without the rows that have no vector.
    spread = Outcomes([_NAN] * len(places), errors, [0] * len(places))
    for row, at in enumerate(order):
        spread.p[at], spread.latency_us[at] = said.p[row], said.latency_us[row]
        if row in said.errors:
            spread.errors[at] = said.errors[row]
    return spread


def encode_places(bundle: LoadedBundle, places: Sequence[Place]) -> NDArray[np.float64]:
    """Return vectors that were read as the matrix that a model reads.

    Args:
        bundle: one with features.
        places: the vectors of the rows.
    """
    assert bundle.encoder is not None, "vectors are read for a bundle with features"
    parts: list[NDArray[np.float64]] = []
    at = 0
    while at < len(places):
        vectors: Vectors = places[at][0]
        last = at + 1
        while last < len(places) and places[last][0] is vectors:
            last += 1
        parts.append(bundle.encoder.encode(vectors, [row for _, row in places[at:last]]))
        at = last
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def predict_matrix(version: Version, x: NDArray[np.float32]) -> Outcomes:
    """Predict vectors that callers sent; any thread may. What fails for one of them leaves the others alone.

    Args:
        version: what predicts.
        x: what its model reads, shape (rows, inputs), in single precision.
    """
    if version.bundle is None:
        assert version.fault is not None
        return fail_rows(len(x), version.fault)
    if not version.bundle.predictor.single:
        return _run(version, version.bundle, x.astype(np.float64))
    return _run(version, version.bundle, x)


def join_outcomes(parts: Sequence[Outcomes]) -> Outcomes:
    """Return what was said of some rows and of others after them."""
    if len(parts) == 1:
        return parts[0]
    joined = Outcomes([], {}, [])
    for part in parts:
        rows = len(joined.p)
        if part.errors:
            joined.errors |= {rows + place: error for place, error in part.errors.items()}
        joined.p += part.p
        joined.latency_us += part.latency_us
    return joined


def _run(
    version: Version, bundle: LoadedBundle, x: NDArray[np.float64] | NDArray[np.float32], *, told: bool = False
) -> Outcomes:
    """Predict rows together, and each by itself where that fails, of which the server's log is told once."""
    if not len(x):
        return Outcomes([], {}, [])
    start = perf_counter_ns()
    try:
        found: list[float] = bundle.predictor.predict(x).tolist()
    except Exception as error:
        if not told:
            logger.exception("%s@%d failed", version.model, version.variant.version)
        if len(x) > 1:
            return join_outcomes([_run(version, bundle, x[row : row + 1], told=True) for row in range(len(x))])
        return Outcomes([_NAN], {0: _explain(error, f"{version.model}@{version.variant.version}")}, [_since(start)])
    latency_us = _since(start)
    low, high = RANGE[version.predicts or "condition"]
    errors = {place: _deny(version, p) for place, p in enumerate(found) if not low <= p <= high}
    for place in errors:
        found[place] = _NAN
    return Outcomes(found, errors, [latency_us] * len(found))


def fail_rows(rows: int, error: ShipwayError) -> Outcomes:
    """Return what is said of rows that cannot be predicted."""
    return Outcomes([_NAN] * rows, dict.fromkeys(range(rows), error), [0] * rows)


def predict_vectors(version: Version, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Predict vectors that a caller sent; any thread may.

    Args:
        version: one that was loaded.
        x: what the model reads, shape (rows, inputs).

    Returns:
        Probabilities, or numbers, shape (rows,).

    Raises:
        RefusedError: 503 with SW-801 if the version fails, or one of its answers is no probability, or no finite
            number.
    """
    assert version.bundle is not None
    if not len(x):
        return np.empty(0)
    try:
        p = version.bundle.predictor.predict(x)
    except Exception as error:
        logger.exception("%s@%d failed", version.model, version.variant.version)
        raise pass_on(_explain(error, f"{version.model}@{version.variant.version}")) from error
    low, high = RANGE[version.predicts or "condition"]
    wrong = np.flatnonzero(~((p >= low) & (p <= high)))
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
    if version.predicts is not None:
        return {version.output: predict_vectors(version, tensors[MATRIX])}
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
    said = NONE_SAID[version.predicts or "condition"]
    fact = f"{version.model}@{version.variant.version} predicted {p}, which is {said}"
    return ShipwayError("SW-801", fact, _ASK_OTHER)


def _explain(error: Exception, who: str) -> ShipwayError:
    if isinstance(error, ShipwayError):
        return error
    said = (str(error).strip().splitlines() or ["no message"])[0]
    return ShipwayError("SW-801", f"{who} failed: {type(error).__name__}: {said}", "the server's log says more")
