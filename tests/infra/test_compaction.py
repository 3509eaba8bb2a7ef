import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

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


@settings(max_examples=40)
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
    for number in range(600):
        ids = range(100 * number, 100 * number + 100)
        frame = pl.DataFrame({"id": ids, "x": [(i * 7919 % 10007) / 7 for i in ids]}, schema=schema)
        before = blobs.put_bytes
        snapshot = files.append(snapshot, frame)
        appended += blobs.put_bytes - before
        snapshot = compact(files, snapshot)
        most = max(most, len(snapshot.parts))
    assert snapshot.rows == 60_000
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
