"""Who meets what: sticky, by the weights, one experiment of a layer at most, and nobody who is held out."""

import math
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.core.error import ShipwayError
from shipway.core.experiment import PLACES
from shipway.core.split import (
    Split,
    SplitExperiment,
    SplitLayer,
    assign,
    choose_variant,
    free_places,
    take_places,
    write_unit,
)

UNITS = [f"c{number}" for number in range(20_000)]


def run(name="fares", number=1, places=((0, PLACES),), variants=None, decided="", **given):
    weights = tuple((variants or {"control": 1.0, "new": 1.0}).items())
    return SplitExperiment(
        name=name, number=number, layer="pricing", places=places, weights=weights, decided=decided, **given
    )


def layer(holdout=0, keys=("customer",)):
    return SplitLayer(name="pricing", keys=keys, holdout=holdout)


def split(*runs, holdout=0):
    return Split(layers={"pricing": layer(holdout)}, experiments={each.name: each for each in runs})


def meets(whole, name, units=UNITS):
    return [assign(whole, name, unit).variant for unit in units]


@given(st.text(min_size=1), st.integers(1, 9))
def test_a_unit_meets_the_same_variant_whatever_else_runs_and_wherever_it_is_asked(unit, number):
    alone = split(run(number=number))
    beside = split(run(number=number), run(name="banner"), run(name="search", variants={"a": 1.0, "b": 2.0}))
    again = msgspec.json.decode(msgspec.json.encode(alone), type=Split)
    assert assign(alone, "fares", unit) == assign(beside, "fares", unit) == assign(again, "fares", unit)


@pytest.mark.parametrize("weights", [(1, 1), (9, 1), (1, 1, 2)])
def test_variants_get_their_weights(weights):
    variants = {f"v{place}": float(weight) for place, weight in enumerate(weights)}
    found = meets(split(run(variants=variants)), "fares")
    for name, weight in variants.items():
        share = weight / sum(weights)
        sd = math.sqrt(share * (1 - share) / len(UNITS))
        assert abs(found.count(name) / len(UNITS) - share) < 4.5 * sd


def test_experiments_of_a_layer_share_no_unit_and_leave_the_holdout_alone():
    whole = split(run(places=((0, 4000),)), run(name="banner", places=((4000, 7000), (9000, PLACES))), holdout=500)
    fares, banner = meets(whole, "fares"), meets(whole, "banner")
    assert not any(a is not None and b is not None for a, b in zip(fares, banner, strict=True))
    held = [unit for unit in UNITS if assign(whole, "fares", unit).why == "held out"]
    assert held == [unit for unit in UNITS if assign(whole, "banner", unit).why == "held out"]
    assert abs(len(held) / len(UNITS) - 0.05) < 4.5 * math.sqrt(0.05 * 0.95 / len(UNITS))
    assert abs(sum(each is not None for each in fares) / len(UNITS) - 0.95 * 0.4) < 0.015


def test_another_run_and_another_layer_assign_anew():
    first, second = meets(split(run()), "fares"), meets(split(run(number=2)), "fares")
    same = sum(a == b for a, b in zip(first, second, strict=True)) / len(UNITS)
    assert abs(same - 0.5) < 4.5 * 0.5 / math.sqrt(len(UNITS))


def test_a_decided_experiment_is_met_by_everyone_but_the_holdout():
    found = {
        each.why: each.variant for each in (assign(split(run(decided="new"), holdout=2000), "fares", u) for u in UNITS)
    }
    assert found == {"decided": "new", "held out": None}


def test_a_stopped_experiment_is_met_by_nobody_and_is_no_error():
    found = {
        (each.why, each.variant) for each in (assign(split(run(places=()), holdout=2000), "fares", u) for u in UNITS)
    }
    assert found == {("stopped", None)}


def test_a_decision_stands_beneath_a_later_run():
    first = run(decided="new", home=layer(2000))
    later = run(number=2, places=((0, 3000),), home=layer(2000), before=first)
    found = [assign(split(later), "fares", unit) for unit in UNITS]
    held = {each.unit for each in found if each.why == "held out"}
    assert held == {unit for unit in UNITS if assign(split(first), "fares", unit).why == "held out"}
    for each in found:
        alone = assign(split(run(number=2, places=((0, 3000),)), holdout=2000), "fares", each.unit)
        assert (
            each == alone
            if alone.why != "elsewhere"
            else (each.variant, each.why, each.number) == ("new", "decided", 1)
        )
    assert {each.why for each in found} == {"held out", "assigned", "decided"}


def test_a_run_keeps_the_holdout_and_the_keys_that_it_began_with():
    began = run(decided="new", home=layer(2000))
    alone = meets(split(run(decided="new"), holdout=2000), "fares")
    assert meets(split(began, holdout=0), "fares") == alone
    assert None in alone
    late = Split(layers={"pricing": layer(0, ("region", "slot"))}, experiments={"fares": began})
    assert meets(late, "fares") == alone
    widened = run(number=2, places=((0, 3000),), home=layer(0), before=began)
    met = meets(split(widened), "fares")
    assert {a for a, b in zip(met, alone, strict=True) if b is None} == {None, "control", "new"}
    quiet = meets(split(run(number=2, places=((0, 1),), home=layer(0), before=began)), "fares")
    assert sum(a != b for a, b in zip(quiet, alone, strict=True)) < 10


def test_a_split_of_an_older_shipway_is_read():
    old = (
        b'{"version":1,"token":3,"layers":{"pricing":{"name":"pricing","keys":["customer"],"holdout":2000}},"experiments":'
        b'{"fares":{"name":"fares","number":1,"layer":"pricing","places":[[0,10000]],"weights":[["control",1.0],["new",1.0]],'
        b'"decided":""}}}'
    )
    assert meets(msgspec.json.decode(old, type=Split), "fares") == meets(split(run(), holdout=2000), "fares")


def test_a_unit_is_written_as_logs_write_it():
    assert write_unit("c1", ("customer",)) == write_unit({"customer": "c1", "x": 2}, ("customer",)) == "c1"
    assert write_unit(("north", 3), ("region", "slot")) == write_unit(
        {"slot": 3, "region": "north"}, ("region", "slot")
    )
    for wrong, keys in (({"shop": 1}, ("customer",)), (("a", "b"), ("customer",)), ("a", ("region", "slot"))):
        with pytest.raises(ShipwayError) as refused:
            write_unit(wrong, keys)
        assert refused.value.code == "SW-802"


def test_an_experiment_that_does_not_run_is_answered_with_the_nearest():
    with pytest.raises(ShipwayError) as refused:
        assign(split(run()), "fare", "c1")
    assert refused.value.code == "SW-104"
    assert "fares" in refused.value.hint


@given(st.lists(st.integers(0, PLACES), min_size=0, max_size=8, unique=True), st.integers(1, PLACES))
def test_places_are_taken_from_what_is_free_or_not_at_all(ends, count):
    taken = [(low, high) for place, (low, high) in enumerate(pairwise(sorted(ends))) if place % 2 == 0]
    found = take_places(taken, count)
    if count > free_places(taken):
        assert found == ()
        return
    assert sum(high - low for low, high in found) == count
    both = sorted([*taken, *found])
    assert all(one[1] <= other[0] for one, other in pairwise(both))
    assert all(0 <= low < high <= PLACES for low, high in found)


def test_what_rounding_leaves_over_is_the_last_variant():
    assert choose_variant((("a", 0.1), ("b", 0.2)), math.nextafter(1.0, 0.0)) == "b"
    assert choose_variant((("a", 0.1), ("b", 0.2)), 0.0) == "a"


def test_a_holdout_is_told_from_everyone_by_the_hash_that_holds_it_out():
    programme = run("programme", variants={"held_out": 0.1, "everyone": 0.9}, against_holdout=True)
    whole = split(run(), programme, holdout=1_000)
    met = {unit: assign(whole, "programme", unit) for unit in UNITS[:5_000]}
    held = {unit for unit in met if assign(whole, "fares", unit).why == "held out"}
    assert held == {unit for unit, found in met.items() if found.variant == "held_out"}
    assert {found.variant for found in met.values()} == {"held_out", "everyone"}
    assert {found.why for found in met.values()} == {"assigned"}
    assert 400 < len(held) < 600
    ended = split(msgspec.structs.replace(programme, places=()), holdout=1_000)
    assert assign(ended, "programme", "c1").why == "stopped"
