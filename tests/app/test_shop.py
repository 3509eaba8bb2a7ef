"""The made-up shop."""

import csv
import datetime as dt
import io

import pytest

from shipway.app.shop import ORDERS, make_orders

SNAPSHOT = dt.datetime(2025, 1, 1)


@pytest.fixture(scope="module")
def orders():
    return list(csv.DictReader(io.StringIO(make_orders())))


def test_equal_seeds_give_equal_orders():
    assert make_orders(1) == make_orders(1) != make_orders(2)


def test_orders_are_numbered_in_the_order_they_were_placed(orders):
    assert [int(order["order_id"]) for order in orders] == list(range(1, ORDERS + 1))
    placed = [order["placed"] for order in orders]
    assert placed == sorted(placed)


def test_outcome_is_there_exactly_when_it_is_known(orders):
    for order in orders:
        placed = dt.datetime.fromisoformat(order["placed"])
        if not order["settled"]:
            assert order["returned"] == ""
            assert placed > SNAPSHOT - dt.timedelta(days=30, minutes=1)
            continue
        settled = dt.datetime.fromisoformat(order["settled"])
        assert settled < SNAPSHOT
        if order["returned"] == "1":
            assert dt.timedelta(days=2) <= settled - placed < dt.timedelta(days=30)
        else:
            assert settled - placed == dt.timedelta(days=30)


def test_history_says_something_about_returns(orders):
    half = len(orders) // 2
    past, later = orders[:half], [order for order in orders[half:] if order["returned"]]
    back = {order["customer"] for order in past if order["returned"] == "1"}
    known = {order["customer"] for order in past}
    rates = []
    for seen in (True, False):
        chosen = [o["returned"] == "1" for o in later if o["customer"] in known and (o["customer"] in back) is seen]
        rates.append(sum(chosen) / len(chosen))
    assert rates[0] > 1.3 * rates[1]
