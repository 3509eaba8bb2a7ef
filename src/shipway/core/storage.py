"""Where a team keeps what its machines share: the section of shipway.toml, and what is refused in it."""

from typing import Final
from urllib.parse import parse_qs, urlsplit

import msgspec

from shipway.core.error import ShipwayError

FILE_SCHEMES: Final = ("s3", "gs", "az", "abfs", "abfss")
"""Schemes of the object stores that files can be kept in."""

CATALOG_SCHEMES: Final = ("postgresql", "postgres")
"""Schemes of the databases that the catalog can be kept in."""


class StorageSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where files and the data's history are kept; each is in the project's folder of state where it is empty.

    Attributes:
        files: the bucket and prefix of all files, such as `s3://bucket/prefix`.
        catalog: the database of the data's history, such as `postgresql://host/database`.
    """

    files: str = ""
    catalog: str = ""


class OnlineSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where features are read from while they are served.

    Attributes:
        uri: the server of the online store, such as `redis://host:6379/0`; empty for LMDB in the project's folder of
            state, and `sqlite:` for SQLite there.
    """

    uri: str = ""


def check_online(section: OnlineSection) -> None:
    """Refuse an address that is none, and one that holds a secret.

    Raises:
        ShipwayError: SW-102, without repeating the address.
    """
    if not section.uri:
        return
    scheme, netloc, _, query = _split(section.uri)
    if not scheme:
        hint = "write such as redis://host:6379/0, or leave it out to keep it in the project's folder"
        raise ShipwayError("SW-102", "shipway.toml: online.uri is no address of an online store", hint)
    if ":" in netloc.rpartition("@")[0] or "password" in parse_qs(query, keep_blank_values=True):
        hint = "leave it out: it is read from the environment, such as REDIS_PASSWORD"
        raise ShipwayError("SW-102", "shipway.toml: online.uri holds a password", hint)


def check_storage(section: StorageSection) -> None:
    """Refuse addresses that no adapter reads, and any that holds a secret.

    Raises:
        ShipwayError: SW-102, without repeating the address.
    """
    if section.files:
        _check_files(section.files)
    if section.catalog:
        _check_catalog(section.catalog)


def _check_files(address: str) -> None:
    scheme, netloc, _, _ = _split(address)
    if scheme not in FILE_SCHEMES or not netloc:
        hint = "write such as s3://bucket/prefix, or leave it out to keep files in the project's folder"
        raise ShipwayError("SW-102", "shipway.toml: storage.files is no address of an object store", hint)
    # In Azure's long form the container stands before the @, and there is no place for a password.
    if ("@" in netloc and scheme not in ("abfs", "abfss")) or ":" in netloc.partition("@")[0]:
        hint = "leave them out: they are read from the environment, such as AWS_ACCESS_KEY_ID"
        raise ShipwayError("SW-102", "shipway.toml: storage.files holds credentials", hint)


def _check_catalog(address: str) -> None:
    scheme, netloc, path, query = _split(address)
    if scheme not in CATALOG_SCHEMES or not path.strip("/"):
        hint = "write such as postgresql://host/database, or leave it out to keep it in the project's folder"
        raise ShipwayError("SW-102", "shipway.toml: storage.catalog is no address of a PostgreSQL database", hint)
    user, _, host = netloc.rpartition("@")
    if (host and ":" in user) or "password" in parse_qs(query, keep_blank_values=True):
        hint = "leave it out: it is read from PGPASSWORD or ~/.pgpass"
        raise ShipwayError("SW-102", "shipway.toml: storage.catalog holds a password", hint)


def _split(address: str) -> tuple[str, str, str, str]:
    """Return scheme, host part, path and query of an address, all empty if it is none."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return "", "", "", ""
    return parts.scheme, parts.netloc, parts.path, parts.query
