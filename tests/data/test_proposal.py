"""Proposed rules are true of what they were taken from, say why, and keep quiet about what they cannot know."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

import shipway as sw
from shipway.core.feature import Source
from shipway.core.gate import decide, make_gate
from shipway.core.proposal import write_rule
from shipway.data.check import measure_tables
from shipway.data.proposal import propose_rules
from shipway.data.scan import Content
from shipway.kit.duration import DAY

orders = Source("orders", ("id",), (), {
    "placed": ("shop", "code", "price", "net", "gross", "note", "customer"), "settled": ("rating",),
})  # fmt: skip
customers = Source("customers", ("customer",), (), {"always": ("since",)})
START = datetime(2024, 1, 1, tzinfo=UTC)
NOW = int((START + timedelta(days=120, hours=6)).timestamp()) * 1_000_000


def make_orders(seed, days=120, first=0):
    random = np.random.default_rng(seed)
    n = days * 60
    seconds = np.sort(random.integers(0, days * 86_400, n)) + first * 86_400
    net = random.gamma(4.0, 10.0, n).round(2)
    placed = pl.Series([START]).dt.epoch("us")[0] + seconds * 1_000_000
    return pl.DataFrame(
        {
            "id": np.arange(n) + first * 60,
            "placed": pl.Series(placed).cast(pl.Datetime("us", "UTC")),
            "settled": pl.Series(placed + random.integers(1, 40, n) * 3_600_000_000).cast(pl.Datetime("us", "UTC")),
            "shop": random.choice(["north", "south", "west"], n, p=[0.5, 0.3, 0.2]),
            "code": [f"{random.choice(list('ABCD'))}-{k:04}" for k in random.integers(0, 10_000, n)],
            "price": random.normal(50, 8, n).round(2),
            "net": net,
            "gross": (net * 1.2).round(2),
            "note": pl.Series(random.choice(["fine", "late, by a lot", "Ünïcode"], n)),
            "customer": random.integers(0, 300, n),
            "rating": pl.Series(random.integers(1, 6, n)).set(pl.Series(random.random(n) < 0.1), None),
        }
    )


def make_customers():
    return pl.DataFrame({"customer": np.arange(300), "since": np.arange(300) % 40})


@pytest.fixture(scope="module")
def proposed():
    return propose_rules({orders: make_orders(1), customers: make_customers()}, every_us=7 * DAY, now=NOW)


def judge(proposed, rows, main=None, now=NOW):
    gate = make_gate("g", *(each.rule for each in proposed.rules), before="training")
    content = Content(rows) if main is None else Content(pl.concat([main, rows]), rows, main)
    checks = list({rule.check.name: rule.check for rule in gate.rules}.values())
    tables = {"orders": content, "customers": Content(make_customers())}
    measured = measure_tables(checks, tables, subject="data:x", now=now, log_digest="")
    verdict = decide(gate, "data:x", {name: one.evidence for name, one in measured.items()})
    return {found.rule: found.outcome for found in verdict.findings if found.outcome != "pass"}


def test_every_rule_is_true_of_what_it_was_taken_from(proposed):
    rows = make_orders(1)
    newest = rows["placed"].max()
    for week in range(3, 17):
        end = newest - timedelta(days=7 * (16 - week))
        end = datetime(end.year, end.month, end.day, tzinfo=UTC) + timedelta(days=1)
        start = end - timedelta(days=7)
        new, main = rows.filter(pl.col("placed").is_between(start, end, "left")), rows.filter(pl.col("placed") < start)
        now = int(end.timestamp()) * 1_000_000 + (NOW - int(newest.timestamp() * 1e6))
        assert judge(proposed, new, main, now) == {}


def test_the_same_data_gives_the_same_rules(proposed):
    rows = make_orders(1).sample(fraction=1.0, shuffle=True, seed=3)
    again = propose_rules({orders: rows, customers: make_customers()}, every_us=7 * DAY, now=NOW)
    assert [(each.rule, each.why) for each in again.rules] == [(each.rule, each.why) for each in proposed.rules]


def test_every_line_is_python_that_makes_the_same_rule(proposed):
    for each in proposed.rules:
        made = eval(write_rule(each.rule), {"sw": sw, "orders": orders, "customers": customers})  # our own text
        rule = made if hasattr(made, "op") else make_gate("g", made, before="training").rules[0]
        assert rule == each.rule
        assert each.why


def texts(proposed):
    return {each.rule.text for each in proposed.rules}


@pytest.mark.parametrize(
    "text",
    [
        "unique(orders.id)",
        'holds(orders.shop.is_in("north", "south", "west")).on("new")',
        'holds(orders.code.matches("[A-Z]-[0-9]{4}")).on("new")',
        'holds(orders.placed <= orders.settled).on("new")',
        'holds(orders.net <= orders.gross).on("new")',
        'refers(orders.customer, customers.customer).on("new")',
        'past(orders.placed).on("new")',
        'vanished(orders.shop, share=0.03).on("new")',
    ],
)
def test_structure_is_found(proposed, text):
    assert text in texts(proposed)


def test_what_would_say_nothing_is_left_out_with_why(proposed):
    left = {each.what: each.why for each in proposed.left}
    assert left["the range of orders.id"].startswith("it moves with time")
    assert left["rules on deliveries of customers"] == "no instant says when its rows came"


def test_a_relation_that_chance_would_give_is_none(proposed):
    assert not any("orders.rating <= orders.price" in text for text in texts(proposed))


def test_few_deliveries_give_no_bounds():
    proposed = propose_rules({orders: make_orders(1, days=20)}, every_us=7 * DAY, now=NOW)
    assert not any(each.kind in ("shift", "range", "rows") for each in proposed.rules)
    assert any("say a shorter --every" in each.why for each in proposed.left)


def test_an_old_feed_is_not_held_to_be_fresh():
    proposed = propose_rules({orders: make_orders(1)}, every_us=7 * DAY, now=NOW + 400 * DAY)
    assert not any(each.kind == "fresh" for each in proposed.rules)
    assert any("this feed has ended" in each.why for each in proposed.left)


@pytest.mark.slow
def test_false_alarms_are_as_rare_as_asked_for():
    # Three feeds, eight weeks that follow each: at 4 alarms a year, 24 weeks are to bring 1.8; 6 come in 1 of 100 such.
    alarms = 0
    for seed in range(3):
        rows = make_orders(100 + seed, days=168)
        cut = START + timedelta(days=112)
        seen = rows.filter(pl.col("placed") < cut)
        proposed = propose_rules({orders: seen, customers: make_customers()}, every_us=7 * DAY, alarms=4.0)
        for week in range(8):
            start = cut + timedelta(days=7 * week)
            new = rows.filter(pl.col("placed").is_between(start, start + timedelta(days=7), "left"))
            alarms += len(judge(proposed, new, rows.filter(pl.col("placed") < start)))
    assert alarms <= 6


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows.with_columns(pl.col("net") * 60),
        lambda rows: rows.with_columns(shop=pl.lit("nord")),
        lambda rows: rows.filter(pl.col("shop") != "west"),
        lambda rows: rows.with_columns(net="gross", gross="net"),
        lambda rows: pl.concat([rows, rows.head(1)]),
        lambda rows: rows.head(rows.height // 2),
        lambda rows: rows.with_columns(rating=pl.when(pl.col("id") % 3 == 0).then(None).otherwise("rating")),
        lambda rows: rows.with_columns(price=pl.lit(50.0)),
    ],
)
def test_faults_are_caught(proposed, change):
    new = make_orders(2, days=7, first=120)
    now = NOW + 7 * DAY
    assert judge(proposed, new, make_orders(1), now) == {}
    assert "fail" in judge(proposed, change(new), make_orders(1), now).values()
