import msgspec
import polars as pl
import pytest

from shipway.core.error import ShipwayError
from shipway.core.raw import Raw
from shipway.testing.fake import MemoryReader
from shipway.testing.reader import CASES, MARKED, Shelf

URI = "memory:flights"


def shelve(kind):
    def make():
        reader = kind()
        return Shelf(
            reader,
            Raw(name="flights", uri=URI),
            lambda frame: reader.put(URI, frame),
            lambda: reader.cut(URI),
            lambda: reader.remove(URI),
        )

    return make


@pytest.mark.parametrize("case", CASES + MARKED)
def test_memory_conforms(case):
    case(shelve(MemoryReader))


class _Forgetful(MemoryReader):
    def read(self, raw, piece):
        yield pl.concat(super().read(raw, piece)).head(4_000)


class _Lenient(MemoryReader):
    def read(self, raw, piece):
        try:
            yield from super().read(raw, piece)
        except ShipwayError:
            yield pl.DataFrame()


class _Constant(MemoryReader):
    def pieces(self, raw, since):
        return [msgspec.structs.replace(piece, fingerprint="0") for piece in super().pieces(raw, since)]

    def read(self, raw, piece):
        (named,) = super().pieces(raw, None)
        return super().read(raw, named)


class _Stale(MemoryReader):
    def put(self, uri, frame):
        super().put(uri, self._frames.get(uri, frame))


class _Skipping(MemoryReader):
    def pieces(self, raw, since):
        return [piece for piece in super().pieces(raw, since) if not since.mark or "to 19" not in piece.name]


def fails(case, kind):
    try:
        case(shelve(kind))
    except (AssertionError, ShipwayError):
        return True
    return False


@pytest.mark.parametrize("broken", [_Forgetful, _Lenient, _Constant, _Stale])
def test_suite_catches_a_broken_reader(broken):
    assert any(fails(case, broken) for case in CASES)


def test_suite_catches_a_reader_that_forgets_what_came_late():
    assert any(fails(case, _Skipping) for case in MARKED)
