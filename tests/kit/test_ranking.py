"""Ranking: the right thing comes first, also for who spells it badly."""

import pytest

from shipway.kit.ranking import rank, split_words

TEXTS = {
    "org.late_share_6h": [(4.0, "org late share 6h"), (2.0, "share of flights that landed more than 15 minutes late")],
    "org.arr_n_6h": [(4.0, "org arr n 6h"), (2.0, "flights that landed")],
    "wx.temp": [(4.0, "wx temp"), (2.0, "temperature in Fahrenheit")],
    "plane.seats": [(4.0, "plane seats"), (2.0, "seats of the aircraft, from the register")],
}


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("late share", "org.late_share_6h"),
        ("aircraft", "plane.seats"),
        ("aircarft", "plane.seats"),
        ("temprature", "wx.temp"),
        ("temper", "wx.temp"),
        ("SEATS", "plane.seats"),
        ("landed", "org.arr_n_6h"),
        ("registre plane", "plane.seats"),
    ],
)
def test_the_right_text_comes_first(query: str, first: str) -> None:
    assert rank(query, TEXTS)[0][0] == first


def test_every_word_that_means_anything_has_to_be_answered() -> None:
    assert [name for name, _ in rank("landed minutes", TEXTS)] == ["org.late_share_6h"]
    assert [name for name, _ in rank("seats qqqqq", TEXTS)] == ["plane.seats"]


def test_nothing_is_found_for_nothing() -> None:
    assert rank("qqqqq", TEXTS) == rank("", TEXTS) == rank("late", {}) == []


def test_equals_are_in_the_order_of_their_names() -> None:
    assert [name for name, _ in rank("x", {"b": [(1.0, "x")], "a": [(1.0, "x")]})] == ["a", "b"]


def test_words_are_split_at_signs_and_underscores() -> None:
    assert split_words("dep_mean-3h (late)") == ["dep", "mean", "3h", "late"]
