"""Embeddings in DuckDB give the bits of `build_frame`; where arrays have no length, they are refused by name."""

import datetime as dt
import random

import numpy as np
import polars as pl
import pytest

from shipway.core import window as w
from shipway.core.feature import Entity, FeatureView, Source
from shipway.data.embedding import is_embedding
from shipway.data.frame import build_frame
from shipway.data.plan import plan_views
from shipway.data.warehouse.frame import build_frame_there
from shipway.testing.refusal import expect_refusal

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
ASKS = Source("pages", ("id",), (), {"asked": ("user", "page")}, (), {"page": 5})
READS = Source("reads", ("id",), (), {"done": ("user", "topic", "fine")}, (), {"topic": 5, "fine": 2})
DONE = READS.event("done")
NEWEST = w.newest(DONE.topic, within="9h")
VIEWS = (
    FeatureView("row", None, {"page": ASKS.page, "second": ASKS.page.component(1)}),
    FeatureView(
        "user",
        Entity("user", ("user",)),
        {
            "topic": NEWEST,
            "fine": w.newest(DONE.fine),
            "first": w.first(DONE.topic, last="9h"),
            "dot": NEWEST.dot(ASKS.page),
            "near": NEWEST.fill(ASKS.page).cosine(ASKS.page),
            "far": NEWEST.distance(ASKS.page),
            "none": NEWEST.is_null(),
            "n": w.count(DONE, last="9h"),
            "edge": w.greatest(DONE.topic.component(4), last="9h"),
        },
    ),
)
PLAN = plan_views(ASKS, ASKS.asked, VIEWS, {"pages": ASKS, "reads": READS})


def make_table(chance, rows, timed, **lengths):
    def some(length):
        numbers = [chance.choice([0.0, -0.0, 1e-30, chance.gauss(0, 1), 1e18]) for _ in range(length)]
        return None if chance.random() < 0.2 else chance.choice([numbers, [0.0] * length])

    return pl.DataFrame(
        {
            "id": range(rows),
            timed: [START + dt.timedelta(hours=chance.randrange(20)) for _ in range(rows)],
            "user": [chance.choice(["a", "b", None]) for _ in range(rows)],
            **{name: [some(length) for _ in range(rows)] for name, length in lengths.items()},
        },
        schema_overrides={timed: pl.Datetime("us", "UTC")}
        | {name: pl.Array(pl.Float32, length) for name, length in lengths.items()},
    )


def bits(column):
    if is_embedding(column.dtype):
        return [None if value is None else np.array(value, dtype=np.float32).tobytes() for value in column]
    return [value.hex() if isinstance(value, float) else value for value in column]


@pytest.mark.parametrize("seed", range(3))
def test_duckdb_gives_the_bits_of_build_frame(duckdb_yard, seed):
    chance = random.Random(seed)
    given = {
        "pages": make_table(chance, 30, "asked", page=5),
        "reads": make_table(chance, 40, "done", topic=5, fine=2),
    }
    wide = given["reads"].with_columns(pl.col("fine").cast(pl.Array(pl.Float64, 2)))
    for name, table in {**given, "reads": wide}.items():
        duckdb_yard.put(name, table)
    with duckdb_yard.open() as warehouse:
        there = build_frame_there(PLAN, warehouse)
    here = build_frame(PLAN, given)
    assert there.schema == here.schema
    assert here["user_near"].count() > 3, "a test of nothing shows little"
    for name in here.columns:
        assert bits(there[name]) == bits(here[name]), name


def test_arrays_without_a_length_are_refused_by_name(postgres_yard):
    postgres_yard.run(
        "drop table if exists pages, reads",
        'create table pages (id bigint, asked timestamptz, "user" text, page real[])',
        'create table reads (id bigint, done timestamptz, "user" text, topic real[], fine real[])',
    )
    with postgres_yard.open() as warehouse, expect_refusal("SW-403") as refused:
        build_frame_there(PLAN, warehouse)
    assert refused[0].fact.startswith("pages.page is an embedding, and PostgreSQL has no array")
