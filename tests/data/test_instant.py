"""An instant's summary is that of its rows, and its nodes are those of a tree of these rows, whatever happened."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shipway.core.entry import encode_series
from shipway.data.instant import LEAF, Instant, Shape
from shipway.testing.fake.online import MemoryOnline

SERIES = encode_series(3, ("a",))
SHAPE = Shape(newest=2, compared=1)
AT = 77


def revise(online, before, gone, come):
    instant = Instant(online, SHAPE, SERIES, AT)
    summary = instant.revise(*before, gone, come)
    puts = [(name, AT, value) for name, value in instant.changed.items() if value is not None]
    drops = [(name, AT) for name, value in instant.changed.items() if value is None]
    online.write(puts, position=b"", drops=drops)
    return summary


def row(tie, salt=0):
    value = (tie * 7 + salt) % 11
    return [f"v{tie}", salt, None if value == 3 else value, tie]


def summary_of(rows):
    if not rows:
        return []
    newest = max(rows, key=lambda each: each[-1])
    values = [each[2] for each in rows if each[2] is not None]
    return [*newest[:2], min(values, default=None), max(values, default=None), newest[-1]]


def nodes(online):
    return dict(online._values)


@given(steps=st.lists(st.tuples(st.sets(st.integers(0, 140), max_size=90), st.integers(0, 4)), max_size=6))
@example(steps=[(set(range(140)), 0), (set(), 0)])
@example(steps=[({1}, 0), ({1, 2}, 0), ({2}, 0), (set(), 0), ({3}, 0)])
@example(steps=[(set(range(LEAF)), 0), (set(range(LEAF + 1)), 0), (set(range(LEAF)), 1), (set(range(1, LEAF)), 1)])
@example(steps=[(set(range(140)), 0), (set(range(60)), 0), ({1, 2}, 0)])
def test_rows_may_come_and_go_in_any_number(steps):
    online, there, summary = MemoryOnline(), {}, []
    for ties, salt in steps:
        wanted = {tie: row(tie, salt) for tie in ties}
        gone = [each for tie, each in there.items() if wanted.get(tie) != each]
        come = [each for tie, each in wanted.items() if there.get(tie) != each]
        summary = revise(online, (len(there), summary), gone, come)
        there = wanted
        assert summary == summary_of(list(there.values()))
        afresh = MemoryOnline()
        revise(afresh, (0, []), [], list(there.values()))
        assert nodes(online) == nodes(afresh)


def test_what_one_of_many_rows_costs_does_not_grow_with_them():
    costs = []
    for count in (200, 6_000):
        online = MemoryOnline()
        summary = revise(online, (0, []), [], [row(tie) for tie in range(count)])
        instant = Instant(online, SHAPE, SERIES, AT)
        instant.revise(count, summary, [row(5)], [row(5, 1)])
        costs.append(sum(len(value) for value in instant.changed.values() if value is not None))
    assert costs[1] < 3 * costs[0]  # of 30 times as many


@pytest.mark.parametrize("ties", [[3, 1, 2], ["b", "a", "c"], [["b", 1], ["a", 9], ["b", 0]], [True, False]])
def test_the_newest_is_the_greatest_tie(ties):
    online = MemoryOnline()
    rows = [[f"{tie}", 0, 1, tie] for tie in ties]
    assert revise(online, (0, []), [], rows)[0] == f"{max(ties)}"
    assert revise(online, (1, SHAPE.summarise(rows[0])), [], rows[1:])[0] == f"{max(ties)}"
