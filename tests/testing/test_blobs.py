import itertools

import pytest

from shipway.adapters.file.blob import FileBlobs
from shipway.testing.blobs import CASES, check_damage_is_refused
from shipway.testing.fake import MemoryBlobs


@pytest.fixture
def make_file(tmp_path):
    numbers = itertools.count()
    return lambda: FileBlobs(tmp_path / str(next(numbers)) / "blobs")


@pytest.mark.parametrize("case", CASES)
def test_memory_conforms(case):
    case(MemoryBlobs)


@pytest.mark.parametrize("case", CASES)
def test_file_conforms(case, make_file):
    case(make_file)


def test_memory_refuses_damage():
    check_damage_is_refused(MemoryBlobs, MemoryBlobs.spoil)


@pytest.mark.parametrize("damaged", [b"precioux", b"", b"precious and more"])
def test_file_refuses_damage(make_file, damaged):
    def spoil(blobs, digest):
        path = blobs.path(digest)
        path.chmod(0o644)
        path.write_bytes(damaged)

    check_damage_is_refused(make_file, spoil)


def test_suite_catches_a_store_that_does_not_verify():
    class Trusting(MemoryBlobs):
        def get(self, digest):
            return self._blobs[digest]

    with pytest.raises(AssertionError, match="nothing was refused"):
        check_damage_is_refused(Trusting, MemoryBlobs.spoil)
