import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from shipway.adapters.sqlite.ledger import SqliteLedger
from shipway.core.error import ShipwayError
from shipway.core.ledger import EMPTY, Draft, Head
from shipway.kit.canonical import canonical_json
from shipway.testing.fake import ManualClock, MemoryLedger
from shipway.testing.ledger import make_draft

DRAFTS = st.builds(Draft, actor=st.text(), kind=st.text(), subject=st.text(), body=st.binary())


def open_ledger(folder, clock=None):
    return SqliteLedger(folder / "ledger.sqlite", clock=clock or ManualClock(), anchor=folder / "anchor.json")


def read_anchor(folder):
    return msgspec.json.decode((folder / "anchor.json").read_bytes(), type=Head)


@pytest.fixture
def ledger(tmp_path):
    opened = open_ledger(tmp_path)
    yield opened
    opened.close()


def test_acknowledged_entries_are_there_when_opened_again(tmp_path, ledger):
    entries = ledger.append([make_draft(1), make_draft(2)])
    ledger.close()
    again = open_ledger(tmp_path)
    assert list(again.read()) == entries
    assert again.head() == Head(seq=2, digest=entries[1].digest) == read_anchor(tmp_path)
    assert again.verify() == []
    again.close()


def test_anchor_starts_empty_and_follows_every_append(tmp_path, ledger):
    assert read_anchor(tmp_path) == EMPTY
    for number in range(3):
        ledger.append([make_draft(number)] * 2)
        assert read_anchor(tmp_path) == ledger.head()


def test_anchor_may_lie_in_another_folder(tmp_path):
    for name in ("state", "outside"):
        (tmp_path / name).mkdir()
    anchor = tmp_path / "outside" / "anchor.json"
    ledger = SqliteLedger(tmp_path / "state" / "ledger.sqlite", clock=ManualClock(), anchor=anchor)
    ledger.append([make_draft(1)])
    assert msgspec.json.decode(anchor.read_bytes(), type=Head) == ledger.head()
    assert [path.name for path in anchor.parent.iterdir()] == ["anchor.json"]
    ledger.close()


def test_anchor_that_lags_is_whole_and_catches_up(tmp_path, ledger):
    ledger.append([make_draft(1)])
    before = (tmp_path / "anchor.json").read_bytes()
    ledger.append([make_draft(2), make_draft(3)])
    (tmp_path / "anchor.json").write_bytes(before)
    assert ledger.verify() == []
    ledger.append([make_draft(4)])
    assert read_anchor(tmp_path) == ledger.head()
    assert [entry.seq for entry in ledger.read()] == [1, 2, 3, 4]


def test_first_append_that_lost_its_anchor_catches_up(tmp_path, ledger):
    ledger.append([make_draft(1)])
    (tmp_path / "anchor.json").write_bytes(canonical_json(EMPTY))
    assert ledger.verify() == []
    ledger.append([make_draft(2)])
    assert read_anchor(tmp_path).seq == 2


def test_two_instances_share_one_chain(tmp_path, ledger):
    other = open_ledger(tmp_path)
    for number in range(6):
        (ledger, other)[number % 2].append([make_draft(number)])
    assert list(ledger.read()) == list(other.read())
    assert [entry.subject for entry in other.read()] == [f"thing:{number}" for number in range(6)]
    assert other.verify() == []
    other.close()


def test_long_chain_is_read_page_by_page(ledger):
    entries = ledger.append([make_draft(number) for number in range(2_500)])
    assert list(ledger.read()) == entries
    assert list(ledger.read(999)) == entries[999:]
    assert ledger.verify() == []


def test_reader_half_way_does_not_keep_the_log_from_being_emptied(tmp_path, ledger):
    ledger.append([make_draft(number) for number in range(3)])
    reader = ledger.read()
    next(reader)
    connection = sqlite3.connect(tmp_path / "ledger.sqlite")
    assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    connection.close()
    assert len(list(reader)) == 2


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entry SET actor = 'somebody else' WHERE seq = 2",
        "DELETE FROM entry WHERE seq = 3",
        "DELETE FROM entry",
        "INSERT OR REPLACE INTO entry SELECT 2, at, 'x', kind, subject, body, prev, digest FROM entry WHERE seq = 2",
        "INSERT INTO entry SELECT 5, at, actor, kind, subject, body, digest, 'd' FROM entry WHERE seq = 3",
        "INSERT INTO entry SELECT 4, at, actor, kind, subject, body, prev, 'd' FROM entry WHERE seq = 3",
        "INSERT INTO entry SELECT 4, 'noon', actor, kind, subject, body, digest, 'd' FROM entry WHERE seq = 3",
        "INSERT INTO entry SELECT 4, at, actor, kind, subject, 'text', digest, 'd' FROM entry WHERE seq = 3",
    ],
)
def test_database_itself_refuses_to_change_or_fork(tmp_path, ledger, statement):
    entries = ledger.append([make_draft(number) for number in range(3)])
    connection = sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute(statement)
    connection.close()
    assert list(ledger.read()) == entries


def test_newer_format_is_refused(tmp_path, ledger):
    ledger.append([make_draft(1)])
    ledger.close()
    connection = sqlite3.connect(tmp_path / "ledger.sqlite")
    connection.execute("PRAGMA user_version = 2")
    connection.close()
    with pytest.raises(ShipwayError) as caught:
        open_ledger(tmp_path)
    assert caught.value.code == "SW-606"


def test_missing_folder_is_refused(tmp_path):
    with pytest.raises(ShipwayError) as caught:
        open_ledger(tmp_path / "missing")
    assert caught.value.code == "SW-602"
    with pytest.raises(ShipwayError) as caught:
        SqliteLedger(tmp_path / "l.sqlite", clock=ManualClock(), anchor=tmp_path / "missing" / "anchor")
    assert caught.value.code == "SW-602"
    assert "missing" in caught.value.fact


def test_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "folder").touch()
    with pytest.raises(ShipwayError) as caught:
        open_ledger(tmp_path / "folder")
    assert caught.value.code == "SW-602"


def test_ledger_loads_without_heavy_libraries():
    source = "import sys, shipway.adapters.sqlite.ledger; print({'polars', 'numpy', 'scipy'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", source], text=True).strip() == "set()"


class SameAsMemory(RuleBasedStateMachine):
    """Whatever happens to it, the ledger on disk says the same as the one in memory."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.clock = ManualClock()
        self.model = MemoryLedger(self.clock)
        self.ledger = open_ledger(self.folder, self.clock)

    @rule(drafts=st.lists(DRAFTS, max_size=4))
    def append(self, drafts):
        assert self.ledger.append(drafts) == self.model.append(drafts)

    @rule(us=st.integers(-(10**12), 10**12))
    def advance(self, us):
        self.clock.advance(us)

    @rule()
    def open_again(self):
        self.ledger.close()
        self.ledger = open_ledger(self.folder, self.clock)

    @rule()
    def lose_the_last_anchor(self):
        entries = list(self.model.read())
        back = Head(seq=entries[-2].seq, digest=entries[-2].digest) if len(entries) > 1 else EMPTY
        (self.folder / "anchor.json").write_bytes(canonical_json(back))

    @rule(after=st.integers(0, 20))
    def read(self, after):
        assert list(self.ledger.read(after)) == list(self.model.read(after))

    @invariant()
    def whole(self):
        assert self.ledger.head() == self.model.head()
        assert self.ledger.verify() == []

    def teardown(self):
        self.ledger.close()
        shutil.rmtree(self.folder)


TestSameAsMemory = SameAsMemory.TestCase
TestSameAsMemory.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)
