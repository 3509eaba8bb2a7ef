"""Keys: who may ask a server, and for what. Only digests of keys are kept; a key itself is known to its caller alone.

A key is 32 random bytes, so one round of SHA-256 hides it: there is no list of likely keys that could be tried.
`python -m shipway.serving.key NAME` makes one, and the lines of the file that let it in.
"""

import argparse
import hashlib
import hmac
import secrets
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from shipway.core.error import ShipwayError
from shipway.serving.refusal import RefusedError

EVERY: Final = "*"
"""In place of a service's name: all of them."""
OPEN: Final = "/v2/health/"
"""Paths below it need no key: they are asked by what keeps the server running."""

_DIGEST: Final = 64
_PREFIX: Final = "sw_"
_SEND: Final = "send it in the header authorization, after the word Bearer, or in x-api-key"


class Key(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One caller.

    Attributes:
        sha256: digest of the key, hexadecimal.
        services: the services and models that the caller may ask, `*` for all.
        operator: whether it may also change and read what the server does: routings, the log, the repository, status.
        in_flight: how many requests of it may wait at a time; 0 for no bound of its own.
    """

    sha256: str
    services: tuple[str, ...] = ()
    operator: bool = False
    in_flight: int = 0


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    keys: dict[str, Key]


class Keys:
    """The callers of a file, which is read again when the server is told to."""

    def __init__(self, path: Path) -> None:
        """Read the file.

        Raises:
            ShipwayError: SW-102 if it cannot be read, or is not valid.
        """
        self._path = path
        self._callers: dict[bytes, tuple[str, Key]] = {}
        self.reload()

    def __len__(self) -> int:
        """Return how many callers there are."""
        return len(self._callers)

    def reload(self) -> None:
        """Read the file again; the callers before stay where it is not valid.

        Raises:
            ShipwayError: SW-102 if it cannot be read, or is not valid.
        """
        hint = "python -m shipway.serving.key NAME prints the lines of a caller"
        try:
            callers = msgspec.convert(tomllib.loads(self._path.read_text(encoding="utf-8")), _File).keys
        except OSError as fault:
            raise ShipwayError("SW-102", f"cannot read {self._path} ({fault.strerror})", hint) from fault
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
            raise ShipwayError("SW-102", f"{self._path} is no file of keys ({error})", hint) from error
        found: dict[bytes, tuple[str, Key]] = {}
        for name, key in callers.items():
            try:
                digest = bytes.fromhex(key.sha256)
            except ValueError:
                digest = b""
            if len(key.sha256) != _DIGEST or len(digest) * 2 != _DIGEST or digest in found:
                fact = f"{self._path}: the sha256 of {name!r} is no digest of a key of its own"
                raise ShipwayError("SW-102", fact, hint)
            found[digest] = name, key
        self._callers = found

    def identify(self, headers: Mapping[str, str]) -> tuple[str, Key]:
        """Return who asks.

        Args:
            headers: of the request, by name in lower case.

        Raises:
            RefusedError: 401 without a key, or with one that is not known.
        """
        sent = headers.get("x-api-key")
        if sent is None:
            scheme, _, sent = headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not sent:
                raise _refuse(401, "this server asks for a key", _SEND, 'Bearer realm="shipway"')
        digest = hashlib.sha256(sent.strip().encode("utf-8", "surrogateescape")).digest()
        caller = self._callers.get(digest)
        # How long this takes may tell of the digest, from which nobody gets back to the key.
        if caller is not None and hmac.compare_digest(caller[1].sha256.lower(), digest.hex()):
            return caller
        raise _refuse(401, "the key is not known here", _SEND, 'Bearer realm="shipway", error="invalid_token"')


def require(caller: tuple[str, Key], service: str | None) -> None:
    """Refuse a caller that may not ask for this.

    Args:
        caller: who asks.
        service: the service or model that is asked; None for what the server itself does.

    Raises:
        RefusedError: 403 if it may not.
    """
    name, key = caller
    if service is None:
        if key.operator:
            return
        fact, hint = f"the key of {name!r} may only ask its services", "set operator = true in the file of keys"
    else:
        if EVERY in key.services or service in key.services:
            return
        fact = f"the key of {name!r} may not ask {service[:100]!r}"
        hint = "add the name to its services in the file of keys"
    raise _refuse(403, fact, hint, 'Bearer realm="shipway", error="insufficient_scope"')


def make_key() -> tuple[str, str]:
    """Return a new key, and the digest that the file keeps of it."""
    key = _PREFIX + secrets.token_urlsafe(32)
    return key, hashlib.sha256(key.encode()).hexdigest()


def main(words: Sequence[str] | None = None) -> int:
    """Print a new key, and what to write into the file of keys.

    Args:
        words: the words after the command; those of the process where None.
    """
    parser = argparse.ArgumentParser(prog="python -m shipway.serving.key", description="Make a key for a server")
    parser.add_argument("name", help="whose it is")
    parser.add_argument("--service", action="append", default=[], help="a service it may ask; all where none is named")
    parser.add_argument("--operator", action="store_true", help="let it change routings and read the status")
    given = parser.parse_args(words)
    key, digest = make_key()
    services = given.service or [EVERY]
    sys.stderr.write(f"give this key to {given.name}; it is not shown again: {key}\n")
    lines = [f"[keys.{_quote(given.name)}]", f'sha256 = "{digest}"', f"services = [{', '.join(map(_quote, services))}]"]
    if given.operator:
        lines.append("operator = true")
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def _quote(text: str) -> str:
    return msgspec.json.encode(text).decode()


def _refuse(status: int, fact: str, hint: str, challenge: str) -> RefusedError:
    return RefusedError(status, ShipwayError("SW-802", fact, hint), [("www-authenticate", challenge)])


if __name__ == "__main__":
    sys.exit(main())
