import numpy as np

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
