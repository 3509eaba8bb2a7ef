"""A series says what its rows add up to, however they came, went and came again."""

from operator import add

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.core.entry import encode_series, unpack_entry
from shipway.core.error import ShipwayError
from shipway.core.level import BASES, count_spans, is_cut, name_level
from shipway.core.online import Series
from shipway.data.run import Contributions
from shipway.data.series import SeriesWriter, list_drops, list_puts
from shipway.maths.expression import Column
from shipway.serving.block import Block
from shipway.serving.cell import Extremum
from shipway.serving.extremum import find_extrema
from shipway.testing.fake.online import MemoryOnline

EARLIEST, LATEST = -(1 << 63), (1 << 63) - 1
VALUE = Column("s.done", "x")
FULL = Series(stream="s.done", keys=("k",), sums=(VALUE,), scaled=(False,), newest=(VALUE,), extrema=(VALUE,))
PLAIN = Series(stream="s.done", keys=("k",), sums=(VALUE,), scaled=(False,))
NAMES = [encode_series(0, (key,)) for key in "ab"]


def find_instants(count, wanted):
    """Return instants of which each fits a wish, in order."""
    found, at = [], 1_000
    for number in range(count):
        at = next(each for each in range(at + 1, at + 100_000) if wanted[number % len(wanted)](each))
        found.append(at)
    return found


INSTANTS = find_instants(
    24,
    [
        lambda at: not is_cut(at) and not count_spans(at),
        is_cut,
        lambda at: count_spans(at) == 1,
        lambda at: not count_spans(at),
        lambda at: count_spans(at) == 2,
    ],
)
"""Many of them are cuts of one level or another, so that a few rows are enough to have blocks and spans."""


@pytest.fixture(scope="module", autouse=True)
def arrays():
    """Have arrays used for however few rows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("shipway.data.series._FEW", 0)
        yield


row_of = st.tuples(st.sampled_from([0, 0, 0, 1]), st.sampled_from(INSTANTS), st.none() | st.integers(-9, 9))
batches_of = st.lists(st.dictionaries(st.integers(0, 30), st.none() | row_of, max_size=20), max_size=6)


def posting(tie, row, sign):
    code, instant, value = row
    delta = [sign, sign * (value is not None), sign * (value or 0)]
    return code, instant, delta, [value, value, tie]


def write(online, writer, rows, *, many):
    changed = {}
    plain = not writer._series.varied
    if many:
        columns = list(zip(*rows, strict=True)) or [[], [], np.zeros((0, 3)), []]
        writer.post_many(
            Contributions(
                names=NAMES,
                codes=np.array(columns[0], dtype=np.int64),
                instants=np.array(columns[1], dtype=np.int64),
                deltas=np.array(columns[2], dtype=np.int64).reshape(-1, 3),
                rows=None if plain else list(columns[3]),
            ),
            changed,
        )
    else:
        writer.post([(NAMES[code], at, delta, None if plain else row) for code, at, delta, row in rows], changed)
    online.write(list_puts(changed), position=b"", drops=list_drops(changed))


def read(online, series, name):
    found = {}
    for instant, entry in online.between(name, EARLIEST, LATEST):
        totals, varied = unpack_entry(series.packing, entry)
        base = online.newest([(name_level(name, BASES), instant)])[0]
        totals = totals if base is None else tuple(map(add, totals, series.packing.unpack(base[1])))
        found[instant] = totals, varied
    return found


def expect(series, rows):
    found, totals = {}, (0, 0, 0)
    for instant in sorted({row[1] for row in rows.values()}):
        own = sorted((tie, row[2]) for tie, row in rows.items() if row[1] == instant)
        values = [value for _, value in own if value is not None]
        totals = tuple(map(add, totals, (len(own), len(values), sum(values))))
        varied = [own[-1][1], min(values, default=None), max(values, default=None), own[-1][0]]
        found[instant] = totals, varied if series.varied else []
    return found


def make_block(series, *widths):
    extrema = tuple(Extremum(place, width, choose) for width in widths for place, choose in enumerate((min, max)))
    fields = dict.fromkeys(Block.__dataclass_fields__)
    return Block(**fields | {"packing": series.packing, "extrema": extrema, "compared": slice(len(series.newest), -1)})


@pytest.mark.parametrize("series", [FULL, PLAIN])
@given(batches=batches_of, ways=st.lists(st.tuples(st.booleans(), st.booleans()), min_size=6, max_size=6))
def test_any_changes_in_any_batches_come_to_what_the_last_rows_are(series, batches, ways):
    online, there = MemoryOnline(), {}
    writer = SeriesWriter(series, online)
    for batch, (many, restart) in zip(batches, ways, strict=False):
        writer = SeriesWriter(series, online) if restart else writer
        rows = []
        for tie, row in batch.items():
            if tie in there and there[tie] != row:
                rows.append(posting(tie, there[tie], -1))
            if row is not None and there.get(tie) != row:
                rows.append(posting(tie, row, 1))
        there = {tie: row for tie, row in (there | batch).items() if row is not None}
        write(online, writer, rows, many=many)
        for code, name in enumerate(NAMES):
            own = {tie: row for tie, row in there.items() if row[0] == code}
            assert read(online, series, name) == expect(series, own)
            if series.extrema:
                check_extrema(online, series, name, own)
    afresh = MemoryOnline()
    write(afresh, SeriesWriter(series, afresh), [posting(*item, 1) for item in there.items()], many=False)
    assert online._values == afresh._values, "the same rows are the same store"


def check_extrema(online, series, name, rows):
    widths = [1, *(INSTANTS[at] - INSTANTS[at - 5] for at in (5, 11, 17)), INSTANTS[-1] - INSTANTS[0], 10**9]
    for at in (INSTANTS[3], INSTANTS[12], INSTANTS[22], INSTANTS[-1] + 7):
        expected = []
        for width in widths:
            inside = [value for _, when, value in rows.values() if at - width < when <= at and value is not None]
            expected += [min(inside, default=None), max(inside, default=None)]
        assert find_extrema(online, make_block(series, *widths), name, at) == expected


class Counting(MemoryOnline):
    """A store that counts what is read of it and written to it."""

    read, written = 0, 0

    def newest(self, asks):
        self.read += len(asks)
        return super().newest(asks)

    def between(self, series, after, until):
        found = super().between(series, after, until)
        self.read += 1 + len(found)
        return found

    def write(self, entries, *, position, drops=()):
        entries = list(entries)
        self.written += len(entries)
        super().write(entries, position=position, drops=drops)


@pytest.mark.parametrize("series", [FULL, PLAIN])
def test_late_rows_and_wide_windows_cost_little_however_many_entries_there_are(series):
    online = Counting()
    step, count = 60_000_000, 20_000
    rows = [posting(number, (0, number * step, number % 97), 1) for number in range(count)]
    write(online, SeriesWriter(series, online), rows, many=True)
    online.read = online.written = 0
    # Two thousand entries are later.
    late = posting(count, (0, (count - 2_000) * step + 1, 5), 1)
    write(online, SeriesWriter(series, online), [late], many=False)
    assert online.written < 450
    assert online.read < 900
    online.read = 0
    if series.extrema:
        assert find_extrema(online, make_block(series, 15_000 * step), NAMES[0], count * step) == [0, 96]
        assert online.read < 250


def test_sums_beyond_64_bits_are_refused_and_nothing_wraps():
    for many in (False, True):
        online = MemoryOnline()
        writer = SeriesWriter(PLAIN, online)
        row = 0, INSTANTS[0], 2**62
        write(online, writer, [posting(1, row, 1)], many=many)
        with pytest.raises(ShipwayError, match="SW-303"):
            write(online, writer, [posting(2, (0, INSTANTS[0], 2**62), 1)], many=many)
        writer.forget()
        write(online, writer, [posting(2, (0, INSTANTS[0], -(2**62)), 1)], many=many)
        assert read(online, PLAIN, NAMES[0]) == {INSTANTS[0]: ((2, 2, 0), [])}
