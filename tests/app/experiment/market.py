"""A market of regions: all orders of a region feel what is tried in it, so that time or regions are split."""

import numpy as np
import polars as pl
from tests.app.experiment.conftest import START
from tests.app.experiment.test_statistic import commit

import shipway as sw
from shipway.kit.duration import DAY, HOUR

REGIONS = 12
PAST = 20
HALVES = """
sw.experiment(
    "surge",
    unit=customer,
    exposed=opened,
    variants={"usual": 1, "new": 1},
    switchback=sw.switchback(every="12h", burn_in="2h"),
    metrics=[sw.effect("sold", w.total(placed.price, last="10h"), detect=0.2) > 0],
    design=sw.group_sequential(most="20d"),
)
"""
CITIES = """
city = sw.entity("device")
sw.experiment(
    "cities",
    unit=customer,
    cluster=city,
    exposed=opened,
    variants={"usual": 1, "new": 1},
    metrics=[sw.effect("spent", spent, detect=0.5) > 0],
    guardrails=[sw.effect("basket", spent, over=w.count(placed, last="2d")) >= -0.3],
    slices=[visits.said],
    design=sw.group_sequential(most="20d"),
)
"""


def trade(lab, days, lift=0.0, name="surge", felt=2 * HOUR):
    """Let all regions trade until some days after the start, by what the slot that is on then was assigned.

    What a slot was assigned is felt for two hours more; orders come every quarter of an hour.
    """
    desk = sw.experiments(lab.root)
    runs = name in desk.running
    random = np.random.default_rng(5)
    base = random.lognormal(2.0, 0.5, REGIONS)
    times = np.arange(START - PAST * DAY, START + days * DAY, HOUR // 4)
    orders, visits = [], []
    for region in range(REGIONS):
        unit = f"r{region}"
        noise = np.random.default_rng([9, region]).lognormal(0, 0.4, times.size)
        daily = 1 + 0.5 * np.sin(2 * np.pi * times / DAY)
        for at, price in zip(times.tolist(), (base[region] * noise * daily).tolist(), strict=True):
            met = desk.assign(name, unit, at=at - felt) if runs and at - felt >= START else None
            orders.append((f"o{region}-{at}", unit, price * (1 + lift * (met == "new")), at))
        visits += [(f"v{region}-{day}", unit, "web", START + day * DAY + 7) for day in range(-PAST, days)]
    instant = pl.Datetime("us", "UTC")
    schema = ["visit", "customer", "device", "opened"]
    seen = pl.DataFrame(visits, schema=schema, orient="row").with_columns(pl.lit(None, pl.String).alias("said"))
    sold = pl.DataFrame(orders, schema=["order", "customer", "price", "placed"], orient="row")
    commit(lab, visits=seen.cast({"opened": instant}), orders=sold.cast({"placed": instant}))


def settle(lab, days, shop, cities=60):
    """Put customers into cities, which takes the place of the device; whoever orders more is up to the city's variant.

    Args:
        lab: whose.
        days: after the start.
        shop: makes visits and orders of so many days, given each customer's boost.
        cities: how many.
    """
    desk = sw.experiments(lab.root)
    runs = "cities" in desk.running
    boosts = []
    for number in range(1500):
        met = desk.assign("cities", f"d{number % cities}") if runs else None
        boosts.append(1.0 + (met == "new"))
    visits, orders = shop(days, np.array(boosts))
    where = [f"d{int(unit[1:]) % cities}" for unit in visits["customer"].to_list()]
    kind = ["even" if int(unit[1:]) % 2 else "odd" for unit in visits["customer"].to_list()]
    visits = visits.with_columns(pl.Series("device", where), pl.Series("said", kind))
    commit(lab, visits=visits, orders=orders)
