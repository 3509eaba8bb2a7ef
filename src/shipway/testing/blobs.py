"""The conformance suite of the port Blobs."""

import hashlib
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from shipway.ports.blobs import Blobs
from shipway.testing.refusal import expect_refusal

Make = Callable[[], Blobs]
"""Makes a fresh, empty store."""

Case = Callable[[Make], None]

_MISSING: Final = ("0" * 64, "", "x", "../../etc/passwd", "A" * 64, "0" * 63 + "\n")


def check_new_store_is_empty(make: Make) -> None:
    """A store starts with nothing in it."""
    assert list(make().digests()) == []


def check_put_is_named_by_sha256(make: Make) -> None:
    """What was put comes back in every way, under the SHA-256 of its bytes."""
    blobs = make()
    for data in (b"", b"a", bytes(range(256)) * 20_000):
        digest = blobs.put(data)
        assert digest == hashlib.sha256(data).hexdigest()
        assert blobs.has(digest)
        assert blobs.get(digest) == data
        assert blobs.path(digest).read_bytes() == data
    assert len(list(blobs.digests())) == 3


def check_put_twice_stores_once(make: Make) -> None:
    """The same bytes are one blob."""
    blobs = make()
    assert blobs.put(b"same") == blobs.put(b"same")
    assert list(blobs.digests()) == [hashlib.sha256(b"same").hexdigest()]


def check_put_file_equals_put(make: Make) -> None:
    """A file's content has the same digest as its bytes, and the file stays where it is."""
    blobs = make()
    data = bytes(range(251)) * 13_000
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "source")
        source.write_bytes(data)
        digest = blobs.put_file(source)
        assert source.read_bytes() == data
        assert blobs.put_file(source) == digest
    assert digest == hashlib.sha256(data).hexdigest()
    assert blobs.get(digest) == data
    assert blobs.put(data) == digest
    assert list(blobs.digests()) == [digest]


def check_missing_is_refused(make: Make) -> None:
    """A digest that is not there, or is none, is refused and never leaves the store's own folder."""
    blobs = make()
    blobs.put(b"other")
    for digest in _MISSING:
        assert not blobs.has(digest)
        with expect_refusal("SW-605"):
            blobs.get(digest)
        with expect_refusal("SW-605"):
            blobs.path(digest)


def check_path_is_read_only(make: Make) -> None:
    """Nobody may write to the file that `path` returns."""
    blobs = make()
    assert blobs.path(blobs.put(b"fixed")).stat().st_mode & 0o222 == 0


def check_threads_share_a_store(make: Make) -> None:
    """Several threads that put the same and different bytes end with each of them stored once and whole."""
    blobs = make()
    contents = [b"%d" % (number % 7) * 5_000 for number in range(56)]
    with ThreadPoolExecutor(4) as pool:
        digests = list(pool.map(blobs.put, contents))
    assert [blobs.get(digest) for digest in digests] == contents
    assert sorted(blobs.digests()) == sorted(set(digests))


def check_damage_is_refused(make: Make, spoil: Callable[[Blobs, str], None]) -> None:
    """Bytes that do not match their digest are refused, and putting the right ones again mends the store.

    Args:
        make: makes a fresh, empty store.
        spoil: changes the stored bytes of a digest behind the store's back.
    """
    blobs = make()
    digest = blobs.put(b"precious")
    other = blobs.put(b"other")
    spoil(blobs, digest)
    with expect_refusal("SW-605"):
        blobs.get(digest)
    assert blobs.get(other) == b"other"
    assert blobs.put(b"precious") == digest
    assert blobs.get(digest) == b"precious"


CASES: Final[tuple[Case, ...]] = (
    check_new_store_is_empty,
    check_put_is_named_by_sha256,
    check_put_twice_stores_once,
    check_put_file_equals_put,
    check_missing_is_refused,
    check_path_is_read_only,
    check_threads_share_a_store,
)
"""The cases every Blobs passes, besides `check_damage_is_refused`, which also needs a way to do damage."""
