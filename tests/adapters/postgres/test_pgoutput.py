"""Messages of pgoutput, written here as the documentation has them, are decoded to what they say."""

import struct

import pytest

from shipway.adapters.postgres.pgoutput import EPOCH_US, Begin, Commit, Decoder
from shipway.core.change import Row
from shipway.core.error import ShipwayError


def relation(number=7, *, replica=b"d", columns=(("id", 23, 1), ("note", 25, 0), ("at", 1184, 0))):
    body = b"R" + struct.pack(">i", number) + b"public\0notes\0" + replica + struct.pack(">h", len(columns))
    for name, kind, flags in columns:
        body += bytes([flags]) + name.encode() + b"\0" + struct.pack(">ii", kind, -1)
    return body


def values(*given):
    body = struct.pack(">h", len(given))
    for each in given:
        if each is None or each is ...:
            body += b"n" if each is None else b"u"
        else:
            body += b"t" + struct.pack(">i", len(each.encode())) + each.encode()
    return body


def change(kind, *parts, number=7):
    return kind + struct.pack(">i", number) + b"".join(parts)


@pytest.fixture
def decoder():
    made = Decoder(["id"])
    assert list(made.decode(relation())) == []
    return made


def test_a_transaction_has_edges(decoder):
    assert decoder.decode(b"B" + struct.pack(">qqi", 99, 5, 1)) == (Begin(99, EPOCH_US + 5),)
    assert decoder.decode(b"C" + struct.pack(">bqqq", 0, 99, 120, 5)) == (Commit(120),)


def test_rows_keep_their_text(decoder):
    (row,) = decoder.decode(change(b"I", b"N", values("1", "é\0ü", None)))
    assert isinstance(row, Row)
    assert (row.op, list(row.values), row.absent) == ("c", ["1", "é\0ü", None], ())
    assert row.shape.table == "public.notes"
    assert row.shape.kinds == ("int", "text", "instant")


def test_what_an_update_leaves_alone_is_absent(decoder):
    (row,) = decoder.decode(change(b"U", b"N", values("1", ..., "x")))
    assert (row.op, list(row.values), row.absent) == ("u", ["1", None, "x"], ("note",))


def test_a_change_of_the_key_is_a_deletion_and_a_row(decoder):
    gone, row = decoder.decode(change(b"U", b"K", values("1", None, None), b"N", values("2", ..., "x")))
    assert (gone.op, gone.values[0]) == ("d", "1")
    assert (row.op, row.values[0], row.absent) == ("u", "2", ("note",))


def test_the_whole_row_before_says_what_was_left_alone():
    decoder = Decoder(["id"])
    decoder.decode(relation(replica=b"f"))
    (row,) = decoder.decode(change(b"U", b"O", values("1", "long", "x"), b"N", values("1", ..., "y")))
    assert (list(row.values), row.absent) == (["1", "long", "y"], ())
    (gone,) = decoder.decode(change(b"D", b"O", values("1", "long", "y")))
    assert gone.op == "d"


def test_a_truncation_is_one_change_of_each_table(decoder):
    decoder.decode(relation(8))
    rows = decoder.decode(b"T" + struct.pack(">ib", 2, 0) + struct.pack(">ii", 7, 8))
    assert [row.op for row in rows] == ["t", "t"]


def test_a_table_that_is_sent_again_is_the_same_shape_until_it_changes(decoder):
    (one,) = decoder.decode(change(b"I", b"N", values("1", "a", None)))
    decoder.decode(relation())
    (same,) = decoder.decode(change(b"I", b"N", values("1", "a", None)))
    assert same.shape is one.shape
    decoder.decode(relation(columns=(("id", 23, 1), ("text", 25, 0))))
    (other,) = decoder.decode(change(b"I", b"N", values("1", "a")))
    assert other.shape.columns == ("id", "text")


def test_a_deletion_that_does_not_say_the_key_is_refused():
    decoder = Decoder(["note"])
    decoder.decode(relation())
    with pytest.raises(ShipwayError, match=r"SW-222.*key(.|\n)*REPLICA IDENTITY FULL"):
        decoder.decode(change(b"D", b"K", values("1", None, None)))


@pytest.mark.parametrize("body", [b"O" + b"\0" * 9, b"Y\0", b"M\0"])
def test_what_is_no_change_is_passed_over(decoder, body):
    assert list(decoder.decode(body)) == []


def test_messages_of_another_version_are_refused(decoder):
    with pytest.raises(ShipwayError, match="SW-201"):
        decoder.decode(b"S\0")
