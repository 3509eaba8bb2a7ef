"""The newest event that each question knows, found by a table or by a join, is the one that a search finds."""

import numpy as np
import pytest

from shipway.data import asof
from shipway.data.asof import find_newest
from shipway.maths.instant import sort_instants


@pytest.mark.parametrize("cells", [0, 1_000])
@pytest.mark.parametrize("seed", range(6))
def test_the_newest_event_is_found(monkeypatch, seed, cells):
    monkeypatch.setattr(asof, "_CELLS", cells)
    chance = np.random.default_rng(seed)
    events, questions = int(chance.integers(0, 40)), int(chance.integers(1, 40))
    at, asked = chance.integers(0, 20, events), chance.integers(-2, 22, questions)
    if seed % 2:
        at, asked = np.sort(at), np.sort(asked)
    ties = chance.permutation(events)
    there, here = chance.integers(-1, 4, events), chance.integers(-1, 6, questions)
    found = find_newest(sort_instants(at, ties), there, sort_instants(asked), here)
    for question, position in enumerate(found):
        known = [
            (at[event], ties[event], event)
            for event in range(events)
            if there[event] == here[question] >= 0 and at[event] <= asked[question]
        ]
        assert position == max(known, default=(0, 0, -1))[2]
