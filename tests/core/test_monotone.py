import numpy as np
import pytest

import shipway as sw
from shipway import behaviours as b
from shipway import windows as w
from shipway.core.error import ShipwayError
from shipway.core.feature import Event
from shipway.core.monotone import compile_expectations
from shipway.core.registry import collecting
from shipway.maths.expression import Feature


@pytest.fixture
def declare():
    """Return a function that declares a model with two features of a view, and what it declares."""

    def make(expects, **given):
        with collecting():

            @sw.source(key="id", raw="orders", known_at={"placed": ("price", "shop"), "closed": ("bad",)})
            def orders(orders):
                return orders

            closings: Event = orders.event("closed")
            bad = sw.label("bad_one", closings.bad.equals(True))
            placed = orders.event("placed")
            view = sw.feature_view(
                "shop",
                sw.entity("shop"),
                {"n_1d": w.count(placed, last="1d"), "sum_1d": w.total(placed.price, last="1d")},
            )
            other = sw.feature_view("other", orders, {"price": orders.price})
            chosen = {key: [getattr(view, name) for name in names] for key, names in given.items()}

            @sw.model(
                "m", on=orders, at=orders.placed, label=bad, features=[view], expects=expects(view, other), **chosen
            )
            def train(frame):
                return np.zeros(frame.rows)

            return train

    return make


def test_expectations_become_rising_and_falling(declare):
    made = declare(lambda v, _: [sw.never_lowers("t", {v.n_1d: 1, v.sum_1d: -2})])
    assert ([str(c) for c in made.rising], [str(c) for c in made.falling]) == (["shop.n_1d"], ["shop.sum_1d"])


def test_they_are_the_same_model_as_one_that_names_them(declare):
    named = declare(lambda v, _: [], rising=["n_1d"], falling=["sum_1d"])
    assert declare(lambda v, _: [sw.never_lowers("t", {v.n_1d: 1, v.sum_1d: -2})]) == named
    assert declare(lambda v, _: [sw.never_lowers("t", {v.n_1d: 1})], rising=["n_1d"], falling=["sum_1d"]) == named


@pytest.mark.parametrize(
    ("expect", "by", "sign"),
    [(b.never_falls(), 1, 1), (b.never_falls(), -1, -1), (b.never_rises(), 1, -1), (b.never_rises(), -1, 1)],
)
def test_a_probe_says_which_way(expect, by, sign):
    assert compile_expectations("m", [b.probe("t", change=b.add("x", by), expect=expect)]) == {"x": sign}


@pytest.mark.parametrize(
    "check",
    [
        b.probe("t", change=b.add("x", 1), expect=b.stays(0.1)),
        b.probe("t", change=b.add("x", 1), expect=b.rises(0.1)),
        b.probe("t", change=b.scale("x", 2), expect=b.never_falls()),
        b.probe("t", change=[b.add("x", 1), b.put("y", 1)], expect=b.never_falls()),
        b.probe("t", expect=b.at_least(0.1)),
        sw.auc,
        "a check",
    ],
)
def test_what_no_trainer_can_be_held_to_is_refused(check):
    with pytest.raises(ShipwayError) as refused:
        compile_expectations("m", [check])
    assert refused.value.code == "SW-106"


@pytest.mark.parametrize(
    ("expects", "given", "code"),
    [
        (lambda v, o: [sw.never_lowers("t", {v.n_1d: 1}), sw.never_lowers("u", {v.n_1d: -1})], {}, "SW-106"),
        (lambda v, o: [sw.never_lowers("t", {v.n_1d: 1})], {"falling": ["n_1d"]}, "SW-106"),
        (lambda v, o: [sw.never_lowers("t", {o.price: 1})], {}, "SW-104"),
        (lambda v, o: sw.auc, {}, "SW-106"),
    ],
)
def test_contradictions_and_other_features_are_refused(declare, expects, given, code):
    with pytest.raises(ShipwayError) as refused:
        declare(expects, **given)
    assert refused.value.code == code


def test_an_expectation_of_one_class_is_none_that_a_trainer_can_be_held_to():
    shop = Feature("shop", "n_1d")
    for check in (sw.never_lowers("n", {shop: 1}, of="lost"),
                  b.probe("p", change=b.add(shop, 1), expect=b.never_falls(), of="lost")):  # fmt: skip
        with pytest.raises(ShipwayError, match="is of class 'lost'") as caught:
            compile_expectations("m", [check])
        assert caught.value.code == "SW-106"
