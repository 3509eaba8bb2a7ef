import itertools

import pytest

from shipway.adapters.file.blob import FileBlobs
from shipway.adapters.lake.table import ParquetTables
from shipway.testing.fake import MemoryTables
from shipway.testing.tables import CASES


@pytest.mark.parametrize("case", CASES)
def test_memory_conforms(case):
    case(MemoryTables)


@pytest.mark.parametrize("case", CASES)
def test_parquet_conforms(case, tmp_path):
    numbers, made = itertools.count(), []

    def make():
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        made.append(ParquetTables(FileBlobs(folder / "blobs"), folder / "refs.sqlite"))
        return made[-1]

    case(make)
    for tables in made:
        tables.close()


class _Careless(MemoryTables):
    def _expect(self, branch, expect):
        pass


def test_suite_catches_one_that_does_not_compare():
    with pytest.raises((AssertionError, KeyError)):
        [case(_Careless) for case in CASES]
