"""Units of an experiment: what identifies one is written as callers write it, or refused."""

import polars as pl
import pytest
from tests.app.experiment.conftest import START, make_shop
from tests.app.experiment.test_statistic import commit

from shipway.app.experiment.conduct import start_experiment
from shipway.app.experiment.planning import plan_experiment
from shipway.app.experiment.question import assign_unit, find_running
from shipway.app.experiment.statistic import gather_statistics
from shipway.core.error import ShipwayError
from shipway.kit.duration import DAY


def rekey(lab, days, dtype):
    visits, orders = make_shop(days, [1.0] * 1_500)
    key = pl.col("customer").str.slice(1).cast(pl.Int64).cast(dtype)
    commit(lab, visits=visits.with_columns(key), orders=orders.with_columns(key))


@pytest.mark.parametrize("dtype", [pl.Float64, pl.Datetime("us")])
def test_a_unit_that_callers_write_otherwise_is_refused(lab, dtype):
    rekey(lab, 0, dtype)
    with pytest.raises(ShipwayError) as refused:
        plan_experiment(lab.project, "fares")
    assert (refused.value.code, "visits.customer" in refused.value.fact) == ("SW-203", True)
    assert "whole number" in refused.value.hint


def test_a_whole_number_is_the_unit_that_callers_name(lab):
    rekey(lab, 0, pl.Int64)
    start_experiment(lab.project, "fares", units=700)
    rekey(lab, 4, pl.Int64)
    with lab.workspace() as workspace:
        experiment, trial = find_running(workspace.state(), lab.project, "fares")
        found = gather_statistics(workspace, experiment, trial.plan, START + 4 * DAY, None)
    visits, _ = make_shop(4, [1.0] * 1_500)
    came = visits.filter(pl.col("opened").cast(pl.Int64) >= START, pl.col("opened").cast(pl.Int64) <= found.known)
    met = [assign_unit(lab.project, "fares", unit[1:]).variant for unit in came["customer"].unique().head(60).to_list()]
    assert {"usual", "new", None} == set(met)
    assert 0 < found.units["new"] + found.units["usual"] < came["customer"].n_unique()
