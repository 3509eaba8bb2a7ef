"""The sections [storage] and [online] of shipway.toml hold addresses and no secret."""

import tomllib
from typing import Any

import pytest

from shipway.core.config import read_config
from shipway.core.error import ShipwayError
from shipway.core.storage import OnlineSection, StorageSection, check_online


def read(lines: str) -> Any:
    """Return the section of a project file with these lines in it."""
    return read_config(tomllib.loads(f'[project]\nname = "flights"\n\n[storage]\n{lines}')).storage


def test_storage_is_local_unless_addresses_are_given() -> None:
    assert read("") == StorageSection(files="", catalog="")
    given = 'files = "s3://bucket/some/prefix"\ncatalog = "postgresql://ann@db:5433/flights?sslmode=require"'
    storage = read(given)
    assert storage.files == "s3://bucket/some/prefix"
    assert storage.catalog == "postgresql://ann@db:5433/flights?sslmode=require"


@pytest.mark.parametrize(
    ("line", "fact", "hint"),
    [
        ('files = "bucket/prefix"', "storage.files is no address", "s3://bucket/prefix"),
        ('files = "s3://"', "storage.files is no address", "s3://bucket/prefix"),
        ('files = "ftp://bucket/prefix"', "storage.files is no address", "s3://bucket/prefix"),
        ('files = "s3://key:secret@bucket/prefix"', "storage.files holds credentials", "AWS_ACCESS_KEY_ID"),
        ('catalog = "db/flights"', "storage.catalog is no address", "postgresql://host/database"),
        ('catalog = "mysql://db/flights"', "storage.catalog is no address", "postgresql://host/database"),
        ('catalog = "postgresql://db"', "storage.catalog is no address", "postgresql://host/database"),
        ('catalog = "postgresql://[db/flights"', "storage.catalog is no address", "postgresql://host/database"),
        ('catalog = "postgresql://ann:secret@db/flights"', "storage.catalog holds a password", "PGPASSWORD"),
        ('catalog = "postgresql://ann:@db/flights"', "storage.catalog holds a password", "PGPASSWORD"),
        ('catalog = "postgresql://db/flights?user=ann&password=secret"', "holds a password", "PGPASSWORD"),
        ('catalogue = "postgresql://db/flights"', "catalogue", "in [storage], did you mean 'catalog'?"),
    ],
)
def test_wrong_storage_is_refused_without_repeating_a_secret(line: str, fact: str, hint: str) -> None:
    with pytest.raises(ShipwayError) as refused:
        read(line)
    assert refused.value.code == "SW-102"
    assert fact in refused.value.fact
    assert hint in refused.value.hint
    assert "secret" not in str(refused.value)


def test_the_address_of_the_online_store_holds_no_secret():
    for uri in (
        "",
        "sqlite:",
        "redis://cache:6379/0",
        "redis://user@cache/0",
        "rediss://cache",
        "unix:///run/redis.sock",
    ):
        check_online(OnlineSection(uri=uri))
    for uri in ("redis://user:secret@cache", "redis://:secret@cache/0", "redis://cache/0?password=secret"):
        with pytest.raises(ShipwayError, match=r"^SW-102 .* holds a password") as refusal:
            check_online(OnlineSection(uri=uri))
        assert "secret" not in str(refusal.value)
    with pytest.raises(ShipwayError, match=r"^SW-102 .* no address"):
        check_online(OnlineSection(uri="cache"))
