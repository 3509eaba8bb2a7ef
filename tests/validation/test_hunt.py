import numpy as np
import pytest

from shipway import behaviours as b
from shipway.core.bundle import InputColumn
from shipway.core.probe import Reader
from shipway.testing.fake import RandomSearch
from shipway.validation.answer import read_answers
from shipway.validation.hunt import hunt_rows, hunt_texts
from shipway.validation.row import Rows

COLUMNS = tuple(InputColumn(name=name, kind="number", low=0.0, high=9.0) for name in "xyz")
# No row has both y and z high, so none of them fails.
X = np.array([[i % 5, 8 if i % 2 else 0, 0 if i % 2 else 8] for i in range(40)], dtype=float)


def ask(cases):
    wrong = (cases[:, 1] > 5) & (cases[:, 2] > 5)
    return read_answers(np.where(wrong, -1, 1) * cases[:, 0], Reader(), len(cases))


def hunt(check, **given):
    return hunt_rows("t", check.measure, Rows(X, COLUMNS), ask, RandomSearch(), **{"batches": 40, "seed": 3, **given})


def test_a_failure_is_found_that_no_row_shows():
    found = hunt(b.probe("t", change=b.add("x", 1), expect=b.never_falls(0.0)))
    assert set(found.changed) == {"x"}
    assert found.after.value < found.before.value
    assert found == hunt(b.probe("t", change=b.add("x", 1), expect=b.never_falls(0.0)))


def test_a_model_that_behaves_gives_none_and_so_do_rows_that_are_not_there():
    good = b.probe("t", change=b.add("x", 1), expect=b.never_falls(0.0))
    search = RandomSearch()
    rises = lambda cases: read_answers(cases[:, 0], Reader(), len(cases))
    assert hunt_rows("t", good.measure, Rows(X, COLUMNS), rises, search, batches=5, seed=1) is None
    assert hunt(b.probe("t", expect=b.at_least(0), where={"x": (50, 60)})) is None


def test_what_a_test_does_not_ask_about_is_not_searched():
    check = b.probe("t", change=b.add("x", 1), expect=b.never_falls(0.0), where={"y": (0, 1)})
    assert hunt(check) is None


def test_a_filling_is_found_that_was_not_drawn():
    words = {"a": tuple(f"w{i}" for i in range(200)), "b": ("x", "y")}
    asked = lambda texts: read_answers(np.array([0.0 if t == "w77 y" else 1.0 for t in texts]), Reader(), len(texts))
    probe = b.probe("t", "{a} {b}", "never {b}", expect=b.at_least(0.5), cases=10).measure
    found = hunt_texts("t", probe, words, asked, RandomSearch(), batches=60, seed=0)
    assert found.text_after == "w77 y"
    good = lambda texts: read_answers(np.ones(len(texts)), Reader(), len(texts))
    assert hunt_texts("t", probe, words, good, RandomSearch(), batches=3, seed=0) is None


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (b.noise("x", 4.0), lambda cases: cases[:, 0] > 6.5),
        (b.swap("c"), lambda cases: (cases[:, 3] == 3) & (cases[:, 0] == 4)),
        (b.shuffle("x"), lambda cases: cases[:, 0] == 4),
    ],
)
def test_what_a_change_leaves_open_is_drawn_for_each_case_so_that_what_is_shown_fails(change, wrong):
    columns = (*COLUMNS, InputColumn(name="c", kind="category", categories=tuple("abcd")))
    rows = Rows(np.column_stack([X, np.arange(40) % 3]), columns)
    steps = lambda cases: read_answers(np.where(wrong(cases), 1.0, 0.0), Reader(), len(cases))
    probe = b.probe("t", change=change, expect=b.stays(0.1)).measure
    found = [hunt_rows("t", probe, rows, steps, RandomSearch(), batches=40, seed=seed) for seed in range(6)]
    assert all(each is not None for each in found)
    assert all(each.before.value != each.after.value for each in found)


def test_a_shuffled_value_is_searched_within_its_group():
    rows = Rows(X, COLUMNS)
    asked = []

    def keeps(cases):
        asked.append(cases)
        return read_answers(np.zeros(len(cases)), Reader(), len(cases))

    probe = b.probe("t", change=b.shuffle("z", within="y"), expect=b.stays(0.1)).measure
    assert hunt_rows("t", probe, rows, keeps, RandomSearch(), batches=5, seed=0) is None
    after = np.concatenate(asked[1::2])
    assert after.size
    assert set(map(tuple, after[:, 1:])) <= {(0, 8), (8, 0)}


def test_what_does_not_fail_when_it_is_asked_about_again_is_none():
    asked = []

    def once(cases):
        asked.append(len(cases))
        return read_answers(np.full(len(cases), 1.0 if len(asked) == 2 else 0.0), Reader(), len(cases))

    probe = b.probe("t", change=b.add("x", 1), expect=b.stays(0.5)).measure
    assert hunt_rows("t", probe, Rows(X, COLUMNS), once, RandomSearch(), batches=1, seed=0) is None
    asked.clear()
    texts = b.probe("t", "{a} day", change=b.case("upper"), expect=b.stays(0.5)).measure
    assert hunt_texts("t", texts, {"a": ("good", "bad")}, once, RandomSearch(), batches=1, seed=0) is None
