"""How shipway talks to a Redis server: one connection that comes back, scripts by digest, faults made plain."""

import hashlib
import os
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeAlias, cast
from urllib.parse import unquote, urlsplit

from hiredis import pack_command  # pyright: ignore[reportUnknownVariableType]
from redis import exceptions
from redis.backoff import NoBackoff
from redis.connection import Connection
from redis.connection import parse_url as _parse_url  # pyright: ignore[reportUnknownVariableType]
from redis.retry import Retry

from shipway.core.error import ShipwayError

Word: TypeAlias = bytes | str | int
PASSWORD: Final = "REDIS_PASSWORD"
"""The environment variable that a password is read from."""

_PACK: Final = cast("Callable[[tuple[Word, ...]], bytes]", pack_command)
_CONNECT_S: Final = 5.0
_PAUSES_S: Final = (0.05, 0.2, 1.0)
"""What a writer waits before it tries again; a reader, for whom somebody waits, tries once more and at once."""
_AGAIN: Final = (exceptions.ConnectionError, exceptions.TimeoutError, exceptions.TryAgainError)
_FULL: Final = ("OOM", "MISCONF")
_REFUSED: Final = ("NOAUTH", "WRONGPASS", "NOPERM")
_ELSEWHERE: Final = ("MOVED", "ASK", "CLUSTERDOWN", "MASTERDOWN", "LOADING")


class Script:
    """A script in Lua that a server knows by its digest.

    Attributes:
        text: the script.
        digest: what the server calls it.
    """

    def __init__(self, text: str) -> None:
        """Work out the digest."""
        self.text = text
        self.digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


class Session:
    """A connection to a server, opened on first use and again after it broke; threads may share it.

    Whatever is asked through it must do no harm if it is done twice: an answer that got lost is asked for again.
    """

    def __init__(self, address: str, *, patient: bool) -> None:
        """Take note of a server's address; nothing is opened yet.

        Args:
            address: such as `redis://host:6379/0`, `rediss://host` for TLS or `unix:///path`; a password is taken from
                the environment alone.
            patient: whether a server that does not answer is asked for more than a second.

        Raises:
            ShipwayError: SW-608 if it is no address, or has a password in it.
        """
        self.name, options = _read_address(address)
        kind = options.pop("connection_class", Connection)
        # redis-py's own attempts would hide from us whether the connection is a new one.
        options |= {"retry": Retry(NoBackoff(), 0), "protocol": 2, "client_name": "shipway"}
        options |= {"socket_connect_timeout": _CONNECT_S, "socket_timeout": 60.0 if patient else 2.0}
        self._connection: Any = kind(**options)
        self._pauses = _PAUSES_S if patient else (0.0,)
        self._guard = threading.Lock()

    def ask(self, *words: Word) -> Any:
        """Send one command and return its answer; faults as `translate_redis_fault` says."""
        return self.ask_all([words])[0]

    def run(self, script: Script, keys: Sequence[bytes], values: Sequence[Word]) -> Any:
        """Run a script and return its answer, sending its text only to a server that does not know it."""
        try:
            try:
                return self._exchange([("EVALSHA", script.digest, len(keys), *keys, *values)])[0]
            except exceptions.NoScriptError:
                return self._exchange([("EVAL", script.text, len(keys), *keys, *values)])[0]
        except exceptions.RedisError as fault:
            with translate_redis_fault(self.name):
                raise fault

    def ask_all(self, commands: Sequence[Sequence[Word]]) -> list[Any]:
        """Send commands together and return their answers; the first that is a fault is raised once all are read."""
        with translate_redis_fault(self.name):
            return self._exchange(commands)

    def close(self) -> None:
        """Close the connection; it is opened again if something is asked."""
        with self._guard:
            self._connection.disconnect()

    def _exchange(self, commands: Sequence[Sequence[Word]]) -> list[Any]:
        with self._guard:
            for pause_s in (*self._pauses, None):
                try:
                    return self._try(commands)
                except exceptions.AuthenticationError:
                    raise
                except _AGAIN:
                    if pause_s is None:
                        raise
                    time.sleep(pause_s)
        raise AssertionError("the last attempt returns or raises")

    def _try(self, commands: Sequence[Sequence[Word]]) -> list[Any]:
        connection = self._connection
        try:
            connection.connect()
            connection.send_packed_command([b"".join(map(_PACK, map(tuple, commands)))], check_health=False)
            # The parser itself: what redis-py does around it takes longer than the server does.
            read = connection._parser.read_response
            answers = [read() for _ in commands]
        except OSError as fault:
            connection.disconnect()
            raise exceptions.ConnectionError(str(fault)) from fault
        except BaseException:
            # What was not read would be taken for the answer to the next question.
            connection.disconnect()
            raise
        for answer in answers:
            if isinstance(answer, exceptions.ResponseError):
                raise answer
        if commands[-1][0] == "EXEC" and (fault := _find_fault(answers[-1])) is not None:
            raise fault
        return answers


@contextmanager
def translate_redis_fault(name: str) -> Generator[None]:
    """Turn what a Redis server, or the way to it, says into the error a user can act on.

    Args:
        name: the server, for the message; no password is in it.

    Raises:
        ShipwayError: SW-601 if its memory or disk is full, SW-602 if it takes no writes, SW-605 if something else is
            under our keys, SW-607 if it cannot be reached, SW-608 if it lets this user not in.
    """
    try:
        yield
    except exceptions.RedisError as fault:
        said = " ".join(str(fault).split())
        code = said.partition(" ")[0]
        if isinstance(fault, exceptions.OutOfMemoryError) or code in _FULL:
            hint = "give the server more memory or disk, or trim and narrow what is kept; nothing of it was written"
            raise ShipwayError("SW-601", f"there is no room in {name} ({said})", hint) from fault
        if isinstance(fault, exceptions.ReadOnlyError):
            hint = "name the primary server: a replica is read only, and late"
            raise ShipwayError("SW-602", f"{name} takes no writes ({said})", hint) from fault
        if isinstance(fault, exceptions.AuthenticationError | exceptions.NoPermissionError) or code in _REFUSED:
            hint = f"name the user in the address and put the password into {PASSWORD}"
            raise ShipwayError("SW-608", f"{name} lets this user not in ({said})", hint) from fault
        if isinstance(fault, _AGAIN) or code in _ELSEWHERE:
            hint = "check that the server runs, is a single primary and can be reached from here, then run it again"
            raise ShipwayError("SW-607", f"{name} cannot be reached ({said})", hint) from fault
        if code == "WRONGTYPE":
            hint = "keep the online store in a database of its own, or remove the keys that begin with shipway:"
            raise ShipwayError("SW-605", f"other things stand where {name} keeps the online store", hint) from fault
        raise


def _find_fault(answer: Any) -> exceptions.ResponseError | None:
    """Return the first fault among the answers of a transaction."""
    answers = cast("list[Any]", answer) if isinstance(answer, list) else []
    return next((each for each in answers if isinstance(each, exceptions.ResponseError)), None)


def _read_address(address: str) -> tuple[str, dict[str, Any]]:
    """Return a server's name for messages and the options of a connection."""
    hint = "write such as redis://host:6379/0"
    try:
        parts = urlsplit(address)
        options: dict[str, Any] = {**cast("dict[str, Any]", _parse_url(address))}
    except ValueError as error:
        raise ShipwayError("SW-608", "the address of the online store cannot be read", hint) from error
    if parts.password is not None or "password" in options:
        raise ShipwayError("SW-608", "the address of the online store holds a password", f"put it into {PASSWORD}")
    if password := os.environ.get(PASSWORD):
        options["password"] = password
    where = f"{parts.hostname or 'localhost'}:{parts.port or 6379}" if parts.scheme != "unix" else unquote(parts.path)
    return f"{parts.scheme}://{where}/{options.get('db', 0)}", options
