import numpy as np
import pytest

from shipway import behaviours as b
from shipway.core.error import ShipwayError
from shipway.core.probe import Reader
from shipway.validation.answer import Answers, read_answers, violate

THREE = Reader(classes=("bad", "flat", "good"), cuts=(-0.05, 0.05))


def test_one_number_is_cut_into_classes():
    found = read_answers(np.array([-0.06, -0.05, 0.0, 0.05]), THREE, 4)
    assert found.label.tolist() == ["bad", "flat", "flat", "good"]
    assert read_answers(np.array([[0.4], [0.6]]), Reader(classes=("no", "yes")), 2).label.tolist() == ["no", "yes"]
    assert read_answers(np.array([0.4]), Reader(), 1).label is None


def test_the_greatest_of_several_numbers_is_the_class():
    found = read_answers(np.array([[0.1, 0.9], [0.7, 0.3]]), Reader(classes=("no", "yes"), place=1), 2)
    assert (found.label.tolist(), found.value.tolist()) == (["yes", "no"], [0.9, 0.3])


def test_texts_are_classes():
    found = read_answers(np.array(["yes", "no"], dtype=object), Reader(), 2)
    assert found.label.tolist() == ["yes", "no"]
    assert np.isnan(found.value).all()


@pytest.mark.parametrize(
    ("output", "reader"),
    [
        (np.zeros(3), Reader()),
        (np.zeros((2, 3)), Reader(place=3)),
        (np.zeros((2, 3)), Reader(classes=("a", "b"))),
        (np.zeros(2), Reader(classes=("a", "b", "c"))),
        (np.array([["a", "b"], ["a", "b"]]), Reader()),
    ],
)
def test_an_answer_that_cannot_be_read_is_refused(output, reader):
    with pytest.raises(ShipwayError) as refused:
        read_answers(output, reader, 2)
    assert refused.value.code == "SW-433"


def answers(*values, labels=None):
    return Answers(np.array(values), None if labels is None else np.array(labels, dtype=object))


@pytest.mark.parametrize(
    ("expect", "before", "after", "fails"),
    [
        (b.at_least(0.5), None, answers(0.4, 0.5), [True, False]),
        (b.at_most(0.5), None, answers(0.5, 0.6), [False, True]),
        (b.never_falls(0.01), answers(0.5, 0.5, 0.5), answers(0.6, 0.495, 0.48), [False, False, True]),
        (b.never_rises(0.01), answers(0.5, 0.5), answers(0.52, 0.1), [True, False]),
        (b.stays(0.01), answers(0.5, 0.5, 0.5), answers(0.52, 0.48, 0.5), [True, True, False]),
        (b.rises(0.1), answers(0.5, 0.5), answers(0.59, 0.61), [True, False]),
        (b.says("a"), None, answers(0.0, 0.0, labels=["a", "b"]), [False, True]),
        (b.keeps_class(), answers(0.1, 0.1, labels=["a", "a"]), answers(0.9, 0.1, labels=["a", "b"]), [False, True]),
    ],
)
def test_what_is_not_as_expected_fails(expect, before, after, fails):
    assert (violate(expect, before, after) > 0).tolist() == fails


def test_a_number_or_a_class_that_is_not_said_is_refused():
    for expect, given in ((b.at_least(0), answers(np.nan, labels=["a"])), (b.says("a"), answers(0.5))):
        with pytest.raises(ShipwayError) as refused:
            violate(expect, None, given)
        assert refused.value.code == "SW-433"


def test_a_number_that_is_none_fails_whatever_is_expected():
    two = Reader(classes=("no", "yes"))
    good, lost = (read_answers(np.array(values), two, 2) for values in ([0.7, 0.7], [np.nan, 0.7]))
    for expect in (b.at_least(0), b.says("yes")):
        assert (violate(expect, None, lost) > 0).tolist() == [True, False]
    for expect in (b.stays(0.1), b.keeps_class()):
        assert (violate(expect, good, lost) > 0).tolist() == [True, False]
        assert (violate(expect, lost, good) > 0).tolist() == [True, False]
    several = read_answers(np.array([[np.nan, 0.7], [0.3, 0.7]]), two, 2)
    assert (violate(b.says("yes", "no"), None, several) > 0).tolist() == [True, False]
    assert lost.take(np.array([0])).lost.tolist() == [True]
