"""Suites run on a version, on a function, and from a file, with the same result."""

import math

import msgspec
import numpy as np
import pytest

import shipway as sw
from shipway import behaviours as b
from shipway.app.suite import (
    as_probes,
    gather_suite,
    judge_suite,
    load_suite,
    rows_of,
    run_suite,
    run_suite_on,
    save_suite,
)
from shipway.core.check import natural_rule
from shipway.core.error import ShipwayError
from shipway.maths.expression import Feature

WORDS = {"good": ("good", "great", "nice"), "bad": ("bad", "poor")}


def words_suite(**given):
    return b.suite(
        "words",
        b.probe("good words", "{good}", "so {good}", expect=b.says("positive")),
        b.probe("bad words", "{bad}", expect=b.says("negative")) <= 0.6,
        b.probe("capitals", "{good}", change=b.case("upper"), expect=b.keeps_class()),
        lexicons=WORDS,
        classes=("negative", "positive"),
        cuts=(0.0,),
        **given,
    )


def simple(texts):
    return np.array([1.0 if "good" in t or "great" in t or "poor" in t else -1.0 for t in texts])


def test_a_suite_runs_on_a_function():
    tested = run_suite(words_suite(), simple, name="simple")
    assert tested.outcome == "fail"
    assert {line.test: (line.outcome, line.failed, line.cases) for line in tested.tests} == {
        "good words": ("fail", 2, 6),
        "bad words": ("pass", 1, 2),
        "capitals": ("fail", 2, 3),
    }
    assert tested.tests[0].counterexample.text_after == "nice"
    assert tested.tests[2].counterexample.text_before == "good"
    assert tested.verdict.gate == "words"
    assert [each.check for each in tested.evidence] == ["good words", "bad words", "capitals"]
    assert msgspec.json.decode(msgspec.json.encode(tested), type=type(tested)) == tested


def test_a_text_is_asked_about_once_and_in_batches():
    asked = []

    def model(texts):
        asked.append(list(texts))
        return simple(texts)

    tested = run_suite(words_suite(), model, batch=2)
    assert tested == run_suite(words_suite(), simple)
    texts = [text for batch in asked for text in batch]
    assert max(map(len, asked)) <= 2
    assert len(texts) == len(set(texts))


def test_a_suite_from_its_file_comes_to_the_same(tmp_path):
    path = save_suite(words_suite(), tmp_path / "words.json")
    assert run_suite(load_suite(path), simple) == run_suite(words_suite(), simple)


def test_a_file_that_is_none_or_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "x.json").write_text("[]")
    for name in ("x.json", "none.json"):
        with pytest.raises(ShipwayError) as refused:
            load_suite(tmp_path / name)
        assert refused.value.code == "SW-432"
    with pytest.raises(ShipwayError) as refused:
        save_suite(words_suite(), tmp_path / "no" / "such" / "folder.json")
    assert refused.value.code == "SW-602"


def test_another_seed_draws_other_cases():
    big = {"n": tuple(f"w{i}" for i in range(3000))}

    def cases(seed):
        asked = []
        suite = b.suite("s", b.probe("t", "{n}", expect=b.at_least(0), cases=20), lexicons=big, seed=seed)
        run_suite(suite, lambda texts: (asked.extend(texts), np.ones(len(texts)))[1])
        return asked

    assert cases(1) == cases(1)
    assert cases(1) != cases(2)


def test_what_no_case_shows_is_searched_for():
    lexicons = {"n": tuple(f"w{i}" for i in range(300))}
    suite = b.suite("s", b.probe("t", "{n}", expect=b.at_least(0), cases=5), lexicons=lexicons)
    rare = lambda texts: np.array([-1.0 if text == "w200" else 1.0 for text in texts])
    assert run_suite(suite, rare).outcome == "pass"
    found = run_suite(suite, rare, search=30)
    assert found.outcome == "fail"
    assert found.tests[0].counterexample.text_after == "w200"
    assert (found.tests[0].failed, found.tests[0].cases) == (1, 6)
    assert "a search beyond them found one that fails" in found.tests[0].said
    assert found == run_suite(suite, rare, search=30)


def test_words_of_a_gate_become_a_test_for_each_change():
    one = natural_rule(sw.never_lowers("t", {Feature("v", "a"): 1, Feature("v", "b"): -2}))
    assert [str(each) for each in as_probes(one)] == ["t: v_a +1", "t: v_b -2"]
    both = natural_rule(sw.never_lowers("t", {Feature("v", "a"): 1, Feature("v", "b"): -2}, together=True))
    assert [str(each) for each in as_probes(both)] == ["t: v_a +1, v_b -2"]
    small = sw.never_matters("t", {Feature("v", "a"): 1}) <= 0.01
    (made,) = as_probes(small)
    assert (str(made), made.bound, made.check.measure.expect) == ("t: v_a +1 <= 0.01", 0.01, b.stays(0.02))
    assert as_probes(sw.auc >= 0.5) == []


def test_a_version_is_tested_on_its_gates_words(ran_shop, tmp_path):
    tested, suite = run_suite_on(ran_shop.project, "returned", rows=400)
    assert tested.outcome == "pass"
    assert tested.subject == "model:returned@1"
    assert [line.test for line in tested.tests] == [
        "more returns before: customer_returned_90d +0.1",
        "more returns before: product_returned_60d +0.1",
    ]
    assert all(0 < line.cases <= 400 and line.clusters > 30 for line in tested.tests)
    assert sum(line.left_out for line in tested.tests) > 0
    path = save_suite(suite, tmp_path / "shop.json")
    again, _ = run_suite_on(ran_shop.project, "returned@1", load_suite(path))
    assert again == tested


def test_a_suite_of_ones_own_takes_the_rows_of_the_test_period(ran_shop):
    suite = b.suite(
        "shoes",
        b.probe("dear ones come back", change=b.put("basket_price", 120), where={"basket_category": ("shoes",)},
                expect=b.at_least(0.99)),
        b.probe("weekday", change=b.shuffle("basket_weekday", within="basket_channel"), expect=b.stays(0.0001)),
        b.probe("channel", change=b.swap("basket_channel"), expect=b.stays(0.5)),
    )  # fmt: skip
    tested, used = run_suite_on(ran_shop.project, "returned@1", suite, rows=300)
    first = tested.tests[0]
    assert (first.outcome, first.style) == ("fail", "minimum functionality")
    assert first.counterexample.changed["basket_price"][1] == 120
    assert first.counterexample.case.startswith("order_id ")
    assert len(used.names) == len(used.clusters) == 300
    rows = rows_of(used)
    assert rows.x.shape == (300, len(used.columns))
    assert rows.x.dtype == np.float64


def test_columns_in_another_order_and_categories_of_another_training_are_told_apart(ran_shop):
    _, suite = run_suite_on(ran_shop.project, "returned@1", rows=60)
    probes = b.suite("s", b.probe("t", expect=b.at_least(2)))
    whole = msgspec.structs.replace(suite, rules=probes.rules)

    def answers(columns):
        tested, _ = run_suite_on(ran_shop.project, "returned@1", msgspec.structs.replace(whole, columns=columns))
        return tested.tests[0].counterexample.after.value

    turned = tuple(
        msgspec.structs.replace(column, categories=column.categories[::-1]) for column in reversed(whole.columns)
    )
    assert math.isclose(answers(whole.columns), answers(turned), abs_tol=1e-12)
    with pytest.raises(ShipwayError) as refused:
        run_suite_on(ran_shop.project, "returned@1", msgspec.structs.replace(whole, columns=whole.columns[1:]))
    assert refused.value.code == "SW-431"


def test_what_cannot_be_tested_is_refused(ran_shop):
    for call, code in (
        (lambda: run_suite_on(ran_shop.project, "returned", words_suite()), "SW-431"),
        (lambda: run_suite_on(ran_shop.project, "return"), "SW-104"),
        (lambda: run_suite(b.suite("s", b.probe("t", expect=b.at_least(0))), lambda x: x[:, 0]), "SW-431"),
        (lambda: run_suite(words_suite(), lambda texts: np.zeros(3)), "SW-433"),
    ):
        with pytest.raises(ShipwayError) as refused:
            call()
        assert refused.value.code == code


def test_a_project_without_tests_says_so(ran_shop):
    project = ran_shop.project
    project.registry.gates.clear()
    with pytest.raises(ShipwayError) as refused:
        gather_suite(project, "returned")
    assert refused.value.code == "SW-106"


def test_whoever_watches_is_told_of_each_test():
    told = []
    ask = lambda cases: pytest.fail("asked")
    suite = words_suite()
    from shipway.core.probe import Reader
    from shipway.validation.answer import read_answers

    reader = Reader(classes=("negative", "positive"), cuts=(0.0,))
    ask = lambda cases: read_answers(simple(cases), reader, len(cases))
    judge_suite(suite, ask, "model:x", watch=told.append)
    assert [event.step for event in told] == [f"test {name}" for name in suite.probes]
