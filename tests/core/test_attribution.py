"""Checks on what a candidate listens to, as the project's file writes them."""

import pytest

import shipway as sw
from shipway.core.check import Check
from shipway.core.measure import Attribution, ReasonAgreement
from shipway.core.registry import collecting
from shipway.testing.refusal import expect_refusal


@pytest.fixture
def views():
    with collecting():

        @sw.source(key="id", raw="orders", known_at={"placed": ("price", "shop")})
        def orders(orders):
            """Make orders."""

        yield (
            sw.feature_view("basket", orders, {"price": orders.price, "shop": orders.shop}),
            sw.feature_view("other", orders, {"price": orders.price}),
        )


def test_features_and_views_are_named_as_columns(views):
    basket, other = views
    found = sw.attribution(basket, other.price)
    assert found.measure == Attribution(("basket_price", "basket_shop", "other_price"))
    assert (found.subject, found.text) == ("candidate", "attribution(basket, other.price)")
    assert str(found <= 0.4) == "attribution(basket, other.price) <= 0.4"


def test_agreement_is_compared_with_the_current_version():
    assert sw.reason_agreement().measure == ReasonAgreement(5)
    assert str(sw.reason_agreement(top=3) >= 0.6) == 'reason_agreement("current", top=3) >= 0.6'


def test_neither_has_a_bound_of_its_own(views):
    for check in (sw.attribution(views[0]), sw.reason_agreement()):
        assert isinstance(check, Check)
        with collecting(), expect_refusal("SW-106"):
            sw.gate("quality", check, before="release")


def test_what_is_not_meant_is_refused(views):
    basket, _ = views
    for words in ((), ("price",), (basket, basket.price)):
        with expect_refusal("SW-106"):
            sw.attribution(*words)
    for given in ({"top": 0}, {"top": True}, {"top": 2.5}):
        with expect_refusal("SW-106"):
            sw.reason_agreement(**given)
    with expect_refusal("SW-106"):
        sw.reason_agreement("base rate")
