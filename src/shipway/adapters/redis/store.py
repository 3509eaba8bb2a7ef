"""The online store in Redis: one sorted set a series, asked for by one script a call.

All members of a set have the score 0, so that Redis keeps them in the order of their bytes: eight that sort as the
instant does, then the value. (A score is a double, and would round an instant.) The newest entry at or before an
instant is the last member below the eight bytes of the next.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from operator import itemgetter
from typing import Any, Final

from redis import exceptions

from shipway.adapters.redis.session import Script, Session, Word, translate_redis_fault
from shipway.core.error import ShipwayError
from shipway.ports.online import Edges

_EARLIEST: Final = -(1 << 63)
_LATEST: Final = (1 << 63) - 1
_INSTANT: Final = struct.Struct(">Q")
_SHIFT: Final = 1 << 63
_CHUNK: Final = 20_000
"""Entries that one script puts; more of them are several scripts of one transaction."""
_KEPT: Final = ("noeviction", "volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl")
"""What a server that is out of memory may do without dropping keys that never expire."""
_FENCED: Final = "SHIPWAY-FENCED"
_LOST: Final = "SHIPWAY-LOST"

_NEWEST: Final = Script("""
local found = {}
for i = 1, #KEYS do
    found[i] = redis.call('ZRANGE', KEYS[i], ARGV[i], '-', 'BYLEX', 'REV', 'LIMIT', 0, 1)[1] or false
end
return found
""")
# For each group: how many series it has, how many bounds, and the bounds.
_LOOK: Final = Script("""
local call, found, n, key, at = redis.call, {}, 0, 1, 1
while ARGV[at] do
    local series, bounds = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
    for i = key, key + series - 1 do
        for j = at + 2, at + 1 + bounds do
            n = n + 1
            found[n] = call('ZRANGE', KEYS[i], ARGV[j], '-', 'BYLEX', 'REV', 'LIMIT', 0, 1)[1] or false
        end
    end
    key, at = key + series, at + 2 + bounds
end
return found
""")
_OLDEST: Final = Script("""
local found = {}
for i = 1, #KEYS do
    found[i] = redis.call('ZRANGE', KEYS[i], ARGV[i], '+', 'BYLEX', 'LIMIT', 0, 1)[1] or false
end
return found
""")
_CLAIM: Final = Script("""
redis.call('HSETNX', KEYS[1], 'writes', 0)
return {redis.call('HINCRBY', KEYS[1], 'writer', 1), tonumber(redis.call('HGET', KEYS[1], 'writes'))}
""")
# Who writes must be the one who claimed the store last, and find it as it left it: a server that was started again
# from an older file has lost writes, and adding to what is left would be wrong. One write further is this very write,
# whose answer got lost on the way.
_FENCE: Final = f"""
local head = redis.call('HMGET', KEYS[1], 'writer', 'writes')
if not head[1] then return redis.error_reply('{_LOST}') end
if head[1] ~= ARGV[1] then return redis.error_reply('{_FENCED}') end
if head[2] ~= ARGV[2] then
    if tonumber(head[2]) == tonumber(ARGV[2]) + 1 then return 0 end
    return redis.error_reply('{_LOST}')
end
"""
# A server without memory refuses the first command of a script that may need some, and none after one that changed
# something; so the first changes nothing.
_WRITE: Final = Script(f"""{_FENCE}
redis.call('HSET', KEYS[1], 'writer', ARGV[1])
local drops = tonumber(ARGV[5])
for i = 3, #KEYS do
    local key, member = KEYS[i], ARGV[i + 3]
    local instant = string.sub(member, 1, 8)
    local there = redis.call('ZRANGE', key, '[' .. instant, '+', 'BYLEX', 'LIMIT', 0, 1)[1]
    if there and string.sub(there, 1, 8) == instant then redis.call('ZREM', key, there) end
    if i - 2 > drops then
        redis.call('ZADD', key, 0, member)
        if redis.call('ZCARD', key) == 1 then redis.call('ZADD', KEYS[2], 0, key) end
    elseif redis.call('EXISTS', key) == 0 then
        redis.call('ZREM', KEYS[2], key)
    end
end
if ARGV[3] == '1' then redis.call('HSET', KEYS[1], 'position', ARGV[4], 'writes', tonumber(ARGV[2]) + 1) end
return 1
""")
_TRIM: Final = Script(f"""{_FENCE}
local dropped = 0
for i = 3, #KEYS do
    local last = '(' .. ARGV[4]
    if ARGV[5] == '0' then
        local kept = redis.call('ZRANGE', KEYS[i], ARGV[3], '-', 'BYLEX', 'REV', 'LIMIT', 0, 1)[1]
        last = kept and '(' .. string.sub(kept, 1, 8)
    end
    if last then
        local went = redis.call('ZREMRANGEBYLEX', KEYS[i], '-', last)
        if went > 0 and redis.call('EXISTS', KEYS[i]) == 0 then redis.call('ZREM', KEYS[2], KEYS[i]) end
        dropped = dropped + went
    end
end
return dropped
""")


class RedisOnline:
    """The online store of a name on a Redis server, 6.2 or newer; it answers the port `Online`.

    Who opens the store for writing takes it over: whoever wrote before is refused from then on. The threads of a
    process may share a store.

    What Redis does not promise: a write is acknowledged before it is on a disk, and with the server's usual settings
    never more than a second later or at the next snapshot. A server that comes back from an older state is noticed by
    the writer, which goes on from there; readers see the older state until then. Replicas are late, so name the
    primary.
    """

    def __init__(self, address: str, *, name: str = "", readonly: bool = False) -> None:
        """Open the store; there is nothing to be made.

        Args:
            address: of the server, such as `redis://host:6379/0`.
            name: of the store; a server may hold several.
            readonly: whether writing is refused.

        Raises:
            ShipwayError: SW-602 if the server may drop keys to make room, SW-607 if it cannot be reached, SW-608 if it
                lets this user not in.
        """
        self._prefix = _prefix_of(name)
        self._head, self._index = self._prefix + b"head", self._prefix + b"index"
        self._series = self._prefix + b"s:"
        self._readonly = readonly
        self._session = Session(address, patient=not readonly)
        self._writer = self._writes = 0
        if not readonly:
            self._expect_lasting()
            self._writer, self._writes = self._session.run(_CLAIM, [self._head], [])

    def newest(self, asks: Sequence[tuple[bytes, int]]) -> list[tuple[int, bytes] | None]:
        """Return for each (series, instant) the newest entry at or before it, as (instant, value); None without one.

        Raises:
            ShipwayError: SW-607 if the server cannot be reached, SW-608 if it lets this user not in.
        """
        return self._find(_NEWEST, asks, [_below(instant) for _, instant in asks])

    def look(
        self, newest: Sequence[tuple[bytes, int]], edges: Sequence[Edges]
    ) -> tuple[list[tuple[int, bytes] | None], list[list[bytes | None]]]:
        """Return what `newest` does, and the values of edges (`shipway.ports.online.Look`), all from one state.

        Raises:
            ShipwayError: as `newest`.
        """
        prefix, number = self._series, int.from_bytes
        groups = [*((names, (at,)) for at, names in _group_asks(newest)), *edges]
        keys = [prefix + name for names, _ in groups for name in names]
        words: list[Word] = []
        for names, instants in groups:
            words += [len(names), len(instants), *map(_below, instants)]
        found: list[bytes | None] = self._session.run(_LOOK, keys, words) if keys else []
        members = iter(found)
        dated = [
            None if each is None else (number(each[:8], "big") - _SHIFT, each[8:])
            for each in islice(members, len(newest))
        ]
        values: list[list[bytes | None]] = [
            [None if each is None else each[8:] for each in islice(members, len(names) * len(instants))]
            for names, instants in edges
        ]
        return dated, values

    def oldest(self, asks: Sequence[tuple[bytes, int]]) -> list[tuple[int, bytes] | None]:
        """Return for each (series, instant) the oldest entry after it, as (instant, value); None without one.

        Raises:
            ShipwayError: as `newest`.
        """
        return self._find(_OLDEST, asks, [_above(instant) for _, instant in asks])

    def between(self, series: bytes, after: int, until: int) -> list[tuple[int, bytes]]:
        """Return a series' entries with after < instant <= until, oldest first.

        Raises:
            ShipwayError: as `newest`.
        """
        if after >= until:
            return []
        found: list[bytes] = self._session.ask("ZRANGE", self._series + series, _above(after), _below(until), "BYLEX")
        return [_split(each) for each in found]

    def write(
        self,
        entries: Iterable[tuple[bytes, int, bytes]],
        *,
        position: bytes,
        drops: Iterable[tuple[bytes, int]] = (),
    ) -> None:
        """Drop (series, instant) entries, then put (series, instant, value) ones, and the writer's position.

        What is put takes the place of what stands there; to drop what is not there does no harm.

        Raises:
            ShipwayError: SW-601 if the server has no memory or disk left, SW-602 if this store was opened for reading
                or the server takes no writes, SW-603 if another has opened the store for writing since, SW-605 if the
                server has lost what was written, SW-607 and SW-608 as `newest`. Nothing is written then, but where the
                server cannot be reached: there, the next write or opening tells.
        """
        self._expect_writable()
        pack, prefix = _INSTANT.pack, self._series
        steps = [(prefix + series, pack(instant + _SHIFT), 1) for series, instant in drops]
        steps += [(prefix + series, pack(instant + _SHIFT) + value, 0) for series, instant, value in entries]
        chunks = [steps[start : start + _CHUNK] for start in range(0, len(steps), _CHUNK)] or [[]]
        commands: list[Sequence[Word]] = []
        for place, chunk in enumerate(chunks):
            last = b"1" if place == len(chunks) - 1 else b"0"
            keys = [self._head, self._index, *(key for key, _, _ in chunk)]
            values = [self._writer, self._writes, last, position, sum(drop for _, _, drop in chunk)]
            # By its text: a server that has forgotten the script in the middle of a transaction would tear it.
            commands.append(("EVAL", _WRITE.text, len(keys), *keys, *values, *(member for _, member, _ in chunk)))
        if len(commands) > 1:
            commands = [("MULTI",), *commands, ("EXEC",)]
        self._send(commands)
        self._writes += 1

    def position(self) -> bytes | None:
        """Return the position of the last write; None for a store nothing was written to.

        Raises:
            ShipwayError: as `newest`.
        """
        return self._session.ask("HGET", self._head, "position")

    def trim(self, prefix: bytes, before: int, *, whole: bool = False) -> int:
        """Drop the entries older than an instant of every series that begins with a prefix, and return how many.

        The newest entry at or before that instant stays, so that every later question has the answer it had; with
        `whole` it goes too if it is older. Series are trimmed some at a time, so that readers are not kept waiting.

        Raises:
            ShipwayError: as `write`; where the server cannot be reached, some may have been dropped.
        """
        self._expect_writable()
        first, dropped = self._series + prefix, 0
        low, end = b"[" + first, _end_of(first)
        fence = [self._writer, self._writes]
        bounds = [_below(before), _INSTANT.pack(before + _SHIFT), int(whole)]
        while keys := self._session.ask(
            "ZRANGE", self._index, low, b"(" + end if end else b"+", "BYLEX", "LIMIT", 0, _CHUNK
        ):
            low = b"(" + keys[-1]
            (went,) = self._send([("EVAL", _TRIM.text, len(keys) + 2, self._head, self._index, *keys, *fence, *bounds)])
            dropped += went
        return dropped

    def sync(self) -> None:
        """Wait until the server has what was written on its disk, where it is one that can tell: Redis 7.2 with AOF.

        Any other has it there when its settings say so.

        Raises:
            ShipwayError: as `newest`.
        """
        if self._readonly:
            return
        try:
            with translate_redis_fault(self._session.name):
                self._session.ask("WAITAOF", 1, 0, 0)
        except exceptions.ResponseError:
            return

    def close(self) -> None:
        """Close the connection; closing twice does no harm."""
        self._session.close()

    @staticmethod
    def names(address: str) -> list[str]:
        """Return the names of the stores that a server holds; errors as `newest`."""
        session, cursor, found = Session(address, patient=True), b"0", set[str]()
        try:
            while True:
                cursor, keys = session.ask("SCAN", cursor, "MATCH", _prefix_of("*") + b"head", "COUNT", 1_000)
                found.update(key.decode()[len("shipway:{") : -len("}:head")] for key in keys)
                if cursor == b"0":
                    return sorted(found)
        finally:
            session.close()

    @staticmethod
    def remove(address: str, name: str) -> None:
        """Remove a store from a server, there or not; errors as `newest`."""
        session, prefix = Session(address, patient=True), _prefix_of(name)
        try:
            # Its head goes first: what is left of a removal that was cut short is no store that somebody reads.
            session.ask("UNLINK", prefix + b"head")
            while keys := session.ask("ZRANGE", prefix + b"index", 0, _CHUNK - 1):
                session.ask_all([("UNLINK", *keys), ("ZREM", prefix + b"index", *keys)])
        finally:
            session.close()

    def _find(
        self, script: Script, asks: Sequence[tuple[bytes, int]], bounds: Sequence[bytes]
    ) -> list[tuple[int, bytes] | None]:
        if not asks:
            return []
        prefix, number = self._series, int.from_bytes
        found = self._session.run(script, [prefix + series for series, _ in asks], bounds)
        return [None if each is None else (number(each[:8], "big") - _SHIFT, each[8:]) for each in found]

    def _send(self, commands: Sequence[Sequence[Word]]) -> list[Any]:
        try:
            return self._session.ask_all(commands)
        except exceptions.ResponseError as fault:
            name = self._session.name
            if _FENCED in str(fault):
                hint = "let one process write, or give each a store of its own"
                raise ShipwayError("SW-603", f"another process writes the online store in {name}", hint) from fault
            if _LOST in str(fault):
                hint = "run the same command again: what is missing comes from the lake"
                fact = f"the online store in {name} is older than what was written to it"
                raise ShipwayError("SW-605", fact, hint) from fault
            raise

    def _expect_writable(self) -> None:
        if self._readonly:
            hint = "write through the one process that opened it for writing"
            raise ShipwayError("SW-602", f"the online store in {self._session.name} was opened for reading", hint)

    def _expect_lasting(self) -> None:
        said = self._session.ask("INFO", "memory").decode()
        policy = next((line.partition(":")[2] for line in said.splitlines() if line.startswith("maxmemory_policy")), "")
        if policy not in (*_KEPT, ""):
            fact = f"{self._session.name} drops keys when it is out of memory (maxmemory-policy {policy})"
            raise ShipwayError("SW-602", fact, "set maxmemory-policy to noeviction: a dropped key is a wrong answer")


def _prefix_of(name: str) -> bytes:
    """Return what all keys of a store begin with; in braces, so that a cluster keeps them together."""
    return f"shipway:{{{name}}}:".encode()


def _group_asks(asks: Sequence[tuple[bytes, int]]) -> Iterator[tuple[int, list[bytes]]]:
    """Yield series that are asked about one after the other at one instant together."""
    for instant, some in groupby(asks, itemgetter(1)):
        yield instant, [series for series, _ in some]


def _below(instant: int) -> bytes:
    """Return the bound below which all members up to and with an instant are."""
    return b"+" if instant == _LATEST else b"(" + _INSTANT.pack(instant + 1 + _SHIFT)


def _above(instant: int) -> bytes:
    """Return the bound from which on all members after an instant are; there are none after the last."""
    return b"+" if instant == _LATEST else b"[" + _INSTANT.pack(instant + 1 + _SHIFT)


def _split(member: bytes) -> tuple[int, bytes]:
    return int.from_bytes(member[:8], "big") - _SHIFT, member[8:]


def _end_of(prefix: bytes) -> bytes | None:
    """Return the least bytes after all that begin with a prefix; None if there are none."""
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes([stem[-1] + 1]) if stem else None
