import math

import pytest

from shipway.core.candidate import decision_value, never_lowers, never_matters, slice_regression
from shipway.core.error import ShipwayError
from shipway.core.feature import Entity, FeatureView
from shipway.core.probe import Add, Behaviour, Moves, Probe
from shipway.maths.expression import Aggregate

recent = FeatureView(
    "recent",
    Entity("origin", ("origin",)),
    {name: Aggregate("count", "flights.landed", width_us=1) for name in ("late", "mean")},
)
COSTS = {"act_if_true": 60, "act_if_false": 25, "skip_if_true": 100}


def test_a_behavioural_test_is_written_by_its_name():
    check = never_lowers("more delay", {recent.late: 10}, together=True)
    assert check.text == check.name == "more delay"
    late = Add("recent_late", 10.0)
    assert check.measure == Behaviour((Probe(expect=Moves(least=-0.005), change=(late,), cases=20_000),))
    (probe,) = never_matters("a minute", {recent.late: 1}, tolerance=0.1).measure.probes
    assert (probe.expect, probe.change) == (Moves(-0.1, 0.1), (Add("recent_late", 1.0),))


def test_changes_are_tests_of_their_own_unless_they_are_made_together():
    changes = {recent.late: 10, recent.mean: -2}
    apart, both = (never_lowers("t", changes, together=together).measure for together in (False, True))
    assert [len(probe.change) for probe in apart.probes] == [1, 1]
    assert [len(probe.change) for probe in both.probes] == [2]


@pytest.mark.parametrize(
    ("build", "fact"),
    [
        (lambda: decision_value(**COSTS | {"act_if_true": 100}), "always the cheaper"),
        (lambda: decision_value(**COSTS, skip_if_false=25), "always the cheaper"),
        (lambda: decision_value(**COSTS | {"skip_if_true": math.inf}), "not a finite number"),
        (lambda: slice_regression(), "names no slices"),
        (lambda: slice_regression("carrier", rate=5), "rate"),
        (lambda: never_lowers("x", {}), "changes nothing"),
        (lambda: never_lowers("x", {recent.late: 0}), "adds nothing to recent_late"),
        (lambda: never_matters("x", {recent.late: math.nan}), "not a finite number"),
    ],
)
def test_what_makes_no_sense_is_refused_where_it_is_written(build, fact):
    with pytest.raises(ShipwayError) as refusal:
        build()
    assert refusal.value.code == "SW-106"
    assert fact in refusal.value.fact
