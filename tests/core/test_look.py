"""What a look says, as people read it."""

import pytest

from shipway.core.look import Events, LookEffect, write_counts, write_information, write_span, write_times


def effect(**given):
    words = {
        "name": "returns", "role": "metric", "variant": "new", "n": (1_200, 1_180), "information": 0.4, "alpha": 0.05,
        "spent": 0.01, "control": 1.0, "estimate": 0.5, "error": 0.0, "boundary": 0.0, "low": -0.25, "high": 2.0,
        "sharpened": 0.0, "shown": "open", "evidence": "e",
    }  # fmt: skip
    return LookEffect(**(words | given))


def test_units_clusters_and_events_are_counted():
    assert write_counts(effect()) == "1,200 and 1,180"
    assert write_counts(effect(clusters=(12, 11))) == "1,200 and 1,180, of 12 and 11 clusters"
    events = Events(control=4, variant=6, planned=30, few=-1, many=9)
    assert write_counts(effect(events=events)) == "4 of 1,200 and 6 of 1,180"
    assert events.total == 10
    assert write_information(effect()) == "40%"
    assert write_information(effect(events=events)) == "40% of events"


@pytest.mark.parametrize(
    ("low", "high", "said", "bounded"),
    [
        (-0.25, 2.0, "0.75 to 3.00 times", True),
        (0.4, None, "at least 1.40 times", True),
        (None, 24.3, "at most 25.3 times", True),
        (-0.9766, 1_500.0, "0.023 to 1,501 times", True),
        (None, None, "nothing bounds it yet", False),
    ],
)
def test_an_interval_of_a_rare_event_says_how_many_times_as_often(low, high, said, bounded):
    each = effect(low=low, high=high)
    assert (write_span(each), each.bounded) == (said, bounded)
    assert [write_times(effect) for effect in (-1.0, 0.0, 0.125)] == ["0.00 times", "1.00 times", "1.12 times"]
