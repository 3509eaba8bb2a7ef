"""Clusters: whole cities are assigned, customers are measured, and errors are those of cities."""

import numpy as np
import polars as pl
import pytest
from tests.app.experiment.conftest import CODE, START, make_shop
from tests.app.experiment.market import CITIES, settle
from tests.app.experiment.test_statistic import commit

import shipway as sw
from shipway.app.experiment.conduct import start_experiment
from shipway.app.experiment.detail import detail_trial
from shipway.app.experiment.look import look_at
from shipway.app.experiment.meeting import meet_units
from shipway.app.experiment.planning import plan_experiment
from shipway.app.experiment.statistic import gather_statistics
from shipway.kit.canonical import digest_value
from shipway.kit.duration import DAY
from shipway.maths.effect import compare
from shipway.maths.interval import Estimate


@pytest.fixture
def cities(lab):
    (lab.root / "project.py").write_text(CODE + CITIES)
    settle(lab, 0, make_shop)
    return lab


def test_a_city_is_assigned_as_a_whole(cities):
    start_experiment(cities.project, "cities")
    settle(cities, 5, make_shop)
    with cities.workspace() as workspace:
        trial = workspace.state().experiments["cities"][-1]
        experiment = cities.project.registry.experiments["cities"]
        units = meet_units(workspace, experiment, trial.plan, START + 5 * DAY)
    assert (trial.plan.keys, trial.plan.clustered) == (("device",), True)
    desk = sw.experiments(cities.root)
    for city, variant in units.rows.select("device", "_variant").unique().iter_rows():
        assert desk.assign("cities", city) == variant
    assert units.rows["_cluster"].n_unique() == 60
    assert units.crossed == ()


def test_errors_are_those_of_cities_and_days_are_put_together_by_city(cities):
    start_experiment(cities.project, "cities", units=1_300)
    settle(cities, 14, make_shop)
    first = look_at(cities.project, "cities", START + 6 * DAY)
    report = look_at(cities.project, "cities", START + 14 * DAY)
    assert first.look.effects[0].information < report.look.effects[0].information
    spent, basket = report.look.effects
    assert sum(spent.clusters) == 60
    assert spent.n[0] + spent.n[1] > 1_000
    # by hand: each customer's first two days, summed by city; the ratio's error by the delta method
    with cities.workspace() as workspace:
        visits, orders = (workspace.tables.read(workspace.admitted([name])[name]) for name in ("visits", "orders"))
        trial = workspace.state().experiments["cities"][-1]
        units = meet_units(workspace, cities.project.registry.experiments["cities"], trial.plan, report.look.known)
    last = max(detail_trial(cities.project, "cities").met)
    assert last >= "2024-03-29"
    complete = units.rows.filter((pl.col("_day") + 1) * DAY + 2 * DAY <= report.look.known)
    sold = orders.with_columns(pl.col("placed").cast(pl.Int64)).join(complete, on="customer", how="inner")
    sold = sold.filter(pl.col("placed") > pl.col("_met"), pl.col("placed") <= pl.col("_met") + 2 * DAY)
    totals = complete.join(sold.group_by("customer").agg(pl.col("price").sum()), on="customer", how="left")
    totals = totals.with_columns(pl.col("price").fill_null(0.0))
    by_city = totals.group_by("device", "_variant").agg(pl.col("price").sum(), pl.len().alias("n"))
    estimates = []
    for variant in ("usual", "new"):
        mine = by_city.filter(pl.col("_variant") == variant)
        y, n = mine["price"].to_numpy(), mine["n"].to_numpy().astype(float)
        ratio = y.sum() / n.sum()
        alike = n.sum() ** 2 / (n**2).sum()
        error = np.std(y - ratio * n) / np.sqrt(y.size) * np.sqrt(alike / (alike - 1)) / n.mean()
        estimates.append(Estimate(float(ratio), float(error), y.size, y.size))
    by_hand = compare(*estimates)
    assert spent.n == tuple(int(by_city.filter(pl.col("_variant") == v)["n"].sum()) for v in ("usual", "new"))
    assert spent.estimate == pytest.approx(by_hand.lift)
    assert spent.error == pytest.approx(by_hand.lift_error)
    assert visits.height > 0
    assert basket.clusters == spent.clusters


def test_slices_of_clusters_have_errors_of_clusters_too(cities):
    start_experiment(cities.project, "cities", units=1_300)
    settle(cities, 14, make_shop)
    look_at(cities.project, "cities", START + 14 * DAY)
    detail = detail_trial(cities.project, "cities")
    assert [each.value for each in detail.sliced[0].slices] == ["even", "odd"]


def test_statistics_of_many_looks_are_those_of_one(cities):
    start_experiment(cities.project, "cities", units=1_300)
    settle(cities, 10, make_shop)
    with cities.workspace() as workspace:
        experiment, trial = cities.project.registry.experiments["cities"], workspace.state().experiments["cities"][-1]
        early = gather_statistics(workspace, experiment, trial.plan, START + 6 * DAY, None)
        grown = gather_statistics(workspace, experiment, trial.plan, START + 10 * DAY, early)
        fresh = gather_statistics(workspace, experiment, trial.plan, START + 10 * DAY, None)
    assert digest_value(grown) == digest_value(fresh)


def test_a_customer_of_two_cities_that_met_both_variants_is_left_out_and_named(cities):
    start_experiment(cities.project, "cities", units=1_300)
    settle(cities, 8, make_shop)
    with cities.workspace() as workspace:
        visits = workspace.tables.read(workspace.admitted(["visits"])["visits"])
    moved = {f"c{number}" for number in range(12)}
    late = pl.col("opened").cast(pl.Int64) > START + 3 * DAY
    elsewhere = pl.when(pl.col("customer").is_in(moved) & late).then(pl.lit("d59")).otherwise("device")
    commit(cities, visits=visits.with_columns(elsewhere.alias("device")))
    report = look_at(cities.project, "cities", START + 8 * DAY)
    assert 0 < report.crossed <= 12
    assert set(report.crossing) <= moved
    assert not report.look.broken


def test_cities_that_are_lost_on_one_side_are_a_broken_split_and_uneven_cities_are_not(cities):
    settle(cities, 0, make_shop, cities=200)
    start_experiment(cities.project, "cities", units=1_300)
    desk = sw.experiments(cities.root)
    settle(cities, 6, make_shop, cities=200)
    with cities.workspace() as workspace:
        visits = workspace.tables.read(workspace.admitted(["visits"])["visits"])
    lost = [name for name in visits["device"].unique() if desk.assign("cities", name) == "new" and int(name[1:]) % 4]
    commit(cities, visits=visits.filter(~pl.col("device").is_in(lost)))
    report = look_at(cities.project, "cities", START + 6 * DAY)
    assert report.look.broken
    assert "clusters met usual" in report.look.said


def test_too_few_cities_are_too_few_for_a_plan_and_for_a_look(cities):
    settle(cities, 0, make_shop, cities=8)
    plan = plan_experiment(cities.project, "cities")
    assert plan.clusters == 8
    start_experiment(cities.project, "cities", units=1_300)
    settle(cities, 10, make_shop, cities=8)
    report = look_at(cities.project, "cities", START + 10 * DAY)
    assert report.look is None
    assert "fewer than 10 clusters" in report.said


def test_what_cities_do_not_find_however_many_come_is_told(cities):
    with cities.workspace() as workspace:
        orders = workspace.tables.read(workspace.admitted(["orders"])["orders"])
    # cities differ: what is paid there grows with the city's number
    city = pl.col("customer").str.slice(1).cast(pl.Int64) % 60
    commit(cities, orders=orders.with_columns(pl.col("price") * (1 + city / 4)))
    cities.edit("detect=0.5", "detect=0.05")
    plan = plan_experiment(cities.project, "cities")
    spent = plan.metrics[0]
    assert spent.correlation > 0.03
    assert (spent.units, spent.unreachable, plan.enough) == (None, True, False)
    assert "60 clusters do not find 5.0% of spent, however many units they have; they find " in plan.reason
    assert spent.smallest > 0.05
