"""The tables of classes against scikit-learn."""

from collections.abc import Callable

import numpy as np
import pytest
from sklearn import metrics
from sklearn.datasets import load_digits
from sklearn.naive_bayes import GaussianNB

from shipway.core.measure import Score
from shipway.testing.refusal import expect_refusal
from shipway.validation.confusion import profile_classes
from shipway.validation.performance import measure_score
from shipway.validation.sample import Sample

Build = Callable[..., Sample]
NAMES = ("damaged", "late", "lost", "on time")
RNG = np.random.default_rng(9)
Y = RNG.choice([1, 2, 3], 900, p=[0.3, 0.1, 0.6])  # nothing is damaged
P = RNG.dirichlet(np.ones(4), 900) + 0.5 * (Y[:, None] == np.arange(4))
P /= P.sum(axis=1, keepdims=True)


def test_each_class_and_the_matrix_are_what_scikit_learn_says(build: Build) -> None:
    found = profile_classes(build(Y, P, classes=NAMES))
    assert found is not None
    said = P.argmax(axis=1)
    np.testing.assert_array_equal(found["confusion"], metrics.confusion_matrix(Y, said))
    due = metrics.classification_report(Y, said, labels=range(4), output_dict=True, zero_division=0)
    for at, line in enumerate(found["classes"]):
        assert (line["label"], line["n"], line["chosen"]) == (NAMES[at], (at == Y).sum(), (said == at).sum())
        assert line["gap"][0] == pytest.approx(P[:, at].mean() - (at == Y).mean())
        assert line["gap"][1] < line["gap"][0] < line["gap"][2]
        assert line["precision"][0] == pytest.approx(due[str(at)]["precision"])
        if at:
            assert line["recall"][0] == pytest.approx(due[str(at)]["recall"])
            assert line["f1"][0] == pytest.approx(due[str(at)]["f1-score"])
            assert line["auc"][0] == pytest.approx(metrics.roc_auc_score(at == Y, P[:, at]))
            assert line["recall"][1] < line["recall"][0] < line["recall"][2]
    first = found["classes"][0]
    assert (first["recall"], first["auc"], first["f1"]) == (None, None, None)


def test_there_is_no_table_of_no_rows_or_no_classes(build: Build) -> None:
    assert profile_classes(build(Y[:0], P[:0], classes=NAMES)) == {"classes": [], "confusion": []}
    assert profile_classes(build(Y == 1, P[:, 1])) is None
    with expect_refusal("SW-104"):
        profile_classes(build(Y, P, classes=NAMES), "shop")


def test_handwritten_digits_are_told_as_scikit_learn_tells_them(build: Build) -> None:
    """Ten classes of a real table that comes with a package, learned from its first half."""
    x, y = load_digits(return_X_y=True)
    model = GaussianNB(var_smoothing=0.1).fit(x[:900] / 16, y[:900])
    y, p = y[900:].astype(np.int64), model.predict_proba(x[900:] / 16)
    sample = build(y, p, classes=tuple(map(str, range(10))))
    found = profile_classes(sample)
    assert found is not None
    said = model.predict(x[900:] / 16)
    np.testing.assert_array_equal(found["confusion"], metrics.confusion_matrix(y, said))
    due = metrics.classification_report(y, said, output_dict=True)
    for at, line in enumerate(found["classes"]):
        assert [line[key][0] for key in ("precision", "recall", "f1")] == pytest.approx(
            [due[str(at)][key] for key in ("precision", "recall", "f1-score")]
        )
    area = measure_score(Score("macro_auc"), sample)
    assert area.value == pytest.approx(metrics.roc_auc_score(y, p, multi_class="ovr"))
    assert all(line["recall"][1] < line["recall"][2] for line in found["classes"])
