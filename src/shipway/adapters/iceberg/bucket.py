"""Published tables in a bucket of S3, or of what speaks its protocol, GCS or Azure."""

from collections.abc import Iterable
from typing import Any

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import from_url

from shipway.adapters.s3.fault import translate_store_fault
from shipway.core.error import ShipwayError


class BucketPlace:
    """A prefix in a bucket; it answers the protocol `Place`. Credentials come from the environment alone."""

    def __init__(self, uri: str) -> None:
        """Take note of a prefix; nothing is asked of the bucket yet.

        Raises:
            ShipwayError: SW-608 if it is no address of a bucket.
        """
        self.uri = uri
        self._store = _open_store(uri)

    def read(self, name: str) -> bytes | None:
        """Return an object's bytes, None where there is no such object."""
        with translate_store_fault(self.uri):
            try:
                return bytes(obstore.get(self._store, name).bytes())
            except FileNotFoundError as fault:
                if "NoSuchBucket" in str(fault):
                    raise
                return None

    def write(self, name: str, data: bytes) -> None:
        """Write an object, over whatever had its name."""
        with translate_store_fault(self.uri, writing=True):
            obstore.put(self._store, name, data)

    def claim(self, name: str, data: bytes) -> bool:
        """Write an object unless there is one of its name, by one conditional request, and tell whether it was."""
        with translate_store_fault(self.uri, writing=True):
            try:
                obstore.put(self._store, name, data, mode="create")
            except AlreadyExistsError:
                # Where an answer was lost the request came twice, and the second found what the first had written.
                return self.read(name) == data
        return True

    def names(self, folder: str) -> list[str]:
        """Return the names of all objects in a folder, each with the folder's own."""
        with translate_store_fault(self.uri):
            pages: Any = obstore.list(self._store, prefix=folder)
            return [str(each["path"]) for page in pages for each in page]

    def remove(self, names: Iterable[str]) -> None:
        """Remove objects; what is not there is passed over."""
        with translate_store_fault(self.uri, writing=True):
            for name in names:
                try:
                    obstore.delete(self._store, name)
                except FileNotFoundError as fault:
                    if "NoSuchBucket" in str(fault):
                        raise


def read_object(uri: str, *, last_bytes: int | None = None) -> bytes:
    """Return the bytes of an object, all or those at its end; SW-605 if there is none."""
    folder, _, name = uri.rpartition("/")
    options: Any = None if last_bytes is None else {"range": {"suffix": last_bytes}}
    with translate_store_fault(folder):
        try:
            return bytes(obstore.get(_open_store(folder), name, options=options).bytes())
        except FileNotFoundError as fault:
            if "NoSuchBucket" in str(fault):
                raise
            raise ShipwayError("SW-605", f"stored object {uri} is missing", "restore it from a backup") from fault


def _open_store(uri: str) -> Any:
    # An endpoint without TLS is named in the environment by whoever runs it, so it is meant.
    client: Any = {"allow_http": True, "connect_timeout": "5s"}
    try:
        return from_url(uri, client_options=client)
    except (BaseError, ValueError) as fault:
        said = str(fault).partition("\n")[0]
        hint = "write a folder, or such as s3://bucket/prefix; what else is needed comes from the environment"
        raise ShipwayError("SW-608", f"{uri} is no address of an object store ({said})", hint) from fault
