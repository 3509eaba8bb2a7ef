import random
from contextlib import contextmanager

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from shipway.infra import compaction, table
from shipway.infra.compaction import WIDTH, compact
from shipway.infra.evolution import evolve
from shipway.infra.table import TableFiles
from shipway.testing.fake import MemoryBlobs


class CountingBlobs(MemoryBlobs):
    """A blob store that counts the bytes it was given."""

    def __init__(self):
        super().__init__()
        self.put_bytes = 0

    def put(self, data):
        self.put_bytes += len(data)
        return super().put(data)


@settings(max_examples=25)
@given(st.lists(st.integers(0, 400), min_size=1, max_size=40))
def test_rows_order_and_digest_stay(sizes):
    files, start, frames = TableFiles(MemoryBlobs()), 0, []
    snapshot = files.write(pl.DataFrame({"id": pl.Series([], dtype=pl.Int64)}))
    plain = snapshot
    for size in sizes:
        frames.append(pl.DataFrame({"id": range(start, start + size)}, schema={"id": pl.Int64}))
        start += size
        plain = files.append(plain, frames[-1])
        snapshot = compact(files, files.append(snapshot, frames[-1]))
        assert compact(files, snapshot) is snapshot
    assert_frame_equal(files.read(snapshot), pl.concat(frames))
    assert snapshot.digest == plain.digest
    assert len(snapshot.parts) <= max(len(plain.parts), WIDTH)
    assert compact(files, plain).digest == plain.digest


def test_files_stay_few_and_rows_are_written_again_a_few_times_only():
    blobs = CountingBlobs()
    files = TableFiles(blobs)
    schema = {"id": pl.Int64, "x": pl.Float64}
    snapshot = files.write(pl.DataFrame(schema=schema))
    most = appended = 0
    for number in range(400):
        ids = range(100 * number, 100 * number + 100)
        frame = pl.DataFrame({"id": ids, "x": [(i * 7919 % 10007) / 7 for i in ids]}, schema=schema)
        before = blobs.put_bytes
        snapshot = files.append(snapshot, frame)
        appended += blobs.put_bytes - before
        snapshot = compact(files, snapshot)
        most = max(most, len(snapshot.parts))
    assert snapshot.rows == 40_000
    assert most < 4 * WIDTH
    assert blobs.put_bytes < 5 * appended


def test_files_of_an_earlier_schema_become_files_of_the_present_one():
    files = TableFiles(MemoryBlobs())
    snapshot = files.write(pl.DataFrame({"a": [0]}))
    for number in range(1, 5):
        snapshot = files.append(snapshot, pl.DataFrame({"a": [number]}))
    snapshot = evolve(files, snapshot, rename={"a": "id"}, add={"b": pl.String})
    for number in range(5, 9):
        snapshot = files.append(snapshot, pl.DataFrame({"id": [number], "b": ["x"]}))
    small = compact(files, snapshot)
    assert len(small.parts) < len(snapshot.parts)
    assert_frame_equal(files.read(small), files.read(snapshot))
    assert small.digest == snapshot.digest
    assert any(part.schema == len(small.schemas) - 1 for part in small.parts)


@contextmanager
def small_files():
    """Make files of all classes out of few rows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compaction, "_SMALLEST_BYTES", 900)
        patch.setattr(compaction, "_CLASSES", 2)
        for module in (compaction, table):
            patch.setattr(module, "PART_ROWS", 4_000)
        yield


NOISE = pl.Series("x", random.Random(7).choices(range(2**62), k=1 << 17))


def append_noise(files, snapshot, rows):
    """Append rows that do not compress."""
    return files.append(snapshot, NOISE.slice(snapshot.rows, rows).to_frame())


@settings(max_examples=15)
@given(st.data())
def test_files_are_few_whatever_sizes_come_in_whatever_order(data):
    with small_files():
        files = TableFiles(MemoryBlobs())
        # Sizes of each class by turns, in the order that is worst for what only looks at the last ones.
        sizes = [1, 1, 1, 1, 1, 1, 1, 300] * data.draw(st.integers(0, 7))
        sizes += data.draw(st.lists(st.sampled_from([0, 1, 5, 40, 300, 700, 2_100, 4_500]), min_size=8, max_size=40))
        snapshot = files.write(NOISE.head(0).to_frame())
        for number, size in enumerate(sizes):
            grown = append_noise(files, snapshot, size)
            snapshot = compact(files, grown)
            assert snapshot.digest == grown.digest
            levels = [compaction._class_of(part) for part in snapshot.parts]
            for level in range(2):
                assert levels.count(level) < 2 * WIDTH + levels.count(2), levels
            if number % 8 == 0:
                assert compact(files, snapshot) is snapshot
        assert compact(files, snapshot) is snapshot
        assert files.read(snapshot)["x"].equals(NOISE.head(snapshot.rows))


@pytest.mark.parametrize("pattern", [[1], [1] * 7 + [300], [1, 300, 2_100], [300, 40, 1]])
def test_rows_are_written_again_a_few_times_whatever_sizes_come(pattern):
    with small_files():
        blobs = CountingBlobs()
        files = TableFiles(blobs)
        snapshot = files.write(NOISE.head(0).to_frame())
        appended = written = 0
        for number in range(240):
            before = blobs.put_bytes
            snapshot = append_noise(files, snapshot, pattern[number % len(pattern)])
            appended += blobs.put_bytes - before
            before = blobs.put_bytes
            snapshot = compact(files, snapshot)
            written += blobs.put_bytes - before
        assert written < 3 * appended


def test_changes_by_key_between_appends_keep_files_few_and_rows_right():
    files, model = TableFiles(MemoryBlobs()), {}
    draw = random.Random(3)
    snapshot = files.write(pl.DataFrame(schema={"id": pl.Int64, "v": pl.Int64}))
    for number in range(120):
        rows = {draw.randrange(200): number for _ in range(3)}
        gone = {draw.randrange(200)} - rows.keys()
        frame = pl.DataFrame({"id": list(rows), "v": list(rows.values())})
        deleted = pl.DataFrame({"id": list(gone)}, schema={"id": pl.Int64})
        snapshot = compact(files, files.upsert(snapshot, frame, key=["id"], deleted=deleted))
        model = {key: value for key, value in (model | rows).items() if key not in gone}
        assert len(snapshot.parts) <= WIDTH
    assert dict(files.read(snapshot).iter_rows()) == model
