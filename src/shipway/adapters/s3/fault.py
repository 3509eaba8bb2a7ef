"""What an object store's answers, and those of the way to it, mean to a user."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

from shipway.core.error import ShipwayError

_NO_BUCKET: Final = ("NoSuchBucket", "ContainerNotFound", "The specified bucket does not exist")
_FULL: Final = ("QuotaExceeded", "InsufficientStorage", "507 ", "StorageFull")
_NO_RIGHT: Final = ("AccessDenied", "AuthorizationPermissionMismatch", "does not have storage.objects")
# Where the environment names no credentials, they are asked of the machine's own cloud.
_NO_KEYS: Final = ("169.254.169.254", "169.254.170.2", "metadata.google.internal", "must be specified")
_HINT: Final = (
    "credentials come from the environment, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or from the machine's "
    "role; AWS_REGION and AWS_ENDPOINT_URL say where the store is"
)


@contextmanager
def translate_store_fault(name: str, *, writing: bool = False) -> Generator[None]:
    """Turn what an object store says into the error a user can act on; a missing object passes through.

    Args:
        name: the store, for the message.
        writing: whether something is written.

    Raises:
        ShipwayError: SW-601 if a quota ran out, SW-602 if what is written is forbidden, SW-607 if the store does not
            answer, not in time, or only with failures of its own, SW-608 if it refuses: no bucket, no credentials.
    """
    try:
        yield
    except (BaseError, FileNotFoundError) as fault:
        said = _first_line(fault)
        if any(words in said for words in _NO_BUCKET):
            raise ShipwayError(
                "SW-608", f"there is no bucket for {name} ({said})", "make it, or correct the address"
            ) from fault
        if isinstance(fault, FileNotFoundError):
            raise
        if any(words in said for words in _FULL):
            hint = "free some space or raise the quota, then run the same command again; what was acknowledged is safe"
            raise ShipwayError("SW-601", f"there is no room to write {name} ({said})", hint) from fault
        if writing and any(words in said for words in _NO_RIGHT):
            hint = "give these credentials the right to put and delete objects there"
            raise ShipwayError("SW-602", f"cannot write {name} ({said})", hint) from fault
        if isinstance(fault, PermissionDeniedError | UnauthenticatedError) or any(words in said for words in _NO_KEYS):
            raise ShipwayError("SW-608", f"{name} lets this user not in ({said})", _HINT) from fault
        hint = "check that the store can be reached from here, then run the same command again"
        raise ShipwayError("SW-607", f"{name} does not answer as it should ({said})", hint) from fault


def _first_line(fault: Exception) -> str:
    """Return what was said, in one line and without the library's own trace."""
    return " ".join(str(fault).partition("Debug source")[0].split())[:600]
