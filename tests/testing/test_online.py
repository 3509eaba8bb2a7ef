import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.adapters.lmdb.store import LmdbOnline
from shipway.adapters.redis.store import RedisOnline
from shipway.adapters.sqlite.online import SqliteOnline
from shipway.testing.fake import MemoryOnline
from shipway.testing.online import (
    CASES,
    EARLIEST,
    LATEST,
    check_between_is_half_open,
    check_look_is_newest,
    check_newest_is_at_or_before,
    check_oldest_is_after,
    check_trim_keeps_every_later_answer,
    check_trim_of_whole_series_keeps_nothing_older,
    check_write_drops_what_is_named,
    check_write_is_all_or_nothing,
)

STORES = (LmdbOnline, SqliteOnline)


@pytest.mark.parametrize("case", CASES)
def test_memory_conforms(case):
    case(MemoryOnline)


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("case", CASES)
def test_file_stores_conform(case, store, tmp_path):
    numbers = itertools.count()
    case(lambda: store(tmp_path / str(next(numbers)) / "store"))


@pytest.mark.parametrize("case", CASES)
def test_redis_conforms(case, redis):
    case(lambda: RedisOnline(redis.address()))


SERIES = st.lists(st.sampled_from([b"\x00", b"\x01", b"\x7f", b"\x80", b"\xff"]), min_size=1, max_size=9).map(b"".join)
INSTANTS = st.one_of(st.integers(EARLIEST, LATEST), st.integers(-3, 3), st.sampled_from([EARLIEST, LATEST]))


def is_free(names):
    return not any(one != other and one.startswith(other) for one in names for other in names)


@st.composite
def histories(draw):
    """Draw series none of which is a prefix of another, writes with drops, trims between them, and questions."""
    names = sorted(draw(st.sets(SERIES, min_size=1, max_size=6).filter(is_free)))
    entry = st.tuples(st.sampled_from(names), INSTANTS, st.binary(max_size=4))
    write = st.tuples(st.lists(entry, max_size=8), st.lists(entry.map(lambda each: each[:2]), max_size=4))
    prefix = st.sampled_from(sorted({name[:size] for name in names for size in range(len(name) + 1)}))
    steps = draw(st.lists(st.one_of(write, st.tuples(prefix, INSTANTS, st.booleans())), min_size=1, max_size=8))
    asks = draw(st.lists(st.tuples(st.sampled_from(names), INSTANTS), max_size=20))
    return steps, asks


@pytest.fixture(scope="module", params=(*STORES, RedisOnline))
def shared(request, tmp_path_factory):
    """Return a store for many histories, and what numbers them: each has series of its own."""
    if request.param is RedisOnline:
        store = RedisOnline(request.getfixturevalue("redis").address())
    else:
        store = request.param(tmp_path_factory.mktemp("histories"))
    yield store, itertools.count()
    store.close()


@given(history=histories())
def test_any_history_gives_the_answers_of_the_dictionary(shared, history):
    real, numbers = shared
    fake, own = MemoryOnline(), next(numbers).to_bytes(4, "big")
    steps, asks = history
    asks = [(own + series, instant) for series, instant in asks]
    for number, step in enumerate(steps):
        if len(step) == 2:
            entries = [(own + series, instant, value) for series, instant, value in step[0]]
            drops = [(own + series, instant) for series, instant in step[1]]
            fake.write(entries, position=b"%d" % number, drops=drops)
            real.write(entries, position=b"%d" % number, drops=drops)
            assert real.position() == fake.position()
        else:
            prefix, before, whole = own + step[0], step[1], step[2]
            known = [] if whole else [ask for ask in asks if ask[1] >= before]
            answers = real.newest(known)
            assert fake.trim(prefix, before, whole=whole) == real.trim(prefix, before, whole=whole)
            assert real.newest(known) == answers, "an answer changed by trimming"
        assert real.newest(asks) == fake.newest(asks)
        assert real.oldest(asks) == fake.oldest(asks)
        for series, instant in asks:
            assert real.between(series, EARLIEST, instant) == fake.between(series, EARLIEST, instant)
            assert real.between(series, instant, LATEST) == fake.between(series, instant, LATEST)


class _Late(MemoryOnline):
    def newest(self, asks):
        return super().newest([(series, max(instant, EARLIEST + 1) - 1) for series, instant in asks])


class _Held(MemoryOnline):
    def oldest(self, asks):
        return super().oldest([(series, max(instant, EARLIEST + 1) - 1) for series, instant in asks])


class _Torn(MemoryOnline):
    def write(self, entries, *, position, drops=()):
        for entry in entries:
            super().write([entry], position=position)
        super().write([], position=position, drops=drops)


class _Thorough(MemoryOnline):
    def trim(self, prefix, before, *, whole=False):
        dropped = super().trim(prefix, before, whole=whole)
        for instants in self._instants.values():
            instants[:] = [instant for instant in instants if instant >= before]
        return dropped


class _Keeping(MemoryOnline):
    def trim(self, prefix, before, *, whole=False):
        return super().trim(prefix, before)


class _Piling(MemoryOnline):
    def write(self, entries, *, position, drops=()):
        super().write(entries, position=position)


class _Forward(MemoryOnline):
    def between(self, series, after, until):
        return super().between(series, after - 1 if after > EARLIEST else after, until)


class _Blind(MemoryOnline):
    def look(self, newest, edges):
        return self.newest(newest), [[None] * len(names) * len(instants) for names, instants in edges]


@pytest.mark.parametrize(
    ("broken", "case"),
    [
        (_Late, check_newest_is_at_or_before),
        (_Held, check_oldest_is_after),
        (_Torn, check_write_is_all_or_nothing),
        (_Thorough, check_trim_keeps_every_later_answer),
        (_Keeping, check_trim_of_whole_series_keeps_nothing_older),
        (_Piling, check_write_drops_what_is_named),
        (_Forward, check_between_is_half_open),
        (_Blind, check_look_is_newest),
    ],
)
def test_suite_catches_a_broken_store(broken, case):
    with pytest.raises(AssertionError):
        case(broken)
