"""The words for windows refuse what has no answer."""

from collections.abc import Callable
from typing import Any

import pytest

from shipway.core import window as w
from shipway.core.error import ShipwayError
from shipway.core.feature import Source

TRIPS = Source("trips", ("id",), (), {"always": ("seats",), "arrived": ("delay",)})
BEFOREHAND, ARRIVALS = TRIPS.event("always"), TRIPS.event("arrived")


@pytest.mark.parametrize(
    "ask",
    [
        lambda event: w.count(event, last="1h"),
        lambda event: w.mean(event.seats, last="1h"),
        lambda event: w.least(event.seats, last="1h"),
        lambda event: w.newest(event.seats, within="1h"),
        lambda event: w.age(event),
        lambda event: w.around(event, TRIPS.arrived, before="1h", after="1h"),
    ],
)
def test_what_was_known_beforehand_is_in_no_window_and_has_no_age(ask: Callable[[Any], Any]) -> None:
    with pytest.raises(ShipwayError, match="SW-106") as refused:
        ask(BEFOREHAND)
    assert "trips.always" in refused.value.fact
    assert ask(ARRIVALS).stream == "trips.arrived"


def test_what_was_known_beforehand_has_a_newest_row() -> None:
    assert str(w.newest(BEFOREHAND.seats)) == "w.newest(trips.always.seats)"
    assert str(w.newest(ARRIVALS.delay, within="6h")) == 'w.newest(trips.arrived.delay, within="6h")'


@pytest.mark.parametrize(
    ("word", "right"), [("sum", "total"), ("max", "greatest"), ("avg", "mean"), ("cuont", "count"), ("shares", "share")]
)
def test_a_wrong_word_is_answered_with_the_right_one(word: str, right: str) -> None:
    with pytest.raises(AttributeError, match=f"did you mean '{right}'"):
        getattr(w, word)
    assert not hasattr(w, word)


def test_every_word_for_a_window_can_be_suggested() -> None:
    with pytest.raises(AttributeError) as refused:
        w.nothing_like_it  # noqa: B018
    own = [n for n, f in vars(w).items() if not n.startswith("_") and getattr(f, "__module__", "") == w.__name__]
    assert str(refused.value).endswith(f"there is {', '.join(sorted(own))}")
