from collections.abc import Callable

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier

from shipway.core.check import Check, Rule, natural_rule
from shipway.core.error import ShipwayError
from shipway.core.gate import judge
from shipway.core.probe import Add, Behaviour, Moves, Probe
from shipway.validation import behaviour
from shipway.validation.counterexample import Counterexample, is_failure
from shipway.validation.evaluation import measure_candidate
from shipway.validation.sample import Sample

Build = Callable[..., Sample]
Floats = np.ndarray


def falls(changes: dict[str, float], tolerance: float = 0.005, *, together: bool = False) -> Behaviour:
    """Return the tests that `sw.never_lowers` makes."""
    groups = [changes] if together else [{column: by} for column, by in changes.items()]
    return _behaviour(groups, Moves(least=-tolerance))


def moves(changes: dict[str, float], tolerance: float = 0.02) -> Behaviour:
    """Return the tests that `sw.never_matters` makes."""
    return _behaviour([{column: by} for column, by in changes.items()], Moves(-tolerance, tolerance))


def _behaviour(groups: list[dict[str, float]], expect: Moves) -> Behaviour:
    return Behaviour(
        tuple(
            Probe(expect=expect, change=tuple(Add(column, by) for column, by in group.items()), cases=20_000)
            for group in groups
            if group
        )
    )


def measure_behaviour(measure: Behaviour, sample: Sample):
    return behaviour.measure_behaviour("test", measure, sample)


def _logistic(*weights: float) -> Callable[[Floats], Floats]:
    return lambda x: 1 / (1 + np.exp(-(np.nan_to_num(x) @ np.array(weights))))


def _sample(build: Build, x: Floats, predict: Callable[[Floats], Floats]) -> Sample:
    return build(np.arange(len(x)) % 3 == 0, np.full(len(x), 0.5), x=x, predict=predict)


def _outcome(measure: Behaviour, sample: Sample) -> str:
    check = Check("test", measure, "candidate", "test")
    return judge(
        natural_rule(check), measure_candidate(check, sample, subject="model:m@1", log_digest="").evidence
    ).outcome


@pytest.fixture
def x() -> Floats:
    return np.random.default_rng(5).normal(size=(400, 2))


def test_a_monotone_model_passes_and_a_falling_one_fails(build: Build, x: Floats) -> None:
    rising, falling = _sample(build, x, _logistic(1.0, 0.0)), _sample(build, x, _logistic(-1.0, 0.0))
    assert _outcome(falls({"a": 1.0}), rising) == "pass"
    assert _outcome(falls({"a": 1.0}), falling) == "fail"
    assert _outcome(falls({"a": -1.0}), falling) == "pass"


def test_boosted_trees_pass_only_with_the_constraint(build: Build) -> None:
    rng = np.random.default_rng(7)
    x = rng.normal(size=(3000, 2))
    y = rng.random(3000) < 1 / (1 + np.exp(-x[:, 0]))
    free = HistGradientBoostingClassifier(max_iter=40, random_state=0).fit(x, y)
    bound = HistGradientBoostingClassifier(max_iter=40, random_state=0, monotonic_cst=[1, 0]).fit(x, y)
    outcomes = [
        _outcome(falls({"a": 0.3}), _sample(build, x, lambda rows, m=m: m.predict_proba(rows)[:, 1]))
        for m in (free, bound)
    ]
    assert outcomes == ["fail", "pass"]


def test_against_a_loop_over_rows(build: Build, x: Floats) -> None:
    predict = _logistic(-0.4, 2.0)
    reading = measure_behaviour(falls({"a": 0.7, "b": 0.5}, 0.01), _sample(build, x, predict))
    for row, (column, delta) in zip(reading.detail or [], [(0, 0.7), (1, 0.5)], strict=True):
        moved = []
        for one in x:
            changed = one.copy()
            changed[column] += delta
            moved.append(float(predict(changed[None])[0] - predict(one[None])[0]))
        assert row["mean_change"] == pytest.approx(np.mean(moved))
        assert row["share_violating"] == np.mean([m < -0.01 for m in moved])
        assert row["worst_row_index"] == int(np.argmin(moved))
        assert row["worst_after"] - row["worst_before"] == pytest.approx(min(moved))
    assert reading.value == reading.low == reading.high == reading.facts["share_violating"]["a +0.7"] > 0.8
    assert reading.facts["share_violating"]["b +0.5"] == 0.0
    assert reading.facts["said"] == (
        "a +0.7: falls by more than 0.01 in 350 of 400 rows; "
        "at its simplest a 0.5 to 0.7, all else typical: 0.4397, then 0.4201"
    )
    failing, fine = reading.detail or []
    found = msgspec.convert(failing["counterexample"], Counterexample)
    assert (found.test, found.changed, found.typical) == ("test: a +0.7", {"a": (0.5, 0.7)}, True)
    assert is_failure(falls({"a": 0.7}, 0.01).probes[0], found)
    assert "counterexample" not in fine


def test_together_is_one_test_of_both_changes(build: Build, x: Floats) -> None:
    sample = _sample(build, x, _logistic(-0.4, 2.0))
    apart = measure_behaviour(falls({"a": 1.0, "b": 1.0}), sample)
    together = measure_behaviour(falls({"a": 1.0, "b": 1.0}, together=True), sample)
    assert apart.value > 0
    assert together.value == 0.0
    assert together.facts["said"] == "no prediction falls by more than 0.005 in 1 test"
    assert [row["change"] for row in together.detail or []] == ["a +1, b +1"]


def test_a_fall_within_tolerance_does_not_count(build: Build) -> None:
    sample = _sample(build, np.zeros((10, 1)), lambda x: 0.5 - 0.1 * x[:, 0])
    assert measure_behaviour(falls({"a": 1.0}, tolerance=0.2), sample).value == 0.0
    assert measure_behaviour(falls({"a": 1.0}, tolerance=0.05), sample).value == 1.0


def test_invariance_counts_moves_either_way(build: Build, x: Floats) -> None:
    sample = _sample(build, x, _logistic(0.001, -1.0))
    assert _outcome(moves({"a": 1.0}), sample) == "pass"
    for delta in (1.0, -1.0):
        reading = measure_behaviour(moves({"a": 1.0, "b": delta}), sample)
        assert reading.value > 0.5
        assert reading.facts["said"].startswith(f"b {delta:+g}: moves by more than 0.02 in ")


def test_a_missing_value_stays_missing_and_its_row_is_not_tested(build: Build, x: Floats) -> None:
    x[:100, 0] = np.nan
    seen: list[Floats] = []

    def predict(rows: Floats) -> Floats:
        seen.append(rows.copy())
        return np.full(len(rows), 0.5)

    reading = measure_behaviour(falls({"a": 1.0, "b": 1.0}, together=True), _sample(build, x, predict))
    assert reading.n == 400
    assert np.isnan(seen[1][:100, 0]).all()
    assert np.array_equal(seen[1][:, 1], (x[:, 1] + 1.0).astype(np.float32))
    x[100:150, 1] = np.nan
    apart = measure_behaviour(falls({"a": 1.0, "b": 1.0}), _sample(build, x, predict))
    assert (apart.n, [row["n"] for row in apart.detail or []]) == (400, [300, 350])
    single = measure_behaviour(falls({"a": 1.0}), _sample(build, x, predict))
    assert single.n == 300
    assert (single.detail or [])[0]["worst_row_index"] >= 100


def test_the_rows_given_are_not_changed(build: Build, x: Floats) -> None:
    kept = x.copy()
    measure_behaviour(falls({"a": 1.0}), _sample(build, x, _logistic(1.0, 1.0)))
    assert np.array_equal(x, kept)


def test_without_a_row_to_change_the_gate_holds(build: Build) -> None:
    nothing_there = _sample(build, np.full((5, 1), np.nan), _logistic(1.0))
    empty = _sample(build, np.zeros((0, 1)), _logistic(1.0))
    for sample in (nothing_there, empty):
        assert _outcome(falls({"a": 1.0}), sample) == "hold"
    assert _outcome(falls({}), _sample(build, np.zeros((5, 1)), _logistic(1.0))) == "hold"
    assert _outcome(falls({}, together=True), _sample(build, np.zeros((5, 1)), _logistic(1.0))) == "hold"


@pytest.mark.parametrize(("weight", "outcome"), [(1.0, "hold"), (-1.0, "fail")])
def test_a_test_without_rows_cannot_pass_but_another_may_fail(build: Build, weight: float, outcome: str) -> None:
    x = np.zeros((50, 2))
    x[:, 1] = np.nan
    sample = _sample(build, x, _logistic(weight, 1.0))
    measure = falls({"a": 1.0, "b": 1.0})
    reading = measure_behaviour(measure, sample)
    assert reading.facts["untested"] == ["b +1"]
    assert "no row could test b +1" in reading.facts["said"]
    assert _outcome(measure, sample) == outcome


def test_a_bound_on_the_share_is_compared_with_it(build: Build, x: Floats) -> None:
    sample = _sample(build, x, lambda rows: np.where(rows[:, 0] > 0, 0.4, 0.6))
    check = Check("test", falls({"a": 0.1}), "candidate", "test")
    evidence = measure_candidate(check, sample, subject="model:m@1", log_digest="").evidence
    assert evidence.value == pytest.approx(np.mean((x[:, 0] <= 0) & (x[:, 0] + 0.1 > 0)))
    rules: list[Rule] = [check <= 0.2, check <= 0.001]
    assert [judge(rule, evidence).outcome for rule in rules] == ["pass", "fail"]


def test_an_unknown_feature_is_refused(build: Build, x: Floats) -> None:
    sample = build(np.arange(400) % 2 == 0, np.full(400, 0.5), x=x, columns=("wind_gust", "visibility"))
    with pytest.raises(ShipwayError) as caught:
        measure_behaviour(moves({"wind_gusts": 1.0}), sample)
    assert (caught.value.code, caught.value.hint) == ("SW-104", "did you mean 'wind_gust'?")


@pytest.mark.parametrize("answer", [np.zeros((400, 2)), np.zeros(3), np.full(400, np.nan), np.full(400, 1.5)])
def test_an_answer_that_is_no_probability_is_refused(build: Build, x: Floats, answer: Floats) -> None:
    with pytest.raises(ShipwayError) as caught:
        measure_behaviour(moves({"a": 1.0}), _sample(build, x, lambda rows: answer))
    assert caught.value.code == "SW-403"


@given(
    weights=st.lists(st.floats(0.0, 3.0), min_size=2, max_size=2),
    deltas=st.lists(st.floats(0.01, 5.0), min_size=2, max_size=2),
    together=st.booleans(),
)
def test_no_monotone_model_ever_falls(build: Build, weights: list[float], deltas: list[float], together: bool) -> None:
    x = np.random.default_rng(6).normal(size=(40, 2))
    x[::7, 0] = np.nan
    measure = falls(dict(zip("ab", deltas, strict=True)), tolerance=0.0, together=together)
    assert _outcome(measure, _sample(build, x, _logistic(*weights))) == "pass"
