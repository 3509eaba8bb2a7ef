"""The cheapest setting, by hand and by what must always hold of it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.core.capacity import Objective, Setting
from shipway.core.latency import Machine
from shipway.validation.advice import advise, price_trial

MACHINE = Machine(processor="test", cores=2, system="Linux", python="3.11")
OBJECTIVE = Objective(limit_ms=20.0)
settings = st.builds(Setting, workers=st.integers(1, 8), threads=st.integers(1, 8))


def trial(setting, capacity, rate=1_000.0, spare=0.2, price=0.05):
    return price_trial(setting, capacity, rate=rate, spare=spare, price=price)


def ask(trials, rate=1_000.0, spare=0.2, price=0.05):
    return advise("delay@2", OBJECTIVE, trials, rate=rate, spare=spare, price=price, machine=MACHINE)


def test_copies_hold_the_rate_with_what_is_spared():
    one = trial(Setting(workers=2), 500.0)
    assert (one.copies, one.cores) == (3, 6)
    assert one.cost == pytest.approx(0.3)
    assert trial(Setting(), 1_250.0).copies == 1


@given(settings, st.floats(0.1, 1e5), st.floats(0.1, 1e5), st.floats(0, 0.9))
def test_as_many_as_it_takes_and_not_one_more(setting, capacity, rate, spare):
    found = trial(setting, capacity, rate, spare)
    held = capacity * (1 - spare)
    assert found.copies * held >= rate * (1 - 1e-6)
    assert (found.copies - 1) * held < rate


def test_the_cheapest_is_named_with_its_cost_beside_the_dearest():
    one, two, none = trial(Setting(), 500.0), trial(Setting(threads=2), 600.0), trial(Setting(workers=4), 0.0)
    found = ask([two, none, one])
    assert found.trials == (one, two, none)
    assert found.said == (
        "Run 1 process, 1 thread each, wait 0s, 3 times: 3 cores for 0.15 an hour hold p95 <= 20 ms and failures <= "
        "0.01 at 1,000 requests/s, with 20% to spare. The dearest, 1 process, 2 threads each, wait 0s, would cost 2 "
        "times as much."
    )


def test_of_equal_cost_the_one_with_more_room_comes_first():
    assert ask([trial(Setting(wait="2ms"), 1_300.0), trial(Setting(), 1_900.0)]).trials[0].setting == Setting()


def test_where_nothing_holds_that_is_said():
    found = ask([trial(Setting(), 0.0)])
    assert math.isinf(found.trials[0].cost)
    assert found.said.startswith("No setting that was tried holds")


def test_want_of_requests_is_told_as_that():
    short = price_trial(Setting(), 0.0, rate=10.0, spare=0.2, price=1.0, short=True)
    assert "want of requests" in ask([short, trial(Setting(workers=2), 0.0)]).said
    assert "want of requests" not in ask([short, trial(Setting(workers=2), 500.0)]).said
