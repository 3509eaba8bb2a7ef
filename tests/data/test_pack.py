"""A store with packs answers as one without, whatever is put, dropped and trimmed, and whoever packed before."""

import random
import threading

import polars as pl
import pytest

from shipway.adapters.lmdb.store import LmdbOnline
from shipway.core import window as w
from shipway.core.entry import encode_entity, encode_place, encode_series, pack_entry
from shipway.core.feature import Entity, FeatureView, Source
from shipway.core.online import make_layout
from shipway.core.pack import decode_pack, find_packs, make_pack
from shipway.data.column import vector_of
from shipway.data.pack import Newest, PackedOnline, pack_newest
from shipway.testing.fake import MemoryOnline
from shipway.testing.online import EARLIEST, LATEST

FACTS = Source("facts", ("id",), (), {f"t{n}": (f"a{n}", f"b{n}") for n in range(4)})
ENTITIES = tuple(encode_entity((key,)) for key in ("AA", "B6", "UA"))


@pytest.fixture(scope="module")
def layout():
    streams = [FACTS.event(f"t{n}") for n in range(4)]
    features = {f"a{n}": w.newest(stream[f"a{n}"]) for n, stream in enumerate(streams)}
    features |= {f"b{n}": w.newest(stream[f"b{n}"]) for n, stream in enumerate(streams[:3])}
    features["n"] = w.count(streams[3], last="1d")
    kinds = {"id": "int", "k": "text"} | {f"t{n}": "instant" for n in range(4)}
    kinds |= {f"a{n}": "float" for n in range(4)} | {f"b{n}": "text" for n in range(4)}
    view = FeatureView("v", Entity("k", ("k",)), features)
    return make_layout("facts", (), (view,), {"facts": kinds})


def draw_entry(chance, layout):
    place = chance.randrange(4)
    kinds = len(layout.series[place].newest)
    values = [chance.choice((None, 0.5, -2.0)), chance.choice((None, "", "größer"))][:kinds]
    value = pack_entry(layout.series[place].packing, (chance.randrange(9),), [*values, chance.choice((7, ["x", 1]))])
    return encode_series(place, ()) + chance.choice(ENTITIES), chance.randrange(-9, 9), value


def check_same(chance, packed, plain, layout, since=EARLIEST):
    names = [
        encode_series(place, ()) + entity for place in range(4) for entity in (*ENTITIES, encode_entity(("none",)))
    ]
    asks = [(name, at) for name in names for at in (*range(max(since, -10), 11), LATEST)]
    chance.shuffle(asks)
    assert packed.newest(asks) == plain.newest(asks)
    if since == EARLIEST:
        assert packed.oldest(asks) == plain.oldest(asks)
        for name, at in asks[:20]:
            assert packed.between(name, at, at + 5) == plain.between(name, at, at + 5)
            assert packed.between(name, EARLIEST, LATEST) == plain.between(name, EARLIEST, LATEST)


@pytest.mark.parametrize("seed", range(12))
def test_a_store_with_packs_answers_as_one_without(layout, seed):
    chance, plain, packed = random.Random(seed), MemoryOnline(), PackedOnline(layout, MemoryOnline())
    for step in range(25):
        puts = [draw_entry(chance, layout) for _ in range(chance.randrange(8))]
        drops = [draw_entry(chance, layout)[:2] for _ in range(chance.randrange(12))]
        for store in (plain, packed):
            store.write(iter(puts), position=b"%d" % step, drops=iter(drops))
        assert packed.position() == b"%d" % step
        check_same(chance, packed, plain, layout)


@pytest.mark.parametrize("seed", range(5))
def test_trimming_changes_no_later_answer(layout, seed):
    chance, plain, packed = random.Random(seed), MemoryOnline(), PackedOnline(layout, MemoryOnline())
    for step in range(20):
        puts = [draw_entry(chance, layout) for _ in range(8)]
        for store in (plain, packed):
            store.write(puts, position=b"%d" % step)
        before = chance.randrange(-9, 9)
        packed.trim(encode_place(chance.randrange(4)), before)
        check_same(chance, packed, plain, layout, since=before)
        packed = PackedOnline(layout, MemoryOnline())
        packed.write([(n, at, v) for (n, at), v in plain._values.items()], position=b"x")
    with pytest.raises(ValueError, match="keep their newest"):
        packed.trim(encode_place(0), 0, whole=True)


@pytest.mark.parametrize("seed", range(8))
def test_writers_of_several_schemas_share_a_store(layout, seed):
    chance, plain, beneath = random.Random(seed), MemoryOnline(), MemoryOnline()
    schemas = [find_packs(layout), (make_pack(layout, (0, 1)),), (make_pack(layout, (1, 2)),)]
    reader = PackedOnline(layout, beneath)
    for step in range(40):
        writer = PackedOnline(layout, beneath, packs=chance.choice(schemas))
        puts = [draw_entry(chance, layout) for _ in range(chance.randrange(5))]
        drops = [draw_entry(chance, layout)[:2] for _ in range(chance.randrange(5))]
        for store in (plain, writer):
            store.write(puts, position=b"%d" % step, drops=drops)
        check_same(chance, reader, plain, layout)
        check_same(chance, writer, plain, layout)


def test_what_is_read_together_is_from_one_write(layout, tmp_path):
    store = PackedOnline(layout, LmdbOnline(tmp_path / "store"))
    names = [encode_series(place, ()) + entity for place in range(3) for entity in ENTITIES]
    packings = {name: layout.series[name[1]].packing for name in names}
    reader, torn = PackedOnline(layout, LmdbOnline(tmp_path / "store", readonly=True)), []

    def read():
        seen = 0
        while seen < 150:
            found = {answer and answer[0] for answer in reader.newest([(name, LATEST) for name in names])}
            torn.append(found) if len(found) != 1 else None
            seen = max(at or 0 for at in found)

    thread = threading.Thread(target=read)
    thread.start()
    for at in range(1, 151):
        store.write([(n, at, pack_entry(packings[n], (at,), [0.5, "x", 1])) for n in names], position=b"")
    thread.join()
    store.close()
    reader.close()
    assert torn == []


@pytest.mark.parametrize("seed", range(5))
def test_a_frame_of_newest_rows_is_packed_as_its_rows_are(layout, seed):
    chance, (pack,) = random.Random(seed), find_packs(layout)
    rows = [
        {"k": f"{n}"}
        | {f"t{m}": chance.choice((None, n, -m)) for m in range(3)}
        | {f"a{m}": chance.choice((None, 0.5, n / 3)) for m in range(3)}
        | {f"b{m}": chance.choice((None, "", "größer", f"{n}")) for m in range(3)}
        for n in range(50)
    ]
    frame = pl.DataFrame(rows, schema_overrides={f"a{m}": pl.Float64 for m in range(3)})
    vectors = {name: vector_of(frame[name]) for name in frame.columns}
    members = [Newest(vectors[f"t{m}"], (vectors[f"a{m}"], vectors[f"b{m}"])) for m in range(3)]
    found = list(pack_newest(pack, [encode_entity((row["k"],)) for row in rows], members))
    for row, (name, instant, value) in zip(rows, found, strict=True):
        assert (name, instant) == (pack.name((row["k"],)), 0)
        assert decode_pack(pack, bytes(value)) == [
            None if row[f"t{m}"] is None else (row[f"t{m}"], 1, [row[f"a{m}"], row[f"b{m}"], 0]) for m in range(3)
        ]
