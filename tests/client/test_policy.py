"""Budgets hold whatever is asked of them."""

from hypothesis import given
from hypothesis import strategies as st

from shipway.client.policy import Budget, Latencies, Policy


@given(
    share=st.floats(0, 1),
    burst=st.floats(0, 20),
    asked=st.lists(st.booleans(), max_size=300),
)
def test_no_more_is_spent_than_the_burst_and_the_share_of_the_calls(share, burst, asked):
    budget = Budget(share, burst)
    calls = spent = 0
    for call in asked:
        if call:
            budget.earn()
            calls += 1
        else:
            spent += budget.spend()
        assert spent <= burst + share * calls + 1e-6


def test_a_tenth_of_the_calls_is_a_tenth():
    budget = Budget(0.1, 1.0)
    assert budget.spend()
    spent = 0
    for _ in range(1000):
        budget.earn()
        spent += budget.spend()
    assert spent == 100


@given(drawn=st.floats(0, 1, exclude_max=True), attempt=st.integers(2, 60))
def test_a_pause_is_never_longer_than_the_longest(drawn, attempt):
    assert 0 <= Policy().pause_s(attempt, drawn) <= 2.0


def test_the_percentile_is_of_the_latest():
    latencies = Latencies()
    for place in range(31):
        latencies.add(place)
    assert latencies.p95_s is None
    for _ in range(256 + 1):
        latencies.add(1.0)
    assert latencies.p95_s == 1.0
