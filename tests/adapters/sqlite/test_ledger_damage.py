"""What somebody with write access to the database can do, and how it shows."""

import shutil
import sqlite3
from contextlib import closing

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from shipway.adapters.sqlite.ledger import SqliteLedger
from shipway.core.error import ShipwayError
from shipway.core.ledger import Draft, Head, seal
from shipway.kit.canonical import canonical_json
from shipway.kit.duration import SECOND
from shipway.testing.fake import ManualClock

COUNT = 12
TRIGGERS = ("entry_follows_the_last", "entry_never_changes", "entry_never_goes")
TEXTS = ("actor", "kind", "subject", "prev", "digest")


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A folder with a whole ledger of `COUNT` entries, closed."""
    folder = tmp_path_factory.mktemp("original")
    clock = ManualClock()
    with closing(open_ledger(folder, clock)) as ledger:
        for number in range(COUNT):
            clock.advance(SECOND)
            ledger.append([Draft(actor="ann", kind="noted", subject=f"thing:{number}", body=b'{"n":%d}' % number)])
    return folder


@pytest.fixture(scope="module")
def entries(original):
    """What the whole ledger holds."""
    with closing(open_ledger(original)) as ledger:
        return list(ledger.read())


@pytest.fixture
def tamper(original, tmp_path):
    """Run statements on a copy whose triggers are dropped and return the copy's folder."""

    def change(*statements):
        folder = copy(original, tmp_path / "copy")
        with closing(unguarded(folder)) as connection:
            for statement, *values in statements:
                connection.execute(statement, values)
        return folder

    return change


def open_ledger(folder, clock=None):
    return SqliteLedger(folder / "ledger.sqlite", clock=clock or ManualClock(), anchor=folder / "anchor.json")


def copy(original, folder):
    shutil.rmtree(folder, ignore_errors=True)
    return shutil.copytree(original, folder)


def unguarded(folder):
    connection = sqlite3.connect(folder / "ledger.sqlite", isolation_level=None)
    for trigger in TRIGGERS:
        connection.execute(f"DROP TRIGGER {trigger}")
    return connection


def find_facts(folder):
    """Return place -> facts of every damage."""
    with closing(open_ledger(folder)) as ledger:
        facts = {}
        for damage in ledger.verify():
            facts.setdefault(damage.seq, []).append(damage.fact)
        return facts


def check_append_is_refused(folder):
    with closing(open_ledger(folder)) as ledger:
        before, anchor = ledger.head(), (folder / "anchor.json").read_bytes()
        with pytest.raises(ShipwayError) as caught:
            ledger.append([Draft(actor="ann", kind="noted", subject="thing:new", body=b"{}")])
        assert caught.value.code == "SW-604"
        assert ledger.head() == before
    assert (folder / "anchor.json").read_bytes() == anchor
    return caught.value.fact


def test_original_is_whole(original):
    assert find_facts(original) == {}


def test_dropped_triggers_alone_change_nothing(tamper):
    assert find_facts(tamper()) == {}


@pytest.mark.parametrize("seq", [1, 6, COUNT])
@pytest.mark.parametrize("column", TEXTS)
def test_flipped_byte_of_text(tamper, entries, column, seq):
    flip = f"UPDATE entry SET {column} = CAST(? AS TEXT) WHERE seq = {seq}"
    stored = getattr(entries[seq - 1], column).encode()
    for bit in (0x01, 0x80):  # the second is no UTF-8 any more
        folder = tamper((flip, bytes([stored[0] ^ bit]) + stored[1:]))
        assert "content does not match its digest" in find_facts(folder)[seq]
        if seq == COUNT:
            check_append_is_refused(folder)


@pytest.mark.parametrize("seq", [1, 6, COUNT])
def test_flipped_byte_of_body(tamper, seq):
    folder = tamper((f"UPDATE entry SET body = CAST(replace(body, 'n', 'm') AS BLOB) WHERE seq = {seq}",))
    assert find_facts(folder) == {seq: ["content does not match its digest"]}


@pytest.mark.parametrize("seq", [1, 6, COUNT])
@pytest.mark.parametrize("bit", [0, 8, 40])
def test_flipped_byte_of_time(tamper, seq, bit):
    folder = tamper((f"UPDATE entry SET at = at + ? WHERE seq = {seq}", 1 << bit))
    assert find_facts(folder) == {seq: ["content does not match its digest"]}


@pytest.mark.parametrize("target", [-3, 0, 64, 6 + (1 << 40)])
def test_flipped_byte_of_place(tamper, target):
    facts = find_facts(tamper((f"UPDATE entry SET seq = {target} WHERE seq = 6",)))
    assert "content does not match its digest" in facts[target]
    first_missing = 1 if target < 1 else 6
    assert any("is missing" in fact for fact in facts[first_missing])


@pytest.mark.parametrize("seq", [1, 6, COUNT - 1])
def test_deleted_row(tamper, seq):
    facts = find_facts(tamper((f"DELETE FROM entry WHERE seq = {seq}",)))
    assert facts == {
        seq: [f"entry {seq} is missing, found {seq + 1}"],
        seq + 1: ["does not follow the entry before it"],
    }


@pytest.mark.parametrize(("one", "other"), [(1, 2), (3, 9), (COUNT - 1, COUNT)])
def test_swapped_bodies(tamper, one, other):
    swap = "UPDATE entry SET body = (SELECT body FROM entry AS o WHERE o.seq = ? + ? - entry.seq) WHERE seq IN (?, ?)"
    mismatch = ["content does not match its digest"]
    with_copy = [
        ("CREATE TEMP TABLE was AS SELECT seq, body FROM entry",),
        (swap.replace("entry AS o", "was AS o"), one, other, one, other),
    ]
    assert find_facts(tamper(*with_copy)) == {one: mismatch, other: mismatch}


@pytest.mark.parametrize(("one", "other"), [(1, 2), (3, 9), (COUNT - 1, COUNT)])
def test_swapped_places(tamper, one, other):
    move = "UPDATE entry SET seq = ? WHERE seq = ?"
    folder = tamper((move, 999, one), (move, one, other), (move, other, 999))
    facts = find_facts(folder)
    for seq in (one, other):
        assert {"content does not match its digest", "does not follow the entry before it"} <= set(facts[seq])
    if other == COUNT:
        check_append_is_refused(folder)


@pytest.mark.parametrize("lost", [1, 3, COUNT])
def test_lost_tail(tamper, lost):
    folder = tamper(("DELETE FROM entry WHERE seq > ?", COUNT - lost))
    assert find_facts(folder) == {COUNT: [f"the anchor remembers entry {COUNT}, the chain ends before it"]}
    assert f"ends at entry {COUNT - lost}" in check_append_is_refused(folder)


def rewrite(original, entries, folder, start, *, more=0):
    """Recompute the whole chain from an entry on, as somebody would who knows how it is made."""
    copy(original, folder)
    prev = entries[start - 1].prev
    with closing(unguarded(folder)) as connection:
        connection.execute("DELETE FROM entry WHERE seq >= ?", (start,))
        for seq in range(start, COUNT + 1 + more):
            draft = Draft(actor="mallory", kind="noted", subject=f"thing:{seq}", body=b"{}")
            entry = seal(draft, seq=seq, at=entries[-1].at, prev=prev)
            connection.execute("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?)", msgspec.structs.astuple(entry))
            prev = entry.digest
    return folder


@pytest.mark.parametrize("more", [0, 1, 5])
@pytest.mark.parametrize("start", [1, 7, COUNT])
def test_rewritten_history(original, entries, tmp_path, start, more):
    folder = rewrite(original, entries, tmp_path / "copy", start, more=more)
    assert find_facts(folder) == {COUNT: ["differs from the anchor: history was rewritten"]}
    assert f"entry {COUNT}" in check_append_is_refused(folder)


def test_rewritten_and_shorter_history(original, entries, tmp_path):
    folder = rewrite(original, entries, tmp_path / "copy", 4, more=-2)
    assert list(find_facts(folder)) == [COUNT]
    check_append_is_refused(folder)


def test_anchored_entry_taken_out_behind_a_lagging_anchor(original, entries, tmp_path):
    folder, entry = copy(original, tmp_path / "copy"), entries[7]
    (folder / "anchor.json").write_bytes(canonical_json(Head(seq=entry.seq, digest=entry.digest)))
    assert find_facts(folder) == {}
    with closing(unguarded(folder)) as connection:
        connection.execute("DELETE FROM entry WHERE seq = ?", (entry.seq,))
    assert entry.seq in find_facts(folder)
    assert f"entry {entry.seq}" in check_append_is_refused(folder)


def test_damage_between_a_lagging_anchor_and_the_end(original, entries, tmp_path):
    folder, entry = copy(original, tmp_path / "copy"), entries[7]
    (folder / "anchor.json").write_bytes(canonical_json(Head(seq=entry.seq, digest=entry.digest)))
    with closing(unguarded(folder)) as connection:
        connection.execute("UPDATE entry SET actor = 'mallory' WHERE seq = 10")
    assert "entry 10" in check_append_is_refused(folder)


@pytest.mark.parametrize("content", [None, b"", b"{}", b"\xff", b'{"seq":"1","digest":""}'])
def test_lost_or_unreadable_anchor(original, tmp_path, content):
    folder = copy(original, tmp_path / "copy")
    (folder / "anchor.json").unlink()
    if content is not None:
        (folder / "anchor.json").write_bytes(content)
    (fact,) = find_facts(folder)[COUNT]
    assert "anchor" in fact
    assert "missing or cannot be read" in fact
    with closing(open_ledger(folder)) as ledger, pytest.raises(ShipwayError) as caught:
        ledger.append([Draft(actor="ann", kind="noted", subject="thing:new", body=b"{}")])
    assert caught.value.code == "SW-604"


def test_emptied_ledger_with_its_anchor(original, tmp_path):
    folder = copy(original, tmp_path / "copy")
    for path in folder.glob("ledger.sqlite*"):
        path.unlink()
    assert list(find_facts(folder)) == [COUNT]
    check_append_is_refused(folder)


def test_file_that_is_no_database(tmp_path):
    (tmp_path / "ledger.sqlite").write_bytes(b"no database at all" * 1_000)
    with pytest.raises(ShipwayError) as caught:
        open_ledger(tmp_path)
    assert caught.value.code == "SW-604"


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_flipped_bit_of_the_file_gives_other_entries_unseen(original, entries, tmp_path_factory, data):
    size = (original / "ledger.sqlite").stat().st_size
    offset = data.draw(st.integers(0, size - 1), label="offset")
    bit = data.draw(st.integers(0, 7), label="bit")
    content = bytearray((original / "ledger.sqlite").read_bytes())
    assume(content[offset] or data.draw(st.booleans(), label="unused bytes too"))
    content[offset] ^= 1 << bit
    folder = copy(original, tmp_path_factory.getbasetemp() / "flipped")
    (folder / "ledger.sqlite").write_bytes(content)
    code = None
    try:
        with closing(open_ledger(folder)) as ledger:
            assert ledger.verify() or list(ledger.read()) == entries
    except ShipwayError as refusal:
        code = refusal.code
    assert code in {None, "SW-602", "SW-604", "SW-606"}
