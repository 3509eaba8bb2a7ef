"""A part of what `bench/data_fault.py` prints: clean months pass, and faults are caught by rules meant for them."""

import importlib.util
import sys
from pathlib import Path

import pytest

PATH = Path(__file__).parents[2] / "bench" / "data_fault.py"


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("data_fault", PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules["data_fault"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["data_fault"]


@pytest.fixture(scope="module")
def tables(bench):
    return bench.load()


def test_there_are_faults_enough_and_some_were_held_out(bench):
    assert len(bench.GATE.rules) >= 30
    assert len({fault.name for fault in bench.FAULTS}) == len(bench.FAULTS) >= 25
    assert sum(fault.held_out for fault in bench.FAULTS) >= 8


@pytest.mark.parametrize("month", [1, 2, 7, 12])
def test_a_clean_month_passes(bench, tables, month):
    assert bench.judge(tables, month) == {}


@pytest.mark.parametrize(
    ("name", "by"),
    [
        ("temperature in Celsius, July", 'shift(weather.temp, by=weather.observed - "5h").on("new")'),
        ("columns swapped: dep_delay and arr_delay", "timely(late"),
        ("carrier renamed", 'vanished(flights.carrier).on("new")'),
        ("delivered twice", "unique(flights.month"),
        ("type drift: delays are text", "refused, SW-203"),
        ("clock change: an hour of November twice", "unique(weather.origin, weather.observed)"),
        ("one carrier's feed stopped", 'fresh(flights.scheduled, within="7d", per=flights.carrier'),
        ("outlier: wind of 1,048 mph, once", "holds((weather.wind_speed >= 0)"),
        ("a missing day", "thinnest_day("),
        ("labels of other rows", "correlation(flights.dep_delay, flights.arr_delay)"),
    ],
)
def test_a_fault_is_caught_by_the_rule_that_is_meant_for_it(bench, tables, name, by):
    (fault,) = [fault for fault in bench.FAULTS if fault.name == name]
    against = bench.judge(tables, fault.month, fault)
    assert [rule for rule, reason in against.items() if rule.startswith(by) and reason.startswith("fail")]
