"""A wavelet matrix answers what sorting each run would."""

import hypothesis.strategies as st
import numpy as np
from hypothesis import given

from shipway.maths.wavelet import build_wavelet, count_below, find_ranked

numbers_of = st.integers(1, 40).flatmap(
    lambda end: st.tuples(st.just(end), st.lists(st.integers(0, end - 1), max_size=30))
)


@given(made=numbers_of, data=st.data())
def test_runs_are_answered_as_if_sorted(made, data):
    end, numbers = made
    wavelet = build_wavelet(np.array(numbers, dtype=np.int64), end)
    edges = st.integers(0, len(numbers))
    runs = sorted(data.draw(st.lists(st.tuples(edges, edges).map(sorted).map(tuple), min_size=1, max_size=8)))
    low, high = (np.array(side, dtype=np.int64) for side in zip(*runs, strict=True))
    bound = data.draw(st.lists(st.integers(0, end - 1), min_size=len(runs), max_size=len(runs)))
    below = count_below(wavelet, low, high, np.array(bound))
    assert below.tolist() == [sum(n < b for n in numbers[a:z]) for (a, z), b in zip(runs, bound, strict=True)]
    rank = np.array([data.draw(st.integers(0, max(z - a, 1) - 1)) for a, z in runs])
    found = zip(*(each.tolist() for each in find_ranked(wavelet, low, high, rank)), strict=True)
    for (a, z), place, answer in zip(runs, rank.tolist(), found, strict=True):
        if z > a:
            run = sorted(numbers[a:z])
            wanted = run[place]
            assert answer == (wanted, place - run.index(wanted), run.count(wanted))
