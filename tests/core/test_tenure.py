"""Spans of shares follow from the changes of a service's routing."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from shipway.core.tenure import Share, list_tenures

shares = st.builds(
    Share,
    at=st.integers(0, 50),
    stable=st.integers(1, 2),
    candidate=st.one_of(st.none(), st.integers(3, 4)),
    weight=st.sampled_from([0.0, 0.25, 0.5]),
)


def test_a_walk_is_told_as_its_steps():
    told = list_tenures(
        "desk",
        [
            Share(at=0, stable=1, reason="opened"),
            Share(at=10, stable=1, candidate=2, weight=0.0, release="desk/1"),
            Share(at=20, stable=1, candidate=2, weight=0.25, release="desk/1"),
            Share(at=30, stable=2, release="desk/1", reason="good"),
        ],
    )
    assert [(each.number, each.weight, each.since, each.ended_at) for each in told] == [
        (1, 1.0, 0, 20),
        (2, 0.0, 10, 20),
        (1, 0.75, 20, 30),
        (2, 0.25, 20, 30),
        (2, 1.0, 30, None),
    ]
    assert told[-1].reason == "good"


@given(st.lists(shares, min_size=1, max_size=8).map(lambda found: sorted(found, key=lambda share: share.at)))
def test_at_every_instant_the_shares_are_one_and_those_that_were_set(history):
    told = list_tenures("desk", history)
    for share, following in pairwise([*history, None]):
        if following is not None and following.at == share.at:
            continue
        now = {each.number: each.weight for each in told if each.since <= share.at < (each.ended_at or 1 << 60)}
        due = {share.stable: 1 - share.weight if share.candidate else 1.0}
        if share.candidate:
            due[share.candidate] = share.weight
        assert now == due
        assert sum(now.values()) == 1
