import polars as pl
import pytest

from shipway.testing.fake import MemoryBlobs, MemoryPublisher
from shipway.testing.publication import (
    CASES,
    Window,
    check_again_changes_nothing,
    check_columns_are_found_by_id,
    check_files_that_change_are_counted,
    check_rows_are_those_stored,
    check_stored_files_stay,
    check_tables_are_apart,
    check_unknown_types_are_refused,
    check_who_is_overtaken_is_refused,
)


def opening(kind):
    def make():
        publisher, blobs = kind(), MemoryBlobs()
        publisher.blobs = blobs
        return Window(publisher, blobs, "memory:tables", publisher.read)

    return make


@pytest.mark.parametrize("case", CASES)
def test_memory_conforms(case, tmp_path):
    case(opening(MemoryPublisher), tmp_path)


class _Forgetful(MemoryPublisher):
    def read(self, uri):
        return super().read(uri).head(1)


class _Busy(MemoryPublisher):
    def publish(self, name, snapshot, **how):
        return super().publish(name, snapshot, **how)._replace(unchanged=False)


class _Careless(MemoryPublisher):
    def publish(self, name, snapshot, **how):
        return super().publish(name, snapshot, **how)._replace(files_removed=0)


class _ByName(MemoryPublisher):
    def publish(self, name, snapshot, *, files, **how):
        found = super().publish(name, snapshot, files=files, **how)
        frames = [pl.read_parquet(files(part.digest).removeprefix("file://")) for part in snapshot.parts]
        self._frames[found.metadata_uri] = pl.concat(frames, how="diagonal").select(list(snapshot.columns))
        return found


class _OneTable(MemoryPublisher):
    def publish(self, name, snapshot, *, location, **how):
        found = super().publish(name, snapshot, location="same", **how)
        self._frames["same"] = self._frames[found.metadata_uri]
        return found._replace(metadata_uri="same")


class _LastWins(MemoryPublisher):
    def publish(self, name, snapshot, *, files, **how):
        for part in snapshot.parts:
            files(part.digest)
        return super().publish(name, snapshot, files=files, **how)


class _Lenient(MemoryPublisher):
    def publish(self, name, snapshot, **how):
        return super().publish(name, snapshot, **how) if "Object" not in str(snapshot) else None


class _Greedy(MemoryPublisher):
    def publish(self, name, snapshot, **how):
        self.blobs.put(b"metadata")
        return super().publish(name, snapshot, **how)


@pytest.mark.parametrize(
    ("kind", "case"),
    [
        (_Forgetful, check_rows_are_those_stored),
        (_Busy, check_again_changes_nothing),
        (_Careless, check_files_that_change_are_counted),
        (_ByName, check_columns_are_found_by_id),
        (_OneTable, check_tables_are_apart),
        (_LastWins, check_who_is_overtaken_is_refused),
        (_Lenient, check_unknown_types_are_refused),
        (_Greedy, check_stored_files_stay),
    ],
)
def test_faults_are_found(kind, case, tmp_path):
    with pytest.raises((AssertionError, KeyError)):
        case(opening(kind), tmp_path)
