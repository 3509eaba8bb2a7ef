"""Blobs as objects of a store such as S3, read through a folder of local copies."""

import datetime as dt
import hashlib
import re
import time
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, GenericError, NotSupportedError
from obstore.store import from_url

from shipway.adapters.file.blob import FileBlobs
from shipway.adapters.s3.fault import translate_store_fault
from shipway.core.error import ShipwayError
from shipway.kit.canonical import digest_bytes
from shipway.kit.file import read_chunks
from shipway.ports.blobs import Stored

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_KEY: Final = re.compile(r"([0-9a-f]{2})/(\1[0-9a-f]{62})")
_PART_BYTES: Final = 8 << 20
"""What is larger is sent in parts of at least this size, of which a few are in memory at once."""

_PARTS: Final = 9_000
"""Most parts of one object; S3 allows 10,000."""

_BROKEN: Final = 4
"""How often an answer may break off before the store is given up."""

_AT_ONCE: Final = 4
_BATCH: Final = 200
"""Blobs removed under one mark."""

_MARK: Final = "removing"
_MARK_S: Final = 60.0
"""How long after the mark was set blobs may still be removed under it."""

_MARK_DEAD_S: Final = 600.0
"""Whoever set a mark so long ago was killed."""

_RECENT_US: Final = 600_000_000
"""A local copy used so short a time ago is never swept: somebody may be about to open it."""


class S3Blobs:
    """The blob store in a bucket of S3, or of what speaks its protocol, GCS or Azure; it answers the port `Blobs`.

    A new blob is one conditional request, `<prefix>/ab/ab12...`; an object is there whole or not at all, so what a
    digest names is whole. Any number of processes on any number of machines may share the bucket. Credentials come from
    the environment or the machine's role and from nowhere else.

    A blob's age is the store's `Last-Modified`. A store cannot remove an object on condition of its age, so whoever
    removes sets a mark first, and whoever puts again what was there waits for the mark to go and looks whether the blob
    is still there.
    """

    def __init__(self, uri: str, *, cache: Path, cache_bytes: int = 50 << 30, patience_s: float = 60.0) -> None:
        """Take note of a store; nothing is asked of it yet.

        Args:
            uri: the bucket and a prefix in it, such as `s3://bucket/prefix`, `gs://...` or `az://...`.
            cache: the folder of local copies; it need not exist yet.
            cache_bytes: the size beyond which copies that were not used lately are swept from it.
            patience_s: how long a request is repeated that the store fails to answer.

        Raises:
            ShipwayError: SW-608 if it is no address of a store, or the environment lacks what it needs.
        """
        self._uri = uri.removesuffix("/")
        self._cache = FileBlobs(cache)
        self._cache_bytes = cache_bytes
        self._patience_s = patience_s
        pause = {"init_backoff": dt.timedelta(seconds=0.1), "max_backoff": dt.timedelta(seconds=5), "base": 2}
        retry: Any = {"max_retries": 10, "retry_timeout": dt.timedelta(seconds=patience_s), "backoff": pause}
        # An endpoint without TLS is named in the environment by whoever runs it, so it is meant.
        client: Any = {"allow_http": True, "connect_timeout": "5s", "timeout": f"{max(1, round(patience_s))}s"}
        try:
            options = {} if uri.startswith("memory:") else {"retry_config": retry, "client_options": client}
            self._store: Any = from_url(uri, **options)
        except (BaseError, ValueError) as fault:
            said = str(fault).partition("\n")[0]
            hint = "write such as s3://bucket/prefix; what else is needed comes from the environment"
            raise ShipwayError("SW-608", f"{uri} is no address of an object store ({said})", hint) from fault

    def put(self, data: bytes) -> str:
        """Store bytes and return their digest; the store has them safe when this returns.

        Raises:
            ShipwayError: as `translate_store_fault` says.
        """
        digest = digest_bytes(data)
        if len(data) <= _PART_BYTES:
            self._put_whole(digest, data)
        else:
            view = memoryview(data)
            pieces = [bytes(view[at : at + _PART_BYTES]) for at in range(0, len(data), _PART_BYTES)]
            self._put_parts(digest, lambda: pieces, len(data), _content_type(data))
        return digest

    def put_file(self, source: Path) -> str:
        """Store a file's content, without holding it in memory, and return its digest.

        Raises:
            ShipwayError: SW-201 if the file cannot be read, or changes meanwhile; else as `translate_store_fault` says.
        """
        try:
            size = source.stat().st_size
            if size <= _PART_BYTES:
                return self.put(source.read_bytes())
            with source.open("rb") as file:
                kind = _content_type(file.read(4))
                file.seek(0)
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as fault:
            hint = "check the path and that this user may read it"
            raise ShipwayError("SW-201", f"cannot read {source} ({fault.strerror})", hint) from fault
        self._put_parts(digest, lambda: _read_same(source, digest), size, kind)
        return digest

    def get(self, digest: str) -> bytes:
        """Return the bytes with this digest, verified.

        Raises:
            ShipwayError: SW-605 if they are missing or not what was stored; else as `translate_store_fault` says.
        """
        data = b"".join(self._read(digest))
        if digest_bytes(data) != digest:
            raise _damaged(f"blob {digest} is damaged: the bytes of {self.uri(digest)} do not match it")
        return data

    def path(self, digest: str) -> Path:
        """Return a local, read-only copy of these bytes, verified when it was fetched.

        It stays for at least ten minutes after it was asked for; a blob that was removed from the store may still have
        a copy.

        Raises:
            ShipwayError: SW-601 and SW-602 if no copy can be written; else as `get` says.
        """
        if not (_DIGEST.fullmatch(digest) and self._cache.has(digest) and self._cache.renew(digest)):
            found = self._cache.put_chunks(self._read(digest))
            if found != digest:
                self._cache.remove([found], before=1 << 62)
                raise _damaged(f"blob {digest} is damaged: the bytes of {self.uri(digest)} do not match it")
            self._sweep()
        return self._cache.path(digest)

    def has(self, digest: str) -> bool:
        """Tell whether the store holds this digest.

        Raises:
            ShipwayError: as `translate_store_fault` says.
        """
        return _DIGEST.fullmatch(digest) is not None and self._age(_key(digest)) is not None

    def digests(self) -> Iterator[str]:
        """Yield every digest in the store, in no particular order.

        Raises:
            ShipwayError: as `translate_store_fault` says.
        """
        return (found.digest for found in self.listing())

    def listing(self, digests: Collection[str] | None = None) -> Iterator[Stored]:
        """Yield blobs with size and age, in no particular order: every one, or those named that are there.

        The store is asked for a thousand at a time, whichever are wanted: to ask for each would cost more. What S3
        received in parts is as old as the beginning of its upload.

        Raises:
            ShipwayError: as `translate_store_fault` says.
        """
        wanted = None if digests is None else set(digests)
        if wanted is not None and not wanted:
            return
        with translate_store_fault(self._uri):
            for page in obstore.list(self._store, chunk_size=1_000):
                for found in page:
                    key = _KEY.fullmatch(found["path"])
                    if key is not None and (wanted is None or key[2] in wanted):
                        yield Stored(digest=key[2], size_bytes=found["size"], at=_microseconds(found["last_modified"]))

    def remove(self, digests: Collection[str], *, before: int) -> list[str]:
        """Remove blobs last put before an instant, by the store's clock, and return those that went.

        Raises:
            ShipwayError: SW-603 if another process removes blobs there; else as `translate_store_fault` says.
        """
        wanted = [digest for digest in digests if _DIGEST.fullmatch(digest)]
        gone: list[str] = []
        for start in range(0, len(wanted), _BATCH):
            gone += self._remove(wanted[start : start + _BATCH], before)
        self._cache.remove(gone, before=1 << 62)
        return gone

    def uri(self, digest: str) -> str:
        """Return the address under which other engines read the blob, whether or not it is there."""
        return f"{self._uri}/{_key(digest)}"

    def _put_whole(self, digest: str, data: bytes) -> None:
        kind: Any = {"Content-Type": _content_type(data)}
        with translate_store_fault(self._uri, writing=True):
            try:
                obstore.put(self._store, _key(digest), data, attributes=kind, mode="create", use_multipart=False)
            except (AlreadyExistsError, NotSupportedError):

                def put_again() -> None:
                    obstore.put(self._store, _key(digest), data, attributes=kind, use_multipart=False)

                put_again()
                self._outlive_removal(digest, put_again)

    def _put_parts(self, digest: str, pieces: Any, size: int, content_type: str) -> None:
        """Send a large blob in parts; the store shows none of them before the last is there."""
        there = self.has(digest)
        kind: Any = {"Content-Type": content_type}
        part = max(_PART_BYTES, -(-size // _PARTS))

        def put_again() -> None:
            obstore.put(self._store, _key(digest), pieces(), attributes=kind, chunk_size=part, max_concurrency=_AT_ONCE)

        with translate_store_fault(self._uri, writing=True):
            put_again()
            if there:
                self._outlive_removal(digest, put_again)

    def _outlive_removal(self, digest: str, put_again: Any) -> None:
        """Wait until nobody removes who may have seen the blob as old, and put it once more if it went."""
        while (marked := self._age(_MARK)) is not None and _since_s(marked) < _MARK_DEAD_S:
            time.sleep(0.1)
        if self._age(_key(digest)) is None:
            put_again()

    def _remove(self, digests: list[str], before: int) -> list[str]:
        with translate_store_fault(self._uri, writing=True):
            began = time.monotonic()
            self._mark()
            try:
                with ThreadPoolExecutor(_AT_ONCE) as pool:
                    ages = list(pool.map(self._age, map(_key, digests)))
                old = [digest for digest, at in zip(digests, ages, strict=True) if at is not None and at < before]
                if time.monotonic() - began > _MARK_S:
                    fact = f"{self._uri} took too long to tell the ages of {len(digests)} blobs; none was removed"
                    raise ShipwayError("SW-607", fact, "run the same command again")
                if old:
                    obstore.delete(self._store, list(map(_key, old)))
            finally:
                obstore.delete(self._store, _MARK)
        return old

    def _mark(self) -> None:
        try:
            obstore.put(self._store, _MARK, b"", mode="create", use_multipart=False)
        except AlreadyExistsError as fault:
            marked = self._age(_MARK)
            if marked is not None and _since_s(marked) < _MARK_DEAD_S:
                fact = f"another process removes blobs from {self._uri}"
                raise ShipwayError("SW-603", fact, "wait for it, then run the same command again") from fault
            obstore.put(self._store, _MARK, b"", use_multipart=False)
        except NotSupportedError:
            obstore.put(self._store, _MARK, b"", use_multipart=False)

    def _age(self, key: str) -> int | None:
        with translate_store_fault(self._uri):
            try:
                return _microseconds(obstore.head(self._store, key)["last_modified"])
            except FileNotFoundError:
                return None

    def _read(self, digest: str) -> Iterator[bytes]:
        """Yield a blob's bytes, not verified; where an answer breaks off, the rest of it is asked for."""
        if not _DIGEST.fullmatch(digest):
            raise _damaged(f"blob {digest!r} is missing from {self._uri}")
        got = broken = 0
        give_up = time.monotonic() + self._patience_s
        with translate_store_fault(self._uri):
            while True:
                try:
                    rest: Any = {"range": {"offset": got}} if got else None
                    for chunk in obstore.get(self._store, _key(digest), options=rest).stream(min_chunk_size=1 << 20):
                        got += len(chunk)
                        yield bytes(chunk)
                    return
                except FileNotFoundError as fault:
                    if "NoSuchBucket" in str(fault):
                        raise
                    raise _damaged(f"blob {digest} is missing from {self._uri}") from fault
                except GenericError as fault:
                    broken += 1
                    if "body error" not in str(fault) or broken > _BROKEN or time.monotonic() > give_up:
                        raise
                    time.sleep(0.05 * 2**broken)

    def _sweep(self) -> None:
        """Remove the copies used longest ago from the folder, until the rest fits."""
        copies = sorted(self._cache.listing(), key=lambda copy: copy.at)
        room = self._cache_bytes - sum(copy.size_bytes for copy in copies)
        recent = time.time_ns() // 1_000 - _RECENT_US
        for copy in copies:
            if room >= 0 or copy.at >= recent:
                break
            room += copy.size_bytes
            # Not what somebody has used since it was listed: it is younger now.
            self._cache.remove([copy.digest], before=copy.at + 1)


def _read_same(source: Path, digest: str) -> Iterator[bytes]:
    """Yield a file's content and fail at its end, before the last part is sent, unless it has this digest."""
    hasher = hashlib.sha256()
    with source.open("rb") as file:
        for chunk in read_chunks(file):
            hasher.update(chunk)
            yield chunk
    if hasher.hexdigest() != digest:
        raise ShipwayError("SW-201", f"{source} changed while it was read", "wait until it is written, then try again")


def _key(digest: str) -> str:
    return f"{digest[:2]}/{digest}"


def _content_type(start: bytes) -> str:
    return "application/vnd.apache.parquet" if start[:4] == b"PAR1" else "application/octet-stream"


def _microseconds(moment: dt.datetime) -> int:
    """Return an instant in microseconds since 1970 UTC, where only seconds are told the last of that second."""
    us = (moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)
    return us if moment.microsecond else us + 999_999


def _since_s(us: int) -> float:
    return time.time() - us / 1_000_000


def _damaged(fact: str) -> ShipwayError:
    return ShipwayError("SW-605", fact, "shipway run --force makes it again, or restore it from a backup")
