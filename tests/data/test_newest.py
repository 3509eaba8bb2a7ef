"""What stored series hold, made of whole tables at once or changed with them, answers as rows applied one by one do."""

import random

import polars as pl
import pytest

from shipway.core import window as w
from shipway.core.entry import encode_series
from shipway.core.feature import Entity, FeatureView, Source
from shipway.core.online import make_layout
from shipway.data.newest import fill_newest, find_stored
from shipway.data.pack import PackedOnline
from shipway.data.plan import plan_views
from shipway.data.renewal import renew_newest
from shipway.data.upkeep import Upkeep
from shipway.testing.fake import MemoryOnline
from shipway.testing.online import LATEST

ASKED = Source("asked", ("id",), ("asked",), {"at": ("k", "n")})
KNOWN_AT = {"t": ("k", "n", "a", "b", "e"), "u": ("c",), "always": ("k", "n", "fixed")}
FACTS = Source("facts", ("id",), ("facts",), KNOWN_AT, embeddings={"e": 2})
OTHERS = Source("others", ("x", "y"), ("others",), {"t": ("k", "d")})
SOURCES = {source.name: source for source in (ASKED, FACTS, OTHERS)}
INSTANT = pl.Datetime("us", "UTC")
TYPES = {
    "facts": {
        "id": pl.Int64,
        "t": INSTANT,
        "u": INSTANT,
        "k": pl.String,
        "n": pl.Float64,
        "a": pl.Float64,
        "b": pl.String,
        "e": pl.Array(pl.Float32, 2),
        "c": pl.Boolean,
        "fixed": pl.Int64,
    },
    "others": {"x": pl.String, "y": pl.Int64, "t": INSTANT, "k": pl.String, "d": INSTANT},
}
KINDS = {
    "asked": {"id": "int", "at": "instant", "k": "text", "n": "float"},
    "facts": {
        "id": "int",
        "t": "instant",
        "u": "instant",
        "k": "text",
        "n": "float",
        "a": "float",
        "b": "text",
        "e": "embedding[2]",
        "c": "bool",
        "fixed": "int",
    },
    "others": {"x": "text", "y": "int", "t": "instant", "k": "text", "d": "instant"},
}


def make_views():
    t, u, fixed, other = FACTS.event("t"), FACTS.event("u"), FACTS.event("always"), OTHERS.event("t")
    of_k = {"a": w.newest(t.a, within="30d"), "b": w.newest(t.b), "c": w.newest(u.c), "d": w.newest(other.d)}
    of_k |= {"age": w.age(t), "sum": w.total(t.a, last="1d"), "fixed": w.newest(fixed.fixed)}
    return (
        FeatureView("k", Entity("k", ("k",)), of_k),
        FeatureView("kn", Entity("kn", ("k", "n")), {"b": w.newest(t.b), "age": w.age(u)}),
        FeatureView("n", Entity("n", ("n",)), {"a": w.newest(t.a), "e": w.newest(t.e)}),
        FeatureView("all", Entity("all", ()), {"b": w.newest(t.b)}),
    )


@pytest.fixture(scope="module")
def world():
    views = make_views()
    return make_layout("asked", ("id",), views, KINDS), plan_views(ASKED, ASKED.at, views, SOURCES)


def draw_row(chance, table, number):
    text = ["", "größer", "x" * 220]
    if table == "others":
        return {"x": chance.choice("pq"), "y": number, "t": chance.choice((None, *range(9))), "k": chance.choice("AB"),
                "d": chance.choice((None, number))}  # fmt: skip
    return {
        "id": number,
        "t": chance.choice((None, *range(9))),
        "u": chance.choice((None, *range(9))),
        "k": chance.choice((None, "A", "B", text[2])),
        "n": chance.choice((None, float("nan"), -0.0, 0.0, 1.5)),
        "a": chance.choice((None, 0.5, float(number))),
        "b": chance.choice((None, *text)),
        "e": chance.choice((None, [-0.0, number / 7], [0.5, 1e30])),
        "c": chance.choice((None, True, False)),
        "fixed": number,
    }


def make_table(rows, table):
    instants = {name for name, kind in TYPES[table].items() if kind == INSTANT}
    rows = [{name: row[name] for name in TYPES[table]} for row in rows]
    return pl.DataFrame(rows, schema={n: pl.Int64 if n in instants else kind for n, kind in TYPES[table].items()}).cast(
        dict.fromkeys(instants, INSTANT)
    )


def read_all(layout, online, since):
    """Return what a store says of every stored series at every instant from one on, but for numbers of rows."""
    keys = {("k",): [("A",), ("B",), ("x" * 220,), ("none",)], ("n",): [(0.0,), (1.5,), (7.0,)], (): [()]}
    keys["k", "n"] = [(k, n) for (k,) in keys["k",] for (n,) in keys["n",]]
    packed, found = PackedOnline(layout, online), {}
    for place, series in enumerate(layout.series):
        for key in keys[series.keys] if series.stored else ():
            asks = [(encode_series(place, key), at) for at in (*range(since, 10), LATEST)]
            found[place, key] = [
                answer and (answer[0], packed._decode(asks[0][0], answer)[2][: len(series.newest)])
                for answer in packed.newest(asks)
            ]
    return found


@pytest.mark.parametrize("seed", range(6))
def test_tables_at_once_and_in_changes_are_as_rows_applied(world, seed):
    layout, plan = world
    chance, until, number = random.Random(seed), -(1 << 63) + 1, 0
    stored, online = find_stored(layout, plan), MemoryOnline()
    rows = {"facts": {}, "others": {}}
    before = {name: make_table([], name) for name in rows}
    for step in range(6):
        changed = {name: {} for name in rows}
        for name in rows:
            for _ in range(chance.randrange(8)):
                number += 1
                changed[name][number] = draw_row(chance, name, number)
            for key in chance.sample(sorted(rows[name]), min(len(rows[name]), chance.randrange(3))):
                changed[name][key] = chance.choice((None, draw_row(chance, name, key)))
        since, until = until, max(until, chance.randrange(-1, 8))
        for name, some in changed.items():
            gone = [rows[name].pop(key) for key in some if key in rows[name]]
            come = {key: row for key, row in some.items() if row is not None}
            rows[name] |= come
            after = make_table(rows[name].values(), name)
            both = make_table(gone, name), make_table(come.values(), name)
            renewal = renew_newest(stored, name, online, both, lambda after=after: after, (since, until))
            online.write(renewal.puts, position=b"", drops=renewal.drops)
        tables = {name: make_table(some.values(), name) for name, some in rows.items()}
        whole, plain = MemoryOnline(), MemoryOnline()
        whole.write(fill_newest(stored, tables, until), position=b"")
        upkeep = Upkeep(layout, plan, PackedOnline(layout, plain), lateness_us=0)
        for name, table in tables.items():
            upkeep.apply(name, table, b"")
        since = max(until, 0)
        assert read_all(layout, whole, since) == read_all(layout, plain, since), step
        assert read_all(layout, online, since) == read_all(layout, plain, since), step
        before = tables
    assert before["facts"].height


def test_a_store_of_stored_series_alone_remembers_no_rows():
    views = (
        FeatureView("k", Entity("k", ("k",)), {"a": w.newest(FACTS.event("t").a), "d": w.newest(OTHERS.event("t").d)}),
    )
    layout, plan = make_layout("asked", ("id",), views, KINDS), plan_views(ASKED, ASKED.at, views, SOURCES)
    chance, online = random.Random(3), MemoryOnline()
    tables = {name: make_table([draw_row(chance, name, n) for n in range(40)], name) for name in ("facts", "others")}
    upkeep = Upkeep(layout, plan, online, lateness_us=0, stored=False)
    heights = {name: table.height for name, table in tables.items()}
    upkeep.fill(fill_newest(find_stored(layout, plan), tables, 20), heights, b"here", watermark_us=20)
    entities = {row[0] for table in tables.values() for row in table.select("k").drop_nulls().rows()}
    # A value of each entity, what the values' schema is, and the watermarks.
    assert len(online._values) == len(entities) + 2
    assert upkeep.trim() == 0
    again = Upkeep(layout, plan, online, lateness_us=0, stored=False)
    assert again.standing("facts").position == b"here"
    assert again.watermarks == {"facts.t": 20, "others.t": 20}
