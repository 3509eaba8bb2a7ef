"""Addresses of databases, and the secrets that stand in them by name only."""

import os
import re
from typing import Final

from shipway.core.error import ShipwayError
from shipway.core.raw import Raw

_VARIABLE: Final = re.compile(r"\$\{(\w+)\}")


def fill_in(uri: str) -> str:
    """Return an address with `${NAME}` replaced by the environment's value.

    Raises:
        ShipwayError: SW-201 if a variable is not set.
    """

    def find(match: re.Match[str]) -> str:
        value = os.environ.get(match[1])
        if value is None:
            raise ShipwayError(
                "SW-201", f"{uri} names the variable {match[1]}, which is not set", f"set it: export {match[1]}=..."
            )
        return value

    return _VARIABLE.sub(find, uri)


def check_asked(raw: Raw) -> None:
    """Refuse an input of a database of which neither a table nor a query is said."""
    if not raw.table and not raw.query:
        raise ShipwayError(
            "SW-201",
            f"raw input {raw.name!r} is a database, and nothing says what is read of it",
            f'add table = "..." or query = "..." to [raw.{raw.name}]',
        )


def say_fault(raw: Raw, fault: BaseException) -> ShipwayError:
    """Return the refusal for a database that does not answer as asked, without the secrets of the address."""
    lines = [line.strip() for line in str(fault).splitlines() if line.strip()]
    said = hide_secrets(lines[0] if lines else type(fault).__name__, raw.uri)
    return ShipwayError(
        "SW-201",
        f"raw input {raw.name!r} cannot be read from {raw.scheme}: {said}",
        "check the address, the names in it and in the query, and that this user may read there",
    )


def hide_secrets(said: str, uri: str) -> str:
    """Return a message without the values of the variables that an address names."""
    for name in _VARIABLE.findall(uri):
        said = said.replace(os.environ.get(name) or "\x00", "***")
    return said
