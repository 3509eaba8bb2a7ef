"""Statistics of days: what changes them, and which source they wait for."""

import polars as pl
from tests.app.experiment.conftest import START, make_shop

from shipway.app.experiment.conduct import start_experiment
from shipway.app.experiment.question import find_running
from shipway.app.experiment.statistic import gather_statistics
from shipway.core.table import MAIN
from shipway.kit.canonical import digest_value
from shipway.kit.duration import DAY


def commit(lab, **tables):
    with lab.workspace() as workspace:
        written = {name: workspace.tables.write(rows) for name, rows in tables.items()}
        workspace.tables.commit(MAIN, written, expect=workspace.tables.head(MAIN), message="changed")


def gather(lab, day, kept=None):
    with lab.workspace() as workspace:
        experiment, trial = find_running(workspace.state(), lab.project, "fares")
        return gather_statistics(workspace, experiment, trial.plan, START + day * DAY, kept)


def test_an_order_that_turns_out_to_be_another_customers_changes_its_days(lab):
    start_experiment(lab.project, "fares", units=700)
    lab.live(10)
    before = gather(lab, 10)
    _, orders = make_shop(10, [1.0] * 1_500)
    during = (pl.col("placed").cast(pl.Int64) >= START) & (pl.col("price") > 20)
    commit(lab, orders=orders.with_columns(pl.when(during).then(pl.lit("c7")).otherwise("customer").alias("customer")))
    grown, fresh = gather(lab, 10, before), gather(lab, 10)
    assert digest_value(grown) == digest_value(fresh)
    assert grown.days != before.days


def test_the_source_that_days_wait_for_is_named(lab):
    start_experiment(lab.project, "fares", units=700)
    lab.live(10)
    assert gather(lab, 10).say_lag(START + 10 * DAY, "UTC") == ""
    _, orders = make_shop(10, [1.0] * 1_500)
    commit(lab, orders=orders.filter(pl.col("placed").cast(pl.Int64) < START + 3 * DAY))
    quiet = gather(lab, 10)
    assert quiet.slowest == "orders"
    assert quiet.say_lag(START + 10 * DAY, "UTC") == (
        "orders tells of nothing after 2024-03-20: only days that were over by then are complete"
        " until it has a later row"
    )
    commit(lab, orders=orders.clear())
    assert (
        gather(lab, 10).say_lag(START, "UTC") == "orders tells of nothing yet, so no day is complete until it has a row"
    )
    nobody = orders.head(1).with_columns(
        customer=pl.lit("nobody"), placed=pl.lit(START + 10 * DAY).cast(orders["placed"].dtype)
    )
    commit(lab, orders=nobody)
    told = gather(lab, 10)
    assert (told.say_lag(START + 10 * DAY, "UTC"), bool(told.days["spent"])) == ("", True)
