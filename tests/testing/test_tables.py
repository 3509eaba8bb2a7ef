import itertools

import pytest

from shipway.adapters.file.blob import FileBlobs
from shipway.adapters.sqlite.catalog import SqliteCatalog
from shipway.infra.lake import Lake
from shipway.testing.fake import ManualClock, MemoryBlobs, MemoryCatalog, make_tables
from shipway.testing.tables import CASES


@pytest.mark.parametrize("case", CASES)
def test_memory_conforms(case):
    case(make_tables)


@pytest.mark.parametrize("case", CASES)
def test_lake_of_files_and_sqlite_conforms(case, tmp_path):
    numbers, made = itertools.count(), []

    def make():
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        made.append(Lake(FileBlobs(folder / "blobs"), SqliteCatalog(folder / "catalog.db", clock=ManualClock())))
        return made[-1]

    case(make)
    for tables in made:
        tables.close()


class _Careless(Lake):
    def commit(self, branch, tables, *, expect, message):
        return super().commit(branch, tables, expect=self.head(branch), message=message)


def test_suite_catches_one_that_does_not_compare():
    with pytest.raises((AssertionError, KeyError)):
        [case(lambda: _Careless(MemoryBlobs(), MemoryCatalog())) for case in CASES]
