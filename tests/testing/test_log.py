import itertools

import numpy as np
import pytest

from shipway.adapters.log.parquet import ParquetLog
from shipway.testing.fake import MemoryLog
from shipway.testing.log import CASES, check_damage_is_refused


@pytest.fixture
def make_parquet(tmp_path):
    numbers = itertools.count()
    return lambda: ParquetLog(tmp_path / str(next(numbers)) / "log")


def segments(log, stream):
    return sorted((log._folder / stream).iterdir())


@pytest.mark.parametrize("case", CASES)
def test_memory_conforms(case):
    case(MemoryLog)


@pytest.mark.parametrize("case", CASES)
def test_parquet_conforms(case, make_parquet):
    case(make_parquet)


def test_memory_refuses_damage():
    check_damage_is_refused(MemoryLog, MemoryLog.spoil)


@pytest.mark.parametrize(
    "damage", [lambda data: b"", lambda data: data[:-9], lambda data: data + b"!", lambda data: data[::-1]]
)
def test_parquet_refuses_damage(make_parquet, damage):
    def spoil(log, stream):
        path = segments(log, stream)[1]
        path.chmod(0o644)
        path.write_bytes(damage(path.read_bytes()))

    check_damage_is_refused(make_parquet, spoil)


def test_suite_catches_one_that_passes_over_damage(make_parquet):
    def remove(log, stream):
        segments(log, stream)[1].unlink()

    with pytest.raises(AssertionError, match="nothing was refused"):
        check_damage_is_refused(make_parquet, remove)


class _Closed(MemoryLog):
    def read(self, stream, *, until=None, **asked):
        return super().read(stream, until=until if until is None else until + 1, **asked)


class _Forgetful(MemoryLog):
    def append(self, stream, columns):
        missing = {name: np.nan_to_num(v) if isinstance(v, np.ndarray) else v for name, v in columns.items()}
        super().append(stream, missing)


@pytest.mark.parametrize("careless", [_Closed, _Forgetful])
def test_suite_catches_a_careless_one(careless):
    with pytest.raises(AssertionError):
        [case(careless) for case in CASES]
