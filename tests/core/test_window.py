"""The words for windows refuse what has no answer."""

import functools
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from shipway.core import window as w
from shipway.core.error import ShipwayError
from shipway.core.feature import Source
from shipway.maths.expression import Aggregate

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
        lambda event: w.variance(event.seats, last="1h"),
        lambda event: w.first(event.seats, last="1h"),
        lambda event: w.decayed(event.seats, half_life="1h"),
        lambda event: w.quantile(event.seats, 0.5, last="1h", bins=[1]),
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


WINDOWS = (
    w.count(ARRIVALS, last="1h", where=ARRIVALS.delay > 5),
    w.share(ARRIVALS.delay > 5, last="1h", where=ARRIVALS.seats.is_in(1, 2) & (ARRIVALS.delay < 9)),
    w.variance(ARRIVALS.delay, last="1h30m"),
    w.deviation(ARRIVALS.delay, last="1d", where=~ARRIVALS.delay.is_null()),
    w.first(ARRIVALS.delay, last="1h"),
    w.newest(ARRIVALS.delay, where=ARRIVALS.delay > 5),
    w.newest(ARRIVALS.delay, within="1h", where=ARRIVALS.delay > 5),
    w.age(ARRIVALS, where=ARRIVALS.delay > 5),
    w.decayed(ARRIVALS.delay * 2, half_life="6h"),
    w.quantile(ARRIVALS.delay, 0.9, last="1h", bins=[0, 1.5, 60]),
    w.quantile(ARRIVALS.delay, 0.5, last="1h", bins=w.relative(0.02, least=1, greatest=1440)),
    w.distinct(ARRIVALS.delay, last="1h"),
    w.distinct(ARRIVALS.delay, last="1h", bins=64, where=ARRIVALS.delay > 5),
    w.distinct(ARRIVALS.delay, last="1h", of=[1, 2.5]),
    w.most_common(ARRIVALS.delay, last="1h", of=["a", 'b"']),
    w.most_common(ARRIVALS.delay, place=2, last="1h", of=[True, False]),
)


def test_a_window_ahead_prints_its_condition() -> None:
    ahead = w.around(ARRIVALS, TRIPS.arrived, before="1h", after="2h", where=ARRIVALS.delay > 5)
    assert str(ahead) == (
        'w.around(trips.arrived, trips.arrived, before="1h", after="2h", where=trips.arrived.delay > 5)'
    )


@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_a_window_prints_back_as_it_is_written_and_travels_as_json(window: Any) -> None:
    names = {"w": w, "trips": _Trips()}
    assert eval(str(window), names) == window
    assert msgspec.json.decode(msgspec.json.encode(window), type=Aggregate) == window


class _Trips:
    """Stands for the source in what is printed: there a stream is an attribute of its source."""

    arrived = ARRIVALS


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: w.count(ARRIVALS, last="1h", where=BEFOREHAND.seats > 1), "trips.arrived"),
        (lambda: w.count(ARRIVALS, last="1h", where=w.age(ARRIVALS) > 1), "trips.arrived"),
        (lambda: w.count(ARRIVALS, last="1h", where=False), "False"),  # pyright: ignore[reportArgumentType]
        (lambda: w.decayed(ARRIVALS.delay, half_life="0s"), "0s"),
        (lambda: w.decayed(ARRIVALS.delay, half_life="20000d"), "longer"),
        (lambda: w.quantile(ARRIVALS.delay, 1.0, last="1h", bins=[1]), "1.0"),
        (lambda: w.quantile(ARRIVALS.delay, 0.12345678, last="1h", bins=[1]), "six decimals"),
        (lambda: w.quantile(ARRIVALS.delay, 0.5, last="1h", bins=[]), "ascend"),
        (lambda: w.quantile(ARRIVALS.delay, 0.5, last="1h", bins=[2, 1]), "ascend"),
        (lambda: w.quantile(ARRIVALS.delay, 0.5, last="1h", bins=[float("nan")]), "nan"),
        (lambda: w.quantile(ARRIVALS.delay, 0.5, last="1h", bins=list(range(5000))), "5001"),
        (lambda: w.quantile(ARRIVALS.delay, 0.5, last="1h", bins="a"), "no list"),  # pyright: ignore[reportArgumentType]
        (lambda: w.relative(0.9, least=1, greatest=2), "0.9"),
        (lambda: w.relative(0.02, least=0, greatest=2), "above zero"),
        (lambda: w.relative(0.0001, least=1e-300, greatest=1e300), "4096"),
        (lambda: w.distinct(ARRIVALS.delay, last="1h", bins=100), "power of two"),
        (lambda: w.distinct(ARRIVALS.delay, last="1h", of=[]), "0 values"),
        (lambda: w.distinct(ARRIVALS.delay, last="1h", of=[1, 1.0]), "twice"),
        (lambda: w.distinct(ARRIVALS.delay, last="1h", of=[1, "a"]), "not all"),
        (lambda: w.most_common(ARRIVALS.delay, place=3, last="1h", of=["a", "b"]), "2 values"),
        (lambda: w.over(["1h"], n=w.count(ARRIVALS, last="1h")), "no width"),  # pyright: ignore[reportArgumentType]
        (lambda: w.over(["1h", "x"], n=lambda last: w.count(ARRIVALS, last="1h")), "x"),
    ],
)
def test_what_makes_no_window_is_refused_where_it_stands(make: Callable[[], Any], said: str) -> None:
    with pytest.raises(ShipwayError, match="SW-106") as refused:
        make()
    assert said in refused.value.fact


def test_features_over_several_windows_are_named_by_their_windows() -> None:
    made = w.over(
        ["1h", "24h"],
        n=lambda last: w.count(ARRIVALS, last=last),
        mean=functools.partial(w.mean, ARRIVALS.delay),
    )
    assert made == {
        "n_1h": w.count(ARRIVALS, last="1h"),
        "n_24h": w.count(ARRIVALS, last="24h"),
        "mean_1h": w.mean(ARRIVALS.delay, last="1h"),
        "mean_24h": w.mean(ARRIVALS.delay, last="24h"),
    }
    with pytest.raises(ShipwayError, match="SW-105"):
        w.over(["1h", "1h"], n=lambda last: w.count(ARRIVALS, last=last))
