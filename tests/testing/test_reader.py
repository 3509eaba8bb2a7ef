import polars as pl
import pytest

from shipway.core.error import ShipwayError
from shipway.testing.fake import MemoryReader
from shipway.testing.reader import CASES, Shelf


def shelve(kind):
    def make():
        reader = kind()
        return Shelf(
            reader,
            "memory:flights",
            lambda frame: reader.put("memory:flights", frame),
            lambda: reader.cut("memory:flights"),
            lambda: reader.remove("memory:flights"),
        )

    return make


@pytest.mark.parametrize("case", CASES)
def test_memory_conforms(case):
    case(shelve(MemoryReader))


class _Forgetful(MemoryReader):
    def read(self, uri):
        return super().read(uri).head(4_000)


class _Lenient(MemoryReader):
    def read(self, uri):
        try:
            return super().read(uri)
        except ShipwayError:
            return pl.DataFrame()


class _Constant(MemoryReader):
    def fingerprint(self, uri):
        super().fingerprint(uri)
        return "0"


class _Stale(MemoryReader):
    def put(self, uri, frame):
        super().put(uri, self._frames.get(uri, frame))


@pytest.mark.parametrize("broken", [_Forgetful, _Lenient, _Constant, _Stale])
def test_suite_catches_a_broken_reader(broken):
    failed = 0
    for case in CASES:
        try:
            case(shelve(broken))
        except AssertionError:
            failed += 1
    assert failed
