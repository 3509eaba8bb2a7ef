import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipway import behaviours as b
from shipway.core.bundle import InputColumn
from shipway.core.probe import Reader
from shipway.validation.answer import read_answers
from shipway.validation.probe import measure_rows, measure_texts
from shipway.validation.row import Rows

WIDTH = 12
COLUMNS = (
    *(InputColumn(name=f"x{i}", kind="number", low=-100.0, high=100.0) for i in range(WIDTH - 1)),
    InputColumn(name="c", kind="category", categories=("a", "b", "d")),
)


def rows(seed=0, n=400):
    random = np.random.default_rng(seed)
    x = random.normal(0, 20, (n, WIDTH)).clip(-90, 90)
    x[:, -1] = random.choice(3, n, p=(0.6, 0.2, 0.2))
    return Rows(x, COLUMNS)


class Model:
    """A model that counts how it is asked."""

    def __init__(self, function):
        self.function, self.batches, self.asked = function, 0, 0

    def __call__(self, cases):
        self.batches += 1
        self.asked += len(cases)
        return read_answers(self.function(cases), Reader(classes=("no", "yes")), len(cases))


def falls_between(x):
    """Rise with x0, but fall from 10 on where x3 is above 25 and the category is b."""
    wrong = (x[:, 3] > 25) & (x[:, -1] == 1) & (x[:, 0] >= 10)
    return 0.5 + 0.001 * x[:, 0] - 0.3 * wrong


def test_a_row_is_shrunk_to_what_it_takes():
    probe = b.probe("t", change=[b.add("x0", 40), b.add("x1", 20)], expect=b.never_falls(0.0), cases=400).measure
    model = Model(falls_between)
    found = measure_rows("t", probe, rows(), model).counterexample
    assert set(found.changed) == {"x0"}
    old, new = found.changed["x0"]
    assert old < 10 <= new
    assert new - old <= 10
    assert set(found.others) == {"x3", "c"}
    assert found.others["c"] == "b"
    assert found.others["x3"] > 25
    assert found.typical
    assert len(f"{found.others['x3']:g}") <= 2, "numbers that matter are rounded"
    assert (found.batches, found.asked) != (0, 0)
    assert model.batches == found.batches + 2
    assert found.before.value > found.after.value


def test_the_change_is_made_smaller_and_rounder():
    probe = b.probe("t", change=b.add("x0", 37.3), expect=b.never_falls(0.006)).measure
    found = measure_rows("t", probe, rows(), Model(lambda x: 0.5 - 0.001 * x[:, 0])).counterexample
    old, new = found.changed["x0"]
    assert new - old == pytest.approx(10, abs=1e-3)
    assert found.others == {}


@settings(max_examples=15)
@given(st.integers(0, 10_000))
def test_what_is_shown_fails_and_comes_again(seed):
    probe = b.probe("t", change=[b.add("x0", 40), b.noise("x2", 5)], expect=b.never_falls(0.0)).measure
    given_ = rows(seed)
    first, second = (measure_rows("t", probe, given_, Model(falls_between), seed=seed) for _ in range(2))
    assert first.counterexample == second.counterexample
    if first.counterexample is not None:
        assert first.counterexample.after.value < first.counterexample.before.value
    assert (first.reading.facts["failed"] > 0) == (first.counterexample is not None)


def test_a_test_of_the_case_itself_keeps_all_that_was_put_into_it():
    probe = b.probe("t", change=[b.put("x0", 50), b.put("c", "b")], expect=b.at_least(0.9)).measure
    found = measure_rows("t", probe, rows(), Model(falls_between)).counterexample
    assert found.changed["x0"][1] == 50
    assert found.others == {}


def test_numbers_that_are_whole_stay_whole():
    given_ = rows()
    whole = Rows(np.round(given_.x), COLUMNS)
    probe = b.probe("t", change=b.add("x0", 7), expect=b.never_falls(0.0)).measure
    found = measure_rows("t", probe, whole, Model(lambda x: 0.5 - 0.001 * x[:, 0])).counterexample
    old, new = found.changed["x0"]
    assert isinstance(old, int)
    assert new - old == 1


def test_a_model_that_answers_differently_when_asked_again_is_shown_all_the_same():
    random = np.random.default_rng(5)
    probe = b.probe("t", change=b.add("x0", 7), expect=b.never_falls(0.0)).measure
    found = measure_rows("t", probe, rows(), Model(lambda x: random.random(len(x)))).counterexample
    assert found is not None


def test_a_text_is_shrunk_to_the_word_and_the_edit_that_matter():
    def shouts(texts):
        return np.array([0.1 if "SEAT" in text else 0.9 for text in texts])

    probe = b.probe("t", "we like this {thing} a lot", change=b.case("upper"), expect=b.keeps_class()).measure
    model = Model(shouts)
    found = measure_texts("t", probe, {"thing": ("crew", "seat")}, model).counterexample
    assert (found.text_before, found.text_after) == ("seat", "SEAT")
    assert found.case == "we like this seat a lot"
    assert (found.before.label, found.after.label) == ("yes", "no")


def test_of_texts_that_are_the_test_themselves_the_shortest_is_shown():
    probe = b.probe("t", "a very {good} day", "{good}", expect=b.says("yes")).measure
    found = measure_texts(
        "t", probe, {"good": ("great", "ok")}, Model(lambda texts: np.zeros(len(texts)))
    ).counterexample
    assert (found.text_before, found.text_after) == ("", "ok")


def test_shrinking_asks_in_few_batches():
    probe = b.probe("t", change=[b.add(f"x{i}", 30) for i in range(8)], expect=b.never_falls(0.0)).measure
    model = Model(falls_between)
    found = measure_rows("t", probe, rows(), model).counterexample
    assert set(found.changed) <= {"x0", "x3"}
    assert len(found.changed) == 1
    assert found.batches <= 40


@settings(max_examples=15)
@given(st.integers(0, 10_000))
def test_what_is_shown_is_a_case_of_the_test(seed):
    given_ = rows(seed)
    lowers = Model(lambda x: 0.5 - 0.001 * x[:, 0])
    probe = b.probe("t", change=b.add("x0", 40), expect=b.never_falls(0.0), where={"x3": (20, 30), "c": "b"}).measure
    found = measure_rows("t", probe, given_, lowers, seed=seed).counterexample
    if found is not None:
        assert 20 <= found.others["x3"] <= 30
        assert found.others["c"] == "b"
        assert found.changed["x0"][1] <= 100


def test_an_amount_stays_whole_where_the_answer_has_to_move_by_so_much():
    probe = b.probe("t", change=[b.add("x0", 10), b.add("x1", 10)], expect=b.rises(0.5)).measure
    flat_from = Model(lambda x: 0.03 * np.minimum(x[:, 0], 50) + 0.03 * x[:, 1])
    found = measure_rows("t", probe, rows(), flat_from).counterexample
    assert {name: new - old for name, (old, new) in found.changed.items()} == pytest.approx({"x0": 10, "x1": 10})
    assert found.changed["x0"][1] > 50
    texts = b.probe("t", "a good, good day", change=b.replace({"good": "great", "day": "year"}), expect=b.rises(0.5))
    shown = measure_texts("t", texts.measure, {}, Model(lambda texts: np.zeros(len(texts)))).counterexample
    assert shown.text_after == "great, great year"


def test_a_shuffled_value_stays_within_its_group():
    x = np.zeros((40, 2))
    x[:, 0] = np.arange(40) // 10 * 10
    x[:, 1] = x[:, 0] + np.arange(40) % 10
    columns = tuple(InputColumn(name=name, kind="number", low=0.0, high=50.0) for name in ("group", "x"))
    probe = b.probe("t", change=b.shuffle("x", within="group"), expect=b.stays(0.5)).measure
    found = measure_rows("t", probe, Rows(x, columns), Model(lambda x: x[:, 1])).counterexample
    group = found.others.get("group", 10)  # of the four groups the second is typical
    assert all(group <= value < group + 10 for value in found.changed["x"])
