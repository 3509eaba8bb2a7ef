"""The conformance suites of the ports ModelFormat and Runtime."""

import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shipway.core.bundle import measure_difference
from shipway.core.label import LabelKind
from shipway.core.tensor import MATRIX, PREDICTED
from shipway.ports.model import Contributing, ModelFormat, Predictor, Runtime
from shipway.testing.refusal import expect_refusal

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class FormatSample:
    """A format with what the suite needs to know of its library.

    Attributes:
        model_format: the format under test.
        runtime: an engine for the portable form.
        fit: trains an estimator on features of shape (rows, columns), labels and a seed; the same seed trains an equal
            one. The features have missing values and whole numbers; labels are of any number of classes, or positive
            numbers.
        unfitted: an estimator nobody fitted, or not enough to predict.
        predict: the library's own probabilities or numbers for an estimator and rows.
        tolerance: how far the native form may be from the estimator, as a share of what is above one; 0 where it is the
            estimator to the bit.
        portable: whether its estimators have an ONNX form; where none has, converting one is refused.
        kind: of the label that the estimators predict.
        declared: whether an estimator says itself which kind that is; one that does not has to be told.
        classes: of a label of classes, how many there are.
    """

    model_format: ModelFormat
    runtime: Runtime
    fit: Callable[[Floats, NDArray[Any], int], object]
    unfitted: object
    predict: Callable[[object, Floats], Floats]
    tolerance: float = 0.0
    portable: bool = True
    kind: LabelKind = "condition"
    declared: bool = True
    classes: int = 3

    def train(self, seed: int, fit_seed: int = 0) -> object:
        """Return an estimator of rows that a seed draws, and a label of the kind that is predicted."""
        return self.fit(*make_labelled(seed, self.kind, classes=self.classes), fit_seed)

    def dump(self, estimator: object) -> bytes:
        """Return an estimator's native form, the format being told of which kind of label it is."""
        return self.model_format.dump(estimator, self.kind)


@dataclass(frozen=True, slots=True)
class RuntimeSample:
    """A runtime with a portable model.

    Attributes:
        runtime: the runtime under test.
        portable: an ONNX graph of three columns.
        predict: what the graph says, computed some other way.
        kind: of the label that it predicts.
    """

    runtime: Runtime
    portable: bytes
    predict: Callable[[Floats], Floats]
    kind: LabelKind = "condition"


MakeFormat = Callable[[], FormatSample]
MakeRuntime = Callable[[], RuntimeSample]
FormatCase = Callable[[MakeFormat], None]
RuntimeCase = Callable[[MakeRuntime], None]

PORTABLE_TOLERANCE: Final = 1e-5
"""How far the portable form may be from the native one on any row of single-precision numbers, as a share of what is
above one."""


def make_rows(seed: int, rows: int = 2_000) -> tuple[Floats, Bools]:
    """Return features of three columns in single-precision numbers, and a label they explain in part.

    The columns are a real number with gaps, a code of eight categories with gaps, and a small whole number.
    """
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, 3))
    x[:, 1] = random.integers(0, 8, rows)
    x[:, 2] = np.round(x[:, 2] * 2)
    score = x[:, 0] + np.isin(x[:, 1], [1, 4, 6]) + 0.3 * x[:, 2] + random.normal(size=rows)
    x[:, :2][random.random((rows, 2)) < 0.1] = np.nan
    return x.astype(np.float32).astype(np.float64), score > 0.5


def make_labelled(seed: int, kind: LabelKind, rows: int = 2_000, classes: int = 3) -> tuple[Floats, NDArray[Any]]:
    """Return the features of `make_rows` with a label of a kind.

    Args:
        seed: for the rows.
        kind: conditions, positive numbers of 0 to 100 or so, or the codes of classes, of which the first is frequent.
        rows: how many.
        classes: how many there are.
    """
    x, y = make_rows(seed, rows)
    if kind == "condition":
        return x, y
    random = np.random.default_rng(seed)
    known = np.nan_to_num(x)
    score = 0.5 * known[:, 0] + np.isin(known[:, 1], [1, 4, 6]) + 0.2 * known[:, 2]
    if kind == "number":
        return x, np.exp(1.5 + score + 0.2 * random.normal(size=rows))
    edges = np.linspace(0.6, 1.6, classes - 1)
    return x, np.digitize(score + 0.5 * random.normal(size=rows), edges).astype(np.int64)


def shape_of(sample: FormatSample, rows: int) -> tuple[int, ...]:
    """Return the shape of what is predicted of some rows."""
    return (rows, sample.classes) if sample.kind == "class" else (rows,)


def expect_close(found: Floats, expected: Floats, tolerance: float) -> None:
    """Expect numbers to be others, those above one as a share of them."""
    assert found.shape == expected.shape
    off = measure_difference(found, expected)
    assert off.max(initial=0.0) <= tolerance, f"off by {off.max():.3g}, and {tolerance:g} is allowed"


def make_odd_rows(seed: int) -> Floats:
    """Return rows of the same columns as no training has them: gaps everywhere, unseen codes, huge and tiny values."""
    x = np.repeat(make_rows(seed, 200)[0], 3, axis=0)
    random = np.random.default_rng(seed)
    odd = np.asarray([np.nan, 0.0, -0.0, 1e30, -1e30, 1e-30, -1e-38, 16_777_217.0])
    for column in (0, 2):
        where = random.random(len(x)) < 0.4
        x[where, column] = random.choice(odd, int(where.sum()))
    codes = random.random(len(x)) < 0.4
    x[codes, 1] = random.choice([np.nan, -1.0, 8.0, 999.0, 3e9], int(codes.sum()))
    x[0] = np.nan
    return x.astype(np.float32).astype(np.float64)


def check_accepts_its_own(make: MakeFormat) -> None:
    """A format takes its library's estimators and leaves everything else to others."""
    sample = make()
    assert sample.model_format.name
    assert sample.model_format.accepts(sample.train(1))
    assert sample.model_format.accepts(sample.unfitted)
    for other in (None, object(), "estimator", {"predict": 1}, np.zeros(3), sample.model_format):
        assert not sample.model_format.accepts(other)


def check_native_form_is_the_estimator(make: MakeFormat) -> None:
    """What was dumped and loaded predicts what the estimator predicts, in the shape of its kind."""
    sample = make()
    estimator = sample.train(1)
    loaded = sample.model_format.load(sample.dump(estimator))
    assert loaded.predicts == sample.kind
    for x in (make_rows(2)[0], make_odd_rows(3)):
        found = loaded.predict(x)
        assert found.shape == shape_of(sample, len(x))
        assert found.dtype == np.float64
        assert np.isfinite(found).all()
        assert sample.kind == "number" or np.all((found >= 0.0) & (found <= 1.0))
        assert sample.kind != "class" or np.allclose(found.sum(axis=1), 1.0, rtol=0.0, atol=1e-6)
        expect_close(found, sample.predict(estimator, x), sample.tolerance)
        expect_inferred(loaded, x, found, sample.kind)


def expect_inferred(predictor: Predictor, x: Floats, expected: Floats, kind: LabelKind) -> None:
    """Expect a model of a label to say by name what it predicts, and to refuse anything but its one matrix."""
    said, name = predictor.infer({MATRIX: x}), PREDICTED[kind]
    assert list(said) == [name]
    np.testing.assert_array_equal(said[name], expected)
    assert said[name].dtype == np.float64
    for wrong in ({}, {"other": x}, {MATRIX: x, "other": x}, {MATRIX: x[:, :2]}):
        with expect_refusal("SW-202"):
            predictor.infer(wrong)


def check_prediction_is_row_by_row(make: MakeFormat) -> None:
    """A row's prediction does not depend on the rows it stands among, and no rows give no predictions."""
    sample = make()
    data = sample.dump(sample.train(1))
    x = make_rows(2)[0][:40]
    forms: list[Predictor] = [sample.model_format.load(data)]
    if sample.portable:
        forms.append(sample.runtime.load(sample.model_format.to_onnx(data, 3)))
    for predictor in forms:
        together = predictor.predict(x)
        alone = [predictor.predict(x[row : row + 1])[0] for row in range(len(x))]
        expect_close(together, np.array(alone), 2e-7)
        assert predictor.predict(x[:0]).shape == shape_of(sample, 0)
        for wrong in (x[:, :2], np.hstack([x, x])):
            with expect_refusal("SW-202"):
                predictor.predict(wrong)


def check_equal_estimators_give_equal_bytes(make: MakeFormat) -> None:
    """Both forms are the same bytes for estimators trained alike, and others for estimators trained otherwise."""
    sample = make()
    first, again = sample.train(1), sample.train(1)
    data = sample.dump(first)
    assert data == sample.dump(first) == sample.dump(again)
    if sample.portable:
        assert sample.model_format.to_onnx(data, 3) == sample.model_format.to_onnx(bytes(data), 3)
    assert data != sample.dump(sample.train(4))


def check_portable_form_agrees(make: MakeFormat) -> None:
    """The ONNX form predicts what the native form predicts, also for rows as no training has them; or there is none."""
    sample = make()
    data = sample.dump(sample.train(1))
    if not sample.portable:
        with expect_refusal("SW-501"):
            sample.model_format.to_onnx(data, 3)
        return
    native, portable = sample.model_format.load(data), sample.runtime.load(sample.model_format.to_onnx(data, 3))
    assert portable.predicts == sample.kind
    for x in (make_rows(2)[0], make_odd_rows(3)):
        expect_close(portable.predict(x), native.predict(x), PORTABLE_TOLERANCE)


def check_contributions_add_up(make: MakeFormat) -> None:
    """Where a model says what each column adds, that is what it predicts, from one baseline for all rows."""
    sample = make()
    x, y = make_labelled(1, sample.kind, classes=sample.classes)
    # The last column is the same in every row, so that nothing can be learned from it.
    wide = np.column_stack([x, np.full(len(x), 2.0)])
    predictor = sample.model_format.load(sample.dump(sample.fit(wide, y, 0)))
    if not isinstance(predictor, Contributing):
        return
    for odd in (make_rows(2)[0][:300], make_odd_rows(3)):
        rows = np.column_stack([odd, np.full(len(odd), 5.0)])
        added = predictor.contribute(rows)
        if added is None:
            return
        assert added.shape == (*shape_of(sample, len(rows)), 5)
        assert added.dtype == np.float64
        expect_close(_link(sample.kind, added.sum(axis=-1)), predictor.predict(rows), PORTABLE_TOLERANCE)
        assert (added[..., 3] == 0).all()
        assert (np.ptp(added[..., 4], axis=0) == 0).all()
        assert (added[..., :3] != 0).any(axis=0).all()
    assert predictor.contribute(wide[:0]) is not None
    with expect_refusal("SW-202"):
        predictor.contribute(wide[:, :2])


def _link(kind: LabelKind, total: Floats) -> Floats:
    """Return what is predicted where the parts of a prediction add up to this."""
    if kind == "number":
        return total
    if kind == "condition":
        return 1 / (1 + np.exp(-total))
    np.testing.assert_allclose(total.mean(axis=1), 0.0, atol=1e-9)
    odds = np.exp(total)
    return odds / odds.sum(axis=1, keepdims=True)


def check_wrong_columns_are_refused(make: MakeFormat) -> None:
    """A conversion for another number of columns than the model reads is refused."""
    sample = make()
    data = sample.dump(sample.train(1))
    for columns in (2, 4):
        with expect_refusal("SW-501"):
            sample.model_format.to_onnx(data, columns)


def check_unfit_is_refused(make: MakeFormat) -> None:
    """An estimator that was not fitted, or tells more than two classes apart, has no form."""
    sample = make()
    with expect_refusal("SW-501"):
        sample.dump(sample.unfitted)
    if sample.kind == "condition":
        x, y = make_rows(1)
        three = sample.fit(x, y.astype(np.int64) + (x[:, 2] > 0), 0)
        with expect_refusal("SW-501"):
            sample.dump(three)


def check_kind_is_that_of_the_label(make: MakeFormat) -> None:
    """An estimator is refused for a label of another kind; one that does not say its kind, unless it is told.

    Two classes are learned as a condition is, so that what did may be either.
    """
    sample = make()
    estimator = sample.train(1)
    if not sample.declared:
        with expect_refusal("SW-501"):
            sample.model_format.dump(estimator)
        return
    two = sample.kind == "class" and sample.classes == 2
    assert two or sample.model_format.dump(estimator) == sample.dump(estimator)
    others: dict[LabelKind, tuple[LabelKind, ...]] = {
        "condition": ("number",),
        "number": ("condition", "class"),
        "class": ("number",) if two else ("number", "condition"),
    }
    for other in others[sample.kind]:
        with expect_refusal("SW-501"):
            sample.model_format.dump(estimator, other)


def check_strange_bytes_are_refused(make: MakeFormat) -> None:
    """Bytes that are no model are refused, and nothing in them is run."""
    sample = make()
    data = sample.dump(sample.train(1))
    for strange in (b"", b"junk", b"\x00" * 64, data[: len(data) // 2], data[1:]):
        with expect_refusal("SW-502"):
            sample.model_format.load(strange)
    with TemporaryDirectory() as folder:
        trap = Path(folder, "trap")
        with expect_refusal("SW-502"):
            sample.model_format.load(pickle.dumps(_Trap(str(trap))))
        assert not trap.exists(), "loading ran code from the bytes"


class _Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        import os

        return os.mkdir, (self.path,)


def check_runtime_predicts(make: MakeRuntime) -> None:
    """A runtime gives what the graph predicts, whatever the memory layout of the rows."""
    sample = make()
    predictor = sample.runtime.load(sample.portable)
    assert sample.runtime.name
    assert predictor.predicts == sample.kind
    for x in (make_rows(2)[0], make_odd_rows(3), np.asfortranarray(make_rows(5)[0]), make_rows(6)[0][::-3]):
        found = predictor.predict(x)
        assert found.shape == (len(x),)
        assert found.dtype == np.float64
        expect_close(found, sample.predict(x), PORTABLE_TOLERANCE)
        expect_inferred(predictor, x, found, sample.kind)
    assert predictor.predict(np.empty((0, 3))).shape == (0,)


def check_runtime_is_shared_by_threads(make: MakeRuntime) -> None:
    """One predictor answers several threads at once as it answers one."""
    sample = make()
    predictor = sample.runtime.load(sample.portable)
    x = make_rows(2)[0][:500]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(predictor.predict, [x] * 16))
    for answer in answers:
        np.testing.assert_array_equal(answer, answers[0])


def check_runtime_refuses_strange_bytes(make: MakeRuntime) -> None:
    """Bytes that are no graph, and rows of other columns, are refused."""
    sample = make()
    for strange in (b"", b"junk", b"\x00" * 64, sample.portable[: len(sample.portable) // 2]):
        with expect_refusal("SW-502"):
            sample.runtime.load(strange)
    with expect_refusal("SW-202"):
        sample.runtime.load(sample.portable).predict(np.zeros((2, 4)))


FORMAT_CASES: Final[tuple[FormatCase, ...]] = (
    check_accepts_its_own,
    check_native_form_is_the_estimator,
    check_prediction_is_row_by_row,
    check_equal_estimators_give_equal_bytes,
    check_portable_form_agrees,
    check_contributions_add_up,
    check_wrong_columns_are_refused,
    check_unfit_is_refused,
    check_kind_is_that_of_the_label,
    check_strange_bytes_are_refused,
)
"""The cases every ModelFormat passes."""

RUNTIME_CASES: Final[tuple[RuntimeCase, ...]] = (
    check_runtime_predicts,
    check_runtime_is_shared_by_threads,
    check_runtime_refuses_strange_bytes,
)
"""The cases every Runtime passes."""
