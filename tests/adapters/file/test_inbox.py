"""What is accepted is on the disk, once, in the order of arrival; what is not whole leaves nothing behind."""

import gzip
from pathlib import Path

import pytest

from shipway.adapters.file.inbox import FileInbox
from shipway.adapters.file.reader import FileReader
from shipway.core.error import ShipwayError
from shipway.core.raw import START, Raw

RAW = Raw(name="orders", uri="inbox:", contract="c.toml")


def rows(root):
    reader = FileReader(root, root)
    return [row for piece in reader.pieces(RAW, START) for batch in reader.read(RAW, piece) for row in batch.rows()]


def test_bodies_are_read_in_the_order_of_arrival(tmp_path):
    inbox = FileInbox(tmp_path / "orders")
    digest, count, new = inbox.put(b'{"id": 2}\n{"id": 3}\n', ".jsonl", at=5)
    assert (len(digest), count, new) == (64, 2, True)
    # The clock went back, and what comes later is later all the same.
    inbox.put(b'{"id": 1}\n', ".jsonl", at=4)
    FileInbox(tmp_path / "orders").put(gzip.compress(b"id\n0\n", mtime=0), ".csv.gz", at=3)
    assert rows(tmp_path) == [(2,), (3,), (1,), ("0",)]


def test_the_same_body_is_one_piece(tmp_path):
    for _ in range(2):
        inbox = FileInbox(tmp_path / "orders")
        found = [inbox.put(b'{"id": 1}', ".jsonl", at=at)[2] for at in (1, 2)]
    assert found == [False, False]
    assert rows(tmp_path) == [(1,)]


@pytest.mark.parametrize(
    ("body", "ending", "code"),
    [
        (b"", ".jsonl", "SW-204"),
        (b"id\n", ".csv", "SW-204"),
        (b'{"id": 1', ".jsonl", "SW-201"),
        (b"id,v\n1\n", ".csv", "SW-201"),
        (b"PAR1", ".parquet", "SW-201"),
        (gzip.compress(b"id\n1\n", mtime=0)[:-3], ".csv.gz", "SW-201"),
    ],
)
def test_a_body_that_is_not_whole_leaves_nothing(tmp_path, body, ending, code):
    with pytest.raises(ShipwayError, match=code):
        FileInbox(tmp_path / "orders").put(body, ending, at=1)
    assert not (tmp_path / "orders").exists()


SOURCE = """
import sys
from pathlib import Path
from shipway.adapters.file.inbox import FileInbox
inbox = FileInbox(Path(sys.argv[1]))
for number in range(1_000_000):
    inbox.put(b'{"id": %d}' % number, ".jsonl", at=number)
    print(number, flush=True)
"""


def test_what_was_acknowledged_survives_a_kill(tmp_path, spawn):
    child = spawn(SOURCE, tmp_path / "orders")
    seen = [int(child.stdout.readline()) for _ in range(40)]
    child.kill()
    seen += [int(line) for line in child.stdout.read().split()]
    kept = [row[0] for row in rows(tmp_path)]
    assert kept[: len(seen)] == seen
    assert len(kept) - len(seen) in (0, 1)
    FileInbox(tmp_path / "orders")
    assert not [path for path in Path(tmp_path / "orders").iterdir() if path.name.startswith(".")]
