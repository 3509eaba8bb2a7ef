"""The conformance suite of the port Blobs."""

import hashlib
import tempfile
import time
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

_PATIENCE_S: Final = 10.0
"""How long a store's clock may stand still; that of S3 moves once a second."""


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


def check_listing_has_sizes_and_ages(make: Make) -> None:
    """The listing has each blob once, with its size, and is of the order in which they were put, if of any."""
    blobs = make()
    assert list(blobs.listing()) == []
    sizes = {blobs.put(data): len(data) for data in (b"", b"a", b"b" * 70_000)}
    found = list(blobs.listing())
    assert {each.digest: each.size_bytes for each in found} == sizes
    assert len(found) == 3
    assert sorted(blobs.listing([*_MISSING, *sizes])) == sorted(found)
    assert list(blobs.listing([found[1].digest, *_MISSING])) == [found[1]]
    assert list(blobs.listing([])) == []
    ages = {each.digest: each.at for each in found}
    assert [ages[digest] for digest in sizes] == sorted(ages.values())
    now = time.time_ns() // 1_000
    assert all(now - 3_600_000_000 < at < now + 3_600_000_000 for at in ages.values()), "ages are in microseconds"


def check_remove_takes_what_is_older(make: Make) -> None:
    """Only what was asked for and last put before the instant goes; what went may be put anew."""
    blobs = make()
    assert blobs.remove(["0" * 64], before=1 << 62) == []
    going, staying = blobs.put(b"going"), blobs.put(b"staying")
    ages = {each.digest: each.at for each in blobs.listing()}
    assert blobs.remove([going, *_MISSING], before=ages[going]) == []
    assert blobs.remove([], before=1 << 62) == []
    assert blobs.has(going)
    assert blobs.remove([*_MISSING, going], before=ages[going] + 1) == [going]
    assert not blobs.has(going)
    assert list(blobs.digests()) == [each.digest for each in blobs.listing()] == [staying]
    with expect_refusal("SW-605"):
        blobs.get(going)
    with expect_refusal("SW-605"):
        blobs.path(going)
    assert blobs.remove([going], before=1 << 62) == []
    assert blobs.put(b"going") == going
    assert blobs.get(going) == b"going"
    assert sorted(blobs.remove([going, staying], before=1 << 62)) == sorted([going, staying])


def check_put_again_makes_young(make: Make) -> None:
    """What is put again, as bytes or as a file, is as young as if it were new, so that `remove` leaves it."""
    blobs = make()
    digest = blobs.put(b"young")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "source")
        source.write_bytes(b"young")
        for put_again in (lambda: blobs.put(b"young"), lambda: blobs.put_file(source)):
            (before,) = blobs.listing()
            deadline = time.monotonic() + _PATIENCE_S
            while next(blobs.listing()).at <= before.at:
                assert time.monotonic() < deadline, "putting a blob again does not make it younger"
                time.sleep(0.01)
                assert put_again() == digest
            assert blobs.remove([digest], before=before.at + 1) == []
            assert blobs.get(digest) == b"young"


def check_address_names_the_blob(make: Make) -> None:
    """A blob's address is a URI with a scheme that ends with its digest, and is the same before it is there."""
    blobs = make()
    digest = hashlib.sha256(b"addressed").hexdigest()
    address = blobs.uri(digest)
    assert blobs.put(b"addressed") == digest
    assert blobs.uri(digest) == address
    assert "://" in address
    assert address.endswith(f"/{digest}")
    if address.startswith("file://"):
        blobs.path(digest)
        assert Path(address.removeprefix("file://")).read_bytes() == b"addressed"


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
    check_listing_has_sizes_and_ages,
    check_remove_takes_what_is_older,
    check_put_again_makes_young,
    check_address_names_the_blob,
)
"""The cases every Blobs passes, besides `check_damage_is_refused`, which also needs a way to do damage."""
