"""What is accepted is on the disk, once, in the order of arrival; what is not whole leaves nothing behind."""

import itertools
from pathlib import Path

import pytest

from shipway.adapters.file.inbox import FileInbox
from shipway.adapters.file.reader import FileReader
from shipway.core.error import ShipwayError
from shipway.core.raw import START, Raw
from shipway.testing.inbox import CASES, Post

RAW = Raw(name="orders", uri="inbox:", contract="c.toml")


def rows(root):
    reader = FileReader(root, root)
    return [row for piece in reader.pieces(RAW, START) for batch in reader.read(RAW, piece) for row in batch.rows()]


@pytest.mark.parametrize("case", CASES)
def test_files_conform(case, tmp_path):
    numbers = itertools.count()

    def make():
        root = tmp_path / str(next(numbers))
        return Post(open=lambda: FileInbox(root / "orders"), read=lambda: rows(root))

    case(make)


def test_a_body_that_is_not_whole_makes_no_folder(tmp_path):
    with pytest.raises(ShipwayError, match="SW-204"):
        FileInbox(tmp_path / "orders").put(b"", ".jsonl", at=1)
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
