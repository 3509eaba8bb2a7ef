"""The conformance suite of the port Online."""

import itertools
import random
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Final

from shipway.ports.online import Online, find_look

Make = Callable[[], Online]
"""Makes a fresh, empty store."""

Case = Callable[[Make], None]

EARLIEST: Final = -(1 << 63)
LATEST: Final = (1 << 63) - 1

_SERIES: Final = (
    b"\x00\x00",
    b"\x00\x01\x91\xa2AA",
    b"\x00\x01\x91\xa2AB",
    b"\x00\x01\x92\xa2AA\xa1B",
    b"\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00",
    b"\x00\x02\x00\x00\x00\x00\x00\x00\x00\x01",
    b"\x01\x7f\xff\xff\xff\xff\xff\xff\xff",
    b"\x01\x80",
    b"\xff\xff\xfe",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
)
"""Series none of which is a prefix of another, though they share all the beginnings they can."""


def check_new_store_is_empty(make: Make) -> None:
    """A store starts with no entry and no position."""
    with closing(make()) as store:
        assert store.position() is None
        assert store.newest([(b"a", LATEST), (b"b", EARLIEST)]) == [None, None]
        assert store.newest([]) == []
        assert store.between(b"a", EARLIEST, LATEST) == []
        assert store.trim(b"", LATEST) == 0
        store.sync()
        assert store.position() is None


def check_newest_is_at_or_before(make: Make) -> None:
    """An entry answers from its own instant on, up to the one before the next entry's."""
    with closing(make()) as store:
        store.write([(b"a", 20, b"second"), (b"a", 10, b"first"), (b"b", 15, b"other")], position=b"1")
        asks = [(b"a", instant) for instant in (9, 10, 11, 19, 20, 21, LATEST, EARLIEST)]
        first, second = (10, b"first"), (20, b"second")
        assert store.newest(asks) == [None, first, first, first, second, second, second, None]
        assert store.newest([(b"b", 14), (b"b", 15), (b"c", 15), (b"", 15)]) == [None, (15, b"other"), None, None]


def check_oldest_is_after(make: Make) -> None:
    """An entry is the oldest after every instant from the one before it on, up to just before its own."""
    with closing(make()) as store:
        assert store.oldest([]) == []
        assert store.oldest([(b"a", EARLIEST), (b"a", LATEST)]) == [None, None]
        store.write([(b"a", 20, b"second"), (b"a", 10, b"first"), (b"b", 15, b"other")], position=b"1")
        asks = [(b"a", instant) for instant in (9, 10, 11, 19, 20, 21, LATEST, EARLIEST)]
        first, second = (10, b"first"), (20, b"second")
        assert store.oldest(asks) == [first, second, second, second, None, None, None, first]
        assert store.oldest([(b"b", 14), (b"b", 15), (b"c", 14), (b"", 14)]) == [(15, b"other"), None, None, None]


def check_instants_are_any_int64(make: Make) -> None:
    """Instants keep their order from the least to the greatest 64-bit integer."""
    instants = (EARLIEST, EARLIEST + 1, -(1 << 32), -257, -256, -1, 0, 1, 255, 256, 1 << 53, LATEST - 1, LATEST)
    with closing(make()) as store:
        store.write([(b"a", instant, str(instant).encode()) for instant in instants], position=b"1")
        store.write([(b"b", EARLIEST, b"least"), (b"c", LATEST, b"greatest")], position=b"2")
        entries = [(instant, str(instant).encode()) for instant in instants]
        assert store.newest([(b"a", instant) for instant in instants]) == entries
        assert store.newest([(b"a", instant - 1) for instant in instants[1:]]) == [
            (max(other for other in instants if other < instant), str(previous).encode())
            for previous, instant in itertools.pairwise(instants)
        ]
        assert store.oldest([(b"a", instant) for instant in instants]) == [*entries[1:], None]
        assert store.oldest([(b"a", instant - 1) for instant in instants[1:]]) == entries[1:]
        assert store.between(b"a", EARLIEST, LATEST) == entries[1:]
        assert store.newest([(b"b", EARLIEST), (b"b", LATEST)]) == [(EARLIEST, b"least")] * 2
        assert store.newest([(b"c", LATEST - 1), (b"c", LATEST)]) == [None, (LATEST, b"greatest")]


def check_series_do_not_mix(make: Make) -> None:
    """A question about one series is never answered with another's entry, however alike their bytes are."""
    with closing(make()) as store:
        for number, series in enumerate(_SERIES):
            store.write([(series, number, series), (series, 100 + number, b"later")], position=b"%d" % number)
            for place, other in enumerate(_SERIES):
                before = [(other, place - 1), (other, EARLIEST)]
                assert store.newest(before) == [None, None]
                written = [(place, other), (100 + place, b"later")] if place <= number else []
                assert store.between(other, EARLIEST, LATEST) == written
                assert store.newest([(other, LATEST)]) == [written[-1] if written else None]
                assert store.newest([(other, 99)]) == [written[0] if written else None]
                assert store.oldest([(other, EARLIEST), (other, 99)]) == (written or [None, None])
                assert store.oldest([(other, 100 + place), (other, LATEST)]) == [None, None]


def check_write_replaces_the_same_place(make: Make) -> None:
    """What is written at a series' instant again takes the place of what stood there; within a write the last wins."""
    with closing(make()) as store:
        store.write([(b"a", 1, b"old"), (b"a", 2, b"two")], position=b"1")
        store.write([(b"a", 1, b"new, and longer"), (b"a", 3, b"lost"), (b"a", 3, b"won")], position=b"2")
        assert store.between(b"a", 0, 9) == [(1, b"new, and longer"), (2, b"two"), (3, b"won")]
        assert store.newest([(b"a", 1)]) == [(1, b"new, and longer")]


def check_write_is_all_or_nothing(make: Make) -> None:
    """A write that fails on the way leaves neither entries nor its position, and the next one goes on."""

    def fail() -> Generator[tuple[bytes, int, bytes]]:
        yield (b"a", 1, b"overwritten")
        yield (b"b", 1, b"new")
        raise ZeroDivisionError

    with closing(make()) as store:
        store.write([(b"a", 1, b"kept"), (b"c", 1, b"kept")], position=b"kept")
        failed = False
        try:
            store.write(fail(), position=b"lost", drops=[(b"c", 1)])
        except ZeroDivisionError:
            failed = True
        assert failed, "the writer's own error was swallowed"
        assert store.position() == b"kept"
        assert store.newest([(b"a", 9), (b"b", 9), (b"c", 9)]) == [(1, b"kept"), None, (1, b"kept")]
        store.write([(b"b", 2, b"next")], position=b"next")
        assert store.position() == b"next"
        assert store.newest([(b"b", 9)]) == [(2, b"next")]


def check_write_drops_what_is_named(make: Make) -> None:
    """What is dropped is gone, with its neighbours untouched; what the same write puts there stands."""
    with closing(make()) as store:
        store.write([(b"a", at, b"%d" % at) for at in (-1, 0, 1)] + [(b"b", 0, b"other")], position=b"1")
        store.write([(b"a", 1, b"new")], position=b"2", drops=[(b"a", 0), (b"a", 1), (b"a", 7), (b"c", 0)])
        assert store.between(b"a", EARLIEST, LATEST) == [(-1, b"-1"), (1, b"new")]
        assert store.newest([(b"a", 0), (b"b", 0), (b"c", 0)]) == [(-1, b"-1"), (0, b"other"), None]
        assert store.position() == b"2"
        store.write([], position=b"3", drops=[(b"a", -1), (b"a", 1)])
        assert store.newest([(b"a", LATEST)]) == [None]
        store.write([(b"a", 0, b"again")], position=b"4")
        assert store.between(b"a", EARLIEST, LATEST) == [(0, b"again")]


def check_position_is_of_the_last_write(make: Make) -> None:
    """The position is any bytes, comes with each write, also one without entries, and is no entry."""
    with closing(make()) as store:
        for position in (b"first", b"", bytes(range(256)) * 8, b"\x00"):
            store.write([], position=position)
            assert store.position() == position
            assert store.newest([(series, LATEST) for series in _SERIES]) == [None] * len(_SERIES)
        store.write([(b"\x00", 1, b"entry")], position=b"last")
        assert store.newest([(b"\x00", 1), (b"\x00", 0)]) == [(1, b"entry"), None]
        assert store.between(b"\x00", EARLIEST, LATEST) == [(1, b"entry")]
        assert store.trim(b"", LATEST) == 0
        assert store.position() == b"last"


def check_between_is_half_open(make: Make) -> None:
    """`between` leaves out the instant it starts from, holds the one it ends at, and is oldest first."""
    with closing(make()) as store:
        store.write([(b"a", instant, b"%d" % instant) for instant in (-5, 0, 5, 10)], position=b"1")
        store.write([(b"A", 3, b"x"), (b"b", 3, b"x")], position=b"2")
        for after, until in itertools.product(range(-7, 12), repeat=2):
            expected = [(instant, b"%d" % instant) for instant in (-5, 0, 5, 10) if after < instant <= until]
            assert store.between(b"a", after, until) == expected


def check_values_are_kept_as_they_are(make: Make) -> None:
    """Values of any bytes and of any length, none too, come back unchanged."""
    values = [b"", b"\x00", bytes(range(256)), b"x" * 2_000, random.Random(5).randbytes(70_000)]
    with closing(make()) as store:
        store.write([(b"a", number, value) for number, value in enumerate(values)], position=b"1")
        assert store.newest([(b"a", number) for number in range(len(values))]) == list(enumerate(values))
        assert store.between(b"a", -1, 99) == list(enumerate(values))


def check_answers_are_in_the_order_of_asks(make: Make) -> None:
    """Asks may repeat and stand in any order; each gets its own answer, in its own place."""
    instants = (10, 20, 30)
    with closing(make()) as store:
        store.write([(s, at, s + b"%d" % at) for s in (b"a", b"b") for at in instants], position=b"1")
        asks = [(series, at) for series in (b"a", b"b", b"c") for at in range(8, 33)] * 2
        for seed in range(20):
            random.Random(seed).shuffle(asks)
            for order in (asks, sorted(asks), sorted(asks, reverse=True)):
                expected = [max((at for at in instants if at <= ask), default=None) for _, ask in order]
                assert store.newest(order) == [
                    None if at is None or series == b"c" else (at, series + b"%d" % at)
                    for (series, _), at in zip(order, expected, strict=True)
                ]


def check_trim_keeps_every_later_answer(make: Make) -> None:
    """Trimming drops what is older, less the newest entry at or before the instant, and says how many those were."""
    instants = (-20, -10, 0, 10, 20)
    with closing(make()) as store:
        for before in range(-25, 30):
            # Puts back what the last round has dropped.
            store.write([(b"a", at, b"%d" % at) for at in instants], position=b"1")
            store.write([(b"b", 500, b"young"), (b"c", -500, b"old")], position=b"2")
            asks = [(s, at) for s in (b"a", b"b", b"c") for at in (*range(before, 30), 499, 500)]
            answers = store.newest(asks)
            old = max(sum(at <= before for at in instants) - 1, 0)
            assert store.trim(b"", before) == old
            assert store.trim(b"", before) == 0
            assert store.newest(asks) == answers
            assert [at for at, _ in store.between(b"a", EARLIEST, LATEST)] == list(instants[old:])
            assert store.position() == b"2"


def check_trim_of_whole_series_keeps_nothing_older(make: Make) -> None:
    """With `whole` a series goes altogether if all of it is older; what is at the instant itself stays."""
    instants = (-20, -10, 0, 10, 20)
    with closing(make()) as store:
        for before in range(-25, 30):
            store.write([(b"a", at, b"%d" % at) for at in instants], position=b"1")
            store.write([(b"b", 500, b"young"), (b"c", -500, b"old"), (b"d", -500, b"other")], position=b"2")
            kept = [at for at in instants if at >= before]
            assert store.trim(b"a", before, whole=True) == len(instants) - len(kept)
            assert store.trim(b"c", before, whole=True) == 1
            assert store.trim(b"b", before, whole=True) == 0
            assert [at for at, _ in store.between(b"a", EARLIEST, LATEST)] == kept
            assert store.newest([(b"b", 500), (b"c", LATEST), (b"d", 0)]) == [(500, b"young"), None, (-500, b"other")]
            assert store.position() == b"2"


def check_trim_is_of_a_prefix(make: Make) -> None:
    """Only the series that begin with the prefix lose entries; the end of a series' name is not the next one's."""
    prefixes = {series[:size] for series in _SERIES for size in range(len(series) + 1)}
    with closing(make()) as store:
        for prefix in sorted(prefixes | {_SERIES[0] + b"\x7f", b"\xff", b"\xff\xff\xff", b"\x80"}):
            store.write([(series, at, b"x") for series in _SERIES for at in (-3, -2, 5)], position=b"1")
            named = [series for series in _SERIES if series.startswith(prefix)]
            assert store.trim(prefix, 9) == 2 * len(named)
            for series in _SERIES:
                left = [5] if series in named else [-3, -2, 5]
                assert [at for at, _ in store.between(series, EARLIEST, LATEST)] == left


def check_agrees_with_a_dictionary(make: Make) -> None:
    """Random writes, overwrites and trims give the answers that a plain dictionary gives."""
    for seed in range(4):
        chance, model = random.Random(seed), dict[tuple[bytes, int], bytes]()
        with closing(make()) as store:
            for step in range(60):
                entries = [
                    (chance.choice(_SERIES), chance.randrange(-40, 40), chance.randbytes(chance.randrange(40)))
                    for _ in range(chance.randrange(12))
                ]
                drops = [(chance.choice(_SERIES), chance.randrange(-40, 40)) for _ in range(chance.randrange(30))]
                store.write(entries, position=b"%d" % step, drops=drops)
                for place in drops:
                    model.pop(place, None)
                model |= {(series, at): value for series, at, value in entries}
                if step % 5 == 4:
                    prefix, before = chance.choice(_SERIES)[: chance.randrange(4)], chance.randrange(-45, 45)
                    assert store.trim(prefix, before) == _trim(model, prefix, before)
                asks = [(chance.choice(_SERIES), chance.randrange(-45, 45)) for _ in range(40)]
                assert store.newest(asks) == [_newest(model, *ask) for ask in asks]
                assert store.oldest(asks) == [_oldest(model, *ask) for ask in asks]
                series, after, until = chance.choice(_SERIES), chance.randrange(-45, 45), chance.randrange(-45, 45)
                assert store.between(series, after, until) == sorted(
                    (at, value) for (other, at), value in model.items() if other == series and after < at <= until
                )
                assert store.position() == b"%d" % step


def check_look_is_newest(make: Make) -> None:
    """What a store answers to much at once is what `newest` answers one by one; a store without `look` has no other."""
    for seed in range(4):
        chance = random.Random(seed)
        with closing(make()) as store:
            look = find_look(store)
            assert look([(b"a", LATEST)], [((), (1,)), ((b"a",), ()), ((b"a",), (1,))]) == ([None], [[], [], [None]])
            for step in range(20):
                entries = [
                    (chance.choice(_SERIES), chance.choice([EARLIEST, *range(-9, 9), LATEST]), chance.randbytes(3))
                    for _ in range(chance.randrange(12))
                ]
                store.write(entries, position=b"%d" % step)
                instants = [EARLIEST, EARLIEST + 1, *range(-10, 10), LATEST - 1, LATEST]
                asks = [(chance.choice(_SERIES), chance.choice(instants)) for _ in range(chance.randrange(20))]
                edges = [
                    (chance.choices(_SERIES, k=chance.randrange(9)), chance.choices(instants, k=chance.randrange(5)))
                    for _ in range(chance.randrange(4))
                ]
                found = [store.newest([(name, at) for name in names for at in when]) for names, when in edges]
                values = [[None if each is None else each[1] for each in group] for group in found]
                assert look(asks, edges) == (store.newest(asks), values)


def check_threads_see_whole_writes(make: Make) -> None:
    """Threads that read while another writes find in all series of one call the same write."""
    asks, rounds = [(series, LATEST) for series in _SERIES], 150

    with closing(make()) as store, ThreadPoolExecutor(3) as pool:
        store.write([(series, 0, b"0") for series in _SERIES], position=b"0")

        def read(_: int) -> bool:
            seen = 0
            while seen < rounds:
                answers = set(store.newest(asks))
                (answer,) = answers
                assert answer is not None
                assert answer[0] >= seen, "an older state came back"
                seen = answer[0]
            return True

        readers = pool.map(read, range(2))
        for number in range(1, rounds + 1):
            store.write([(series, number, b"%d" % number) for series in _SERIES], position=b"%d" % number)
        assert all(readers)


def check_close_twice(make: Make) -> None:
    """Closing what is closed does no harm."""
    store = make()
    store.write([(b"a", 1, b"x")], position=b"1")
    store.close()
    store.close()


def _newest(model: dict[tuple[bytes, int], bytes], series: bytes, instant: int) -> tuple[int, bytes] | None:
    return max(((at, value) for (s, at), value in model.items() if s == series and at <= instant), default=None)


def _oldest(model: dict[tuple[bytes, int], bytes], series: bytes, instant: int) -> tuple[int, bytes] | None:
    return min(((at, value) for (s, at), value in model.items() if s == series and at > instant), default=None)


def _trim(model: dict[tuple[bytes, int], bytes], prefix: bytes, before: int) -> int:
    named = {series for series, _ in model if series.startswith(prefix)}
    kept = {series: _newest(model, series, before) for series in named}
    old = [(s, at) for s, at in model if (newest := kept.get(s)) is not None and at < newest[0]]
    for place in old:
        del model[place]
    return len(old)


CASES: Final[tuple[Case, ...]] = (
    check_new_store_is_empty,
    check_newest_is_at_or_before,
    check_oldest_is_after,
    check_instants_are_any_int64,
    check_series_do_not_mix,
    check_write_replaces_the_same_place,
    check_write_is_all_or_nothing,
    check_write_drops_what_is_named,
    check_position_is_of_the_last_write,
    check_between_is_half_open,
    check_values_are_kept_as_they_are,
    check_answers_are_in_the_order_of_asks,
    check_trim_keeps_every_later_answer,
    check_trim_of_whole_series_keeps_nothing_older,
    check_trim_is_of_a_prefix,
    check_agrees_with_a_dictionary,
    check_look_is_newest,
    check_threads_see_whole_writes,
    check_close_twice,
)
"""The cases every Online passes; one that processes share passes those of `shipway.testing.online_process` too."""
