"""What a window takes in, and in which order."""

import polars as pl
import pytest

from shipway.core.error import ShipwayError
from shipway.monitoring.window import CanaryWindow, LiveWindow

EMPTY = pl.DataFrame()


def test_a_step_is_what_was_asked_in_it_and_assigned_by_its_weight():
    pairs = pl.DataFrame(
        {"request": list("fedcba"), "at": [60, 50, 40, 30, 20, 20], "weight": [0.1, 0.1, 0.0, 0.1, 0.1, 0.1]}
    )
    told = {"labels": EMPTY, "newest": {}, "online": {}, "versions": {"stable": 3, "candidate": 4}, "steps": 4}
    window = CanaryWindow(pairs=pairs, since=20, weight=0.1, now=50, **told)
    assert window.step["request"].to_list() == ["a", "b", "c", "e"]
    assert (window.stable, window.candidate) == ("version 3", "version 4")


def test_a_live_window_is_half_open_and_ends_now():
    rows = pl.DataFrame({"request": list("dcba"), "at": [41, 40, 30, 20]})
    told = dict.fromkeys(("answers", "labels", "vectors", "reference", "offline"), EMPTY)
    window = LiveWindow(**told, features=(), now=40)
    assert window.take(rows, 20)["request"].to_list() == ["b", "c"]
    with pytest.raises(ShipwayError) as caught:
        window.take(EMPTY, 20)
    assert caught.value.code == "SW-202"
