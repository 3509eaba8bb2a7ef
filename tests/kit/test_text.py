"""Whatever a text holds, what is shown of it is one line that a terminal and a page take as it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.kit.text import reveal


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("B6 ", "B6 "),
        ("a\nb\tc\r", r"a\nb\tc\r"),
        ("\x1b[2J\x07", r"\x1b[2J\x07"),
        ("\u202eevil", r"\u202eevil"),
        ("\ud800", r"\ud800"),
        ("\U000e0001", r"\U000e0001"),
        ("a\xa0b", r"a\xa0b"),
        ("São 事 ½ 🛫", "São 事 ½ 🛫"),
    ],
)
def test_what_cannot_be_seen_is_written_out(text: str, shown: str) -> None:
    assert reveal(text) == shown


@given(st.text())
def test_all_that_is_shown_can_be_printed_and_nothing_printable_is_lost(text: str) -> None:
    shown = reveal(text)
    assert shown.isprintable()
    assert shown.encode().decode() == shown
    assert reveal(shown) == shown
    kept = iter(shown)
    assert all(sign in kept for sign in text if sign.isprintable())


def test_a_long_text_is_cut_and_says_so() -> None:
    assert reveal("abcdef", most=6) == "abcdef"
    assert reveal("abcdefg", most=6) == "abcdef... and 1 characters more"
    assert reveal("\x00" * 1200, most=1) == r"\x00... and 1,199 characters more"
