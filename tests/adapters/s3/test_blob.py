"""The S3 store against moto's server, a fake of S3's semantics behind real HTTP: conforming, cut, failing, killed."""

import itertools
import os
import random
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from shipway.adapters.s3 import blob as module
from shipway.adapters.s3.blob import S3Blobs
from shipway.core.error import ShipwayError
from shipway.kit.canonical import digest_bytes
from shipway.testing.blobs import CASES, check_damage_is_refused

BIG = random.Random(3).randbytes(20 << 20)


@pytest.fixture
def make(bucket, tmp_path):
    """Make a store in a prefix of its own."""
    numbers = itertools.count()

    def start():
        number = next(numbers)
        return S3Blobs(f"{bucket.uri}/{number}", cache=tmp_path / f"cache{number}", patience_s=5)

    return start


@pytest.fixture
def blobs(bucket, tmp_path):
    return S3Blobs(bucket.uri, cache=tmp_path / "cache", patience_s=5)


def key(digest):
    return f"/some/prefix/{digest[:2]}/{digest}"


@pytest.mark.parametrize("case", CASES)
def test_store_conforms(case, make):
    case(make)


@pytest.mark.parametrize("case", CASES)
def test_store_in_memory_conforms(case, tmp_path):
    numbers = itertools.count()
    case(lambda: S3Blobs("memory:///", cache=tmp_path / f"cache{next(numbers)}"))


@pytest.mark.parametrize("damaged", [b"precioux", b"", b"precious and more"])
def test_damage_is_refused(bucket, make, damaged):
    def spoil(blobs, digest):
        bucket.ask("PUT", f"/some/prefix/0/{digest[:2]}/{digest}", damaged).close()

    check_damage_is_refused(make, spoil)


def test_damage_is_refused_in_a_copy_too(bucket, blobs, tmp_path):
    digest = blobs.put(b"precious")
    bucket.ask("PUT", key(digest), b"precioux").close()
    with pytest.raises(ShipwayError) as refusal:
        blobs.path(digest)
    assert refusal.value.code == "SW-605"
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


def test_blob_is_an_object_others_can_read(bucket, blobs):
    digest = blobs.put(b"PAR1 and more")
    answer = bucket.ask("GET", key(digest))
    assert answer.read() == b"PAR1 and more"
    assert answer.headers["Content-Type"] == "application/vnd.apache.parquet"
    assert blobs.uri(digest) == f"{bucket.uri}/{digest[:2]}/{digest}"
    other = blobs.put(b"x")
    assert bucket.ask("GET", key(other)).headers["Content-Type"] == "application/octet-stream"


def test_new_blob_is_one_request(bucket, way, tmp_path):
    blobs = S3Blobs(bucket.uri, cache=tmp_path / "cache")
    blobs.put(b"new")
    assert [line.split()[0] for line in way.seen] == ["PUT"]
    digest = blobs.put(b"other")
    way.seen.clear()
    blobs.path(digest)
    blobs.path(digest)
    assert [line.split()[0] for line in way.seen] == ["GET"]


def test_strange_objects_are_no_blobs(bucket, blobs):
    digest = blobs.put(b"x")
    for name in ("/some/prefix/README", f"/some/prefix/{digest[:2]}/{digest[:63]}", f"/some/prefix/zz/{digest}"):
        bucket.ask("PUT", name, b"?").close()
    assert list(blobs.digests()) == [digest]


def test_listing_goes_over_pages(blobs):
    with ThreadPoolExecutor(8) as pool:
        digests = list(pool.map(blobs.put, (b"%d" % number for number in range(1_020))))
    assert sorted(blobs.digests()) == sorted(digests)
    assert sorted(blobs.remove(digests[:1_010], before=1 << 62)) == sorted(digests[:1_010])
    assert sorted(blobs.digests()) == sorted(digests[1_010:])


@pytest.mark.parametrize("again", [False, True])
def test_big_file_is_sent_in_parts(bucket, way, tmp_path, again):
    source = tmp_path / "source"
    source.write_bytes(BIG)
    blobs = S3Blobs(bucket.uri, cache=tmp_path / "cache")
    if again:
        assert blobs.put(BIG) == digest_bytes(BIG)
        way.seen.clear()
    assert blobs.put_file(source) == digest_bytes(BIG)
    assert sum("partNumber" in line for line in way.seen) == 3
    assert blobs.get(digest_bytes(BIG)) == BIG
    assert blobs.path(digest_bytes(BIG)).read_bytes() == BIG
    assert bucket.uploads() == 0


def test_file_that_changes_while_it_is_sent_is_refused(bucket, blobs, tmp_path, monkeypatch):
    source = tmp_path / "source"
    source.write_bytes(BIG)
    read = module.read_chunks

    def change_first(file):
        with source.open("r+b") as writer:
            writer.write(b"changed")
        return read(file)

    monkeypatch.setattr(module, "read_chunks", change_first)
    with pytest.raises(ShipwayError) as refusal:
        blobs.put_file(source)
    assert refusal.value.code == "SW-201"
    assert list(blobs.digests()) == []


def test_source_that_cannot_be_read_is_refused(blobs, tmp_path):
    with pytest.raises(ShipwayError) as refusal:
        blobs.put_file(tmp_path / "missing")
    assert refusal.value.code == "SW-201"


@pytest.mark.parametrize("statuses", [[500], [503, 503, 500], [502, 504]])
def test_failures_that_pass_are_not_noticed(bucket, way, tmp_path, statuses):
    blobs = S3Blobs(bucket.uri, cache=tmp_path / "cache")
    way.failing = [*statuses]
    digest = blobs.put(b"patient")
    way.failing = [*statuses]
    assert blobs.get(digest) == b"patient"
    way.failing = [*statuses]
    assert blobs.has(digest)
    way.failing = [*statuses]
    assert list(blobs.digests()) == [digest]
    assert way.failing == []


def test_failures_that_stay_are_said(bucket, way, tmp_path):
    blobs = S3Blobs(bucket.uri, cache=tmp_path / "cache", patience_s=1)
    digest = blobs.put(b"there")
    way.failing = [503] * 1_000
    for attempt in (
        lambda: blobs.put(b"x"),
        lambda: blobs.get(digest),
        lambda: blobs.has(digest),
        lambda: list(blobs.digests()),
    ):
        with pytest.raises(ShipwayError) as refusal:
            attempt()
        assert refusal.value.code == "SW-607"


def test_answer_that_ends_too_early_is_never_taken_for_the_whole(bucket, way, tmp_path):
    blobs = S3Blobs(bucket.uri, cache=tmp_path / "cache", patience_s=1)
    data = BIG[: 3 << 20]
    digest = blobs.put(data)
    way.matching = "^GET"
    for cut in (0, 1, 100_000, len(data) - 1):
        way.cut = [cut]
        assert blobs.get(digest) == data
    for attempt, cut in ((blobs.get, 0), (blobs.path, 100_000)):
        way.cut = [cut] * 100
        with pytest.raises(ShipwayError) as refusal:
            attempt(digest)
        assert refusal.value.code == "SW-607"
    way.cut = []
    assert blobs.path(digest).read_bytes() == data


def test_refusals_say_what_is_missing(bucket, keys, tmp_path, monkeypatch, way):
    with pytest.raises(ShipwayError) as refusal:
        S3Blobs("s3://missing/prefix", cache=tmp_path / "cache").put(b"x")
    assert refusal.value.code == "SW-608"
    assert "bucket" in refusal.value.fact
    for attempt in (lambda b: b.get("0" * 64), lambda b: list(b.digests()), lambda b: b.path("0" * 64)):
        with pytest.raises(ShipwayError) as refusal:
            attempt(S3Blobs("s3://missing/prefix", cache=tmp_path / "cache"))
        assert refusal.value.code == "SW-608"
    blobs = S3Blobs(bucket.uri, cache=tmp_path / "cache")
    for status in (401, 403):
        way.failing = [status]
        with pytest.raises(ShipwayError) as refusal:
            blobs.get("0" * 64)
        assert refusal.value.code == "SW-608"
        assert "AWS_ACCESS_KEY_ID" in refusal.value.hint
    for address in ("nope://bucket", "s3://", "bucket"):
        with pytest.raises(ShipwayError) as refusal:
            S3Blobs(address, cache=tmp_path / "cache")
        assert refusal.value.code == "SW-608"


def test_store_that_is_not_there_is_said(tmp_path, keys, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(ShipwayError) as refusal:
        S3Blobs("s3://bucket/prefix", cache=tmp_path / "cache", patience_s=1).put(b"x")
    assert refusal.value.code == "SW-607"


def test_copies_used_longest_ago_are_swept(bucket, tmp_path):
    cache = tmp_path / "cache"
    blobs = S3Blobs(bucket.uri, cache=cache, cache_bytes=2_500)
    digests = [blobs.put(b"%d" % number * 1_000) for number in range(4)]
    paths = [blobs.path(digest) for digest in digests]
    assert all(path.exists() for path in paths), "none is swept that was just asked for"
    for path, age in zip(paths, (4, 1, 3, 2), strict=True):
        os.utime(path, (time.time() - age * 3_600,) * 2)
    blobs.path(digests[0])
    blobs.path(blobs.put(b"new" * 100))
    assert [path.exists() for path in paths] == [True, True, False, False]
    assert paths[2] == blobs.path(digests[2])


READ_COPIES = """
import os, random, sys, time
from pathlib import Path
from shipway.adapters.s3 import blob as module
from shipway.adapters.s3.blob import S3Blobs
blobs = S3Blobs(sys.argv[1], cache=Path(sys.argv[2]), cache_bytes=2_000)
seed, digests = int(sys.argv[3]), sys.argv[4:]
draw, shared, own = random.Random(seed), digests[:2], digests[2 + 2 * seed :][:2]
for _ in range(120):
    digest = draw.choice(shared + own)
    path = blobs.path(digest)
    with path.open("rb") as file:
        assert len(file.read()) == 900
    # Only what nobody else reads: a copy that was just asked for is never an hour old.
    os.utime(path, (time.time() - 3_600,) * 2) if digest in own and draw.random() < 0.2 else None
print("done")
"""


def test_processes_share_the_copies(bucket, blobs, tmp_path, spawn):
    digests = [blobs.put(b"%09d" % number * 100) for number in range(6)]
    children = [spawn(READ_COPIES, bucket.uri, tmp_path / "shared", seed, *digests) for seed in range(2)]
    outputs = [child.communicate()[0] for child in children]
    assert [child.returncode for child in children] == [0, 0], outputs


def test_who_puts_again_waits_for_who_removes(bucket, blobs, tmp_path):
    """The blob goes between the put and the look for a mark, as it may where its age was read before the put."""
    digest = blobs.put(b"wanted")
    other = S3Blobs(bucket.uri, cache=tmp_path / "other")
    other._mark()
    with ThreadPoolExecutor(1) as pool:
        putting = pool.submit(blobs.put, b"wanted")
        with pytest.raises(TimeoutError):
            putting.result(timeout=0.5)
        bucket.ask("DELETE", key(digest)).close()
        bucket.ask("DELETE", "/some/prefix/removing").close()
        assert putting.result(timeout=20) == digest
    assert blobs.get(digest) == b"wanted"


def test_two_do_not_remove_at_once_and_a_dead_one_is_forgotten(bucket, blobs, tmp_path, monkeypatch):
    digest = blobs.put(b"x")
    S3Blobs(bucket.uri, cache=tmp_path / "other")._mark()
    with pytest.raises(ShipwayError) as refusal:
        blobs.remove([digest], before=1 << 62)
    assert refusal.value.code == "SW-603"
    monkeypatch.setattr(module, "_MARK_DEAD_S", -10.0)
    assert blobs.put(b"x") == digest
    assert blobs.remove([digest], before=1 << 62) == [digest]
    with pytest.raises(OSError):
        bucket.ask("HEAD", "/some/prefix/removing")


PUT_FOREVER = """
import sys
from pathlib import Path
from shipway.adapters.s3.blob import S3Blobs
blobs, source, number = S3Blobs(sys.argv[1], cache=Path(sys.argv[2])), Path(sys.argv[2] + ".source"), int(sys.argv[3])
while True:
    number += 1
    data = number.to_bytes(8, "little") * (2_500_000 if number % 2 else 10)
    source.write_bytes(data)
    print(blobs.put_file(source), flush=True)
"""


def test_killed_writers_lose_nothing_acknowledged_and_show_nothing_partial(bucket, blobs, tmp_path, spawn):
    delays, acknowledged = random.Random(7), set()
    for round_ in range(4):
        child = spawn(PUT_FOREVER, bucket.uri, tmp_path / "theirs", round_ * 1_000)
        first = child.stdout.readline()
        time.sleep(delays.uniform(0.0, 0.3))
        child.send_signal(signal.SIGKILL)
        acknowledged |= {line.strip() for line in [first, *child.stdout] if line.endswith("\n")}
        child.wait()
    found = set(blobs.digests())
    assert acknowledged <= found
    for digest in found:
        assert digest_bytes(blobs.get(digest)) == digest
    assert len(acknowledged) >= 4
