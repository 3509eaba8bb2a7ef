"""Publishing to a bucket of moto's server: a fake that keeps S3's rules on requests, without its promises on disks."""

import itertools
from urllib.request import Request, urlopen

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from pyiceberg.table import StaticTable

from shipway.adapters.iceberg.bucket import BucketPlace
from shipway.adapters.iceberg.publication import IcebergPublisher
from shipway.adapters.s3.blob import S3Blobs
from shipway.core.error import ShipwayError
from shipway.infra.table import TableFiles
from shipway.testing.fake import ManualClock

NUMBERS = itertools.count()


@pytest.fixture
def bucket(moto, monkeypatch):
    """Make a bucket and put the way to it in the environment; return a prefix in it."""
    name = f"publication{next(NUMBERS)}"
    for key, value in {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": moto,
    }.items():
        monkeypatch.setenv(key, value)
    request = Request(f"{moto}/{name}", method="PUT", headers={"Authorization": "AWS key:signature"})
    urlopen(request).close()
    return f"s3://{name}/some/prefix"


@pytest.fixture
def blobs(bucket, tmp_path):
    return S3Blobs(f"{bucket}/blobs", cache=tmp_path / "cache", patience_s=5)


@pytest.fixture
def read(moto):
    """Read a table by pyiceberg's own client of S3."""
    way = {"s3.endpoint": moto, "s3.access-key-id": "key", "s3.secret-access-key": "secret", "s3.region": "us-east-1"}
    return lambda uri: pl.from_arrow(StaticTable.from_metadata(uri, way).scan().to_arrow())


def test_a_table_in_a_bucket_is_published_there_and_read_from_there(bucket, blobs, read, moto):
    files = TableFiles(blobs)
    publisher = IcebergPublisher(clock=ManualClock(), keep=2, readable_us=0)
    frame = pl.DataFrame({"id": [1, 2], "kind": pl.Series(["a", None], dtype=pl.Enum(["a"]))})
    snapshot = files.write(frame)
    for number in range(5):
        found = publisher.publish("t", snapshot, commit=f"{number}", files=blobs.uri, location=f"{bucket}/open/")
        wanted = files.read(snapshot).with_columns(pl.col("kind").cast(pl.String))
        assert_frame_equal(read(found.metadata_uri).sort("id"), wanted.sort("id"))
        rows = pl.DataFrame({"id": [10 + number], "kind": ["a"]}, schema=frame.schema)
        snapshot = files.append(snapshot, rows)
    assert found.metadata_uri == f"{bucket}/open/t/metadata/v5.metadata.json"
    assert publisher.commits("t", location=f"{bucket}/open/") == ("3", "4")
    assert publisher.publish("t", files.write(frame), commit="x", files=blobs.uri, location=f"{bucket}/open").rows == 2
    place = BucketPlace(f"{bucket}/open/t")
    assert place.read("metadata/version-hint.text") == b"6"
    assert {int(name.split("/v")[1].split("-")[0].split(".")[0]) for name in place.names("data")} <= set(range(1, 7))
    assert sum("metadata.json" in name for name in place.names("metadata")) == 2


def test_polars_reads_it_by_its_own_client(bucket, blobs, moto):
    files = TableFiles(blobs)
    frame = pl.DataFrame({"id": [1, 2], "x": ["a", None]})
    publisher = IcebergPublisher(clock=ManualClock())
    found = publisher.publish("t", files.write(frame), commit="c", files=blobs.uri, location=bucket)
    way = {
        "s3.endpoint": moto,
        "s3.access-key-id": "key",
        "s3.secret-access-key": "secret",
        "s3.region": "us-east-1",
    }
    assert_frame_equal(
        pl.scan_iceberg(found.metadata_uri, storage_options=way, reader_override="native").collect(), frame
    )


def test_one_of_two_claims_wins(bucket):
    place = BucketPlace(f"{bucket}/t")
    assert place.claim("metadata/v1", b"mine")
    assert not place.claim("metadata/v1", b"other")
    assert place.claim("metadata/v1", b"mine"), "a request that came twice is the same request"
    assert place.read("metadata/v1") == b"mine"


def test_what_is_not_there_is_nothing_to_read_or_to_remove(bucket):
    place = BucketPlace(f"{bucket}/t")
    assert place.read("metadata/none") is None
    assert place.names("metadata") == []
    place.write("metadata/a", b"1")
    place.remove(["metadata/none", "metadata/a"])
    assert place.names("metadata") == []


def test_a_bucket_that_is_not_there_is_refused(bucket):
    place = BucketPlace("s3://nowhere-at-all/t")
    for attempt in (lambda: place.read("a"), lambda: place.write("a", b""), lambda: place.claim("a", b"")):
        with pytest.raises(ShipwayError) as refusal:
            attempt()
        assert refusal.value.code == "SW-608"


def test_an_address_that_is_none_is_refused():
    with pytest.raises(ShipwayError, match="is no address of an object store") as refusal:
        BucketPlace("gopher://x/t")
    assert refusal.value.code == "SW-608"


def test_a_stored_object_that_is_gone_is_refused(bucket, blobs):
    files = TableFiles(blobs)
    publisher = IcebergPublisher(clock=ManualClock())
    for column in ({"x": [1]}, {"x": pl.Series(["a"], dtype=pl.Enum(["a"]))}):
        snapshot = files.write(pl.DataFrame(column))
        digest = snapshot.parts[0].digest
        BucketPlace(blobs.uri(digest).removesuffix(f"/{digest}")).remove([digest])
        with pytest.raises(ShipwayError) as refusal:
            publisher.publish("t", snapshot, commit="c", files=blobs.uri, location=bucket)
        assert refusal.value.code == "SW-605"


def test_data_on_this_disk_are_not_published_to_a_bucket(bucket, shop):
    with pytest.raises(ShipwayError, match="are on this disk") as refusal:
        shop.publisher.publish("t", shop.write({"id": [1]}), commit="c", files=shop.blobs.uri, location=bucket)
    assert refusal.value.code == "SW-212"
