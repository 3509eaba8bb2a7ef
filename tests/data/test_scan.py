"""Evidence is the same to the last bit however a table is split into parts, and wherever its groups are held."""

from datetime import UTC, datetime, timedelta

import hypothesis.strategies as st
import numpy as np
import polars as pl
import pytest
from hypothesis import Phase, given, settings

from shipway.core.data_check import (
    correlation,
    distinct,
    fresh,
    fullest_day,
    gaps,
    has_columns,
    has_rows,
    holds,
    mean,
    past,
    present,
    quantile,
    refers,
    rule,
    share,
    shift,
    thinnest_day,
    unique,
    unseen,
    vanished,
)
from shipway.core.error import ShipwayError
from shipway.core.feature import Source
from shipway.data import batch, row, spill
from shipway.data.batch import Parts
from shipway.data.check import measure_tables
from shipway.data.delivery import split_rows
from shipway.kit.duration import DAY

t = Source("t", ("id",), (), {"at": ("x", "n", "k", "c")})
other = Source("other", (), (), {"always": ("k", "n")})
START = datetime(2024, 1, 1, tzinfo=UTC)
NOW = int(START.timestamp()) * 1_000_000 + 5 * DAY
ROWS = 400


def make_table(seed=1, rows=ROWS):
    """Rows with everything that can be wrong with them: nulls, no numbers, repeats, orphans, instants ahead."""
    random = np.random.default_rng(seed)
    x = random.normal(20, 3, rows) * np.where(random.random(rows) < 0.02, np.nan, 1)
    n = random.integers(-50, 2000, rows)
    return pl.DataFrame(
        {
            "id": np.where(random.random(rows) < 0.1, 7, np.arange(rows)) + 1000 * seed,
            "x": x,
            "n": pl.Series(n).set(pl.Series(n % 17 == 0), None),
            "k": pl.Series(random.choice(["a", "b", "ü", "d"], rows)).set(pl.Series(n % 13 == 0), None),
            "c": pl.Series(random.choice(["p", "q"], rows), dtype=pl.Categorical),
            "at": [START + timedelta(minutes=int(m)) for m in random.integers(0, 6 * 1440, rows)],
        }
    )


def cut(frame, ends):
    """Return a table that comes in pieces which end at some rows."""
    ends = [*sorted(ends), frame.height]
    pieces = [frame[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    return Parts(frame.schema, lambda columns: (piece.select(columns) for piece in pieces))


TABLE, MAIN = make_table(), make_table(2)
WHOLE = pl.concat([MAIN, TABLE])
OTHERS = pl.DataFrame({"k": ["a", "b", None], "n": [1, 2, 3]})
CHECKS = [
    has_columns(t, x="float", n="text"), has_rows(t), has_rows(t, by=t.at).on("new").against("main", last="2d"),
    holds(t.x > 20), holds((t.n > 100) & t.k.is_in("a", "b")), present(t.x), present(t.k).on("new"), past(t.at),
    rule("above its mean", t, pl.col("n") > pl.col("n").mean()), rule("sql", t, "n > 3 AND k IN ('a', 'b')"),
    unique(t.id), unique(t.k, t.n), unique(t.c, t.x), refers(t.k, other.k), refers((t.k, t.n), (other.k, other.n)),
    fresh(t.at, within="1d").check, fresh(t.at, within="1d", per=t.k).check, gaps(t.at, every="1h"),
    gaps(t.at, every="12h", per=(t.k, t.c)).on("new"), thinnest_day(t.at), fullest_day(t.at).on("new").against("main"),
    mean(t.x), mean(t.x, by=t.at), mean(t.x).on("new").against("main"), share(t.x > 20, by=t.at),
    quantile(t.x, 0.9), quantile(t.n, 0.5, by=t.at), distinct(t.k), distinct(t.k, t.n).against("main"),
    correlation(t.x, t.n), correlation(t.x, t.n, by=t.at).on("new").against("main"),
    shift(t.x, by=t.at).on("new"), shift(t.n), shift(t.k).on("new"), unseen(t.n).on("new"), vanished(t.n).on("new"),
]  # fmt: skip


def measure(rows, main):
    """Return what all checks come to, with their examples."""
    contents = {"t": split_rows(rows, main, ("id",)), "other": OTHERS}
    found = measure_tables(CHECKS, contents, subject="data:t@1", now=NOW, log_digest="", keys={"t": ("id",)})
    return {
        name: (one.evidence, None if one.examples is None else repr(one.examples.to_dicts()))
        for name, one in found.items()
    }


@pytest.fixture(scope="module", params=[64, 100_000])
def expected(request):
    """Return the size of a batch, and what the checks come to on a table that is not split."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch, "BATCH_ROWS", request.param)
        return request.param, measure(WHOLE, MAIN)


@settings(max_examples=5, phases=[Phase.explicit, Phase.generate])
@given(st.lists(st.integers(0, 2 * ROWS), max_size=8), st.lists(st.integers(0, ROWS), max_size=3), st.booleans())
def test_parts_give_what_the_whole_gives(expected, ends, ends_of_main, spills):
    size, whole = expected
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch, "BATCH_ROWS", size)
        if spills:
            for module, name in ((spill, "HELD_GROUPS"), (spill, "HELD_HASHES"), (spill, "_FOLD_ROWS")):
                patch.setattr(module, name, 20)
            patch.setattr(row, "_KEPT_ROWS", 5)
        found = measure(cut(WHOLE, ends), cut(MAIN, ends_of_main))
    differs = [(name, one, found[name]) for name, one in whole.items() if repr(found[name]) != repr(one)]
    assert not differs


def test_batches_of_any_size_give_the_same_but_for_the_last_digits(monkeypatch):
    whole = measure(WHOLE, MAIN)
    monkeypatch.setattr(batch, "BATCH_ROWS", 33)
    for name, (evidence, examples) in measure(WHOLE, MAIN).items():
        expected, shown = whole[name]
        assert (evidence.n, evidence.clusters, examples) == (expected.n, expected.clusters, shown)
        numbers = [evidence.value, evidence.low, evidence.high]
        assert numbers == pytest.approx([expected.value, expected.low, expected.high], rel=1e-9, nan_ok=True)


def test_counts_are_those_of_polars():
    found = {name: evidence for name, (evidence, _) in measure(WHOLE, MAIN).items()}
    keys = WHOLE.drop_nulls(["k", "n"]).select("k", "n")
    assert found[unique(t.k, t.n).name].value == keys.height - keys.n_unique()
    assert found[distinct(t.k).name].value == WHOLE["k"].drop_nulls().n_unique()
    orphans = keys.join(OTHERS, on=["k", "n"], how="anti").height
    assert found[refers((t.k, t.n), (other.k, other.n)).name].facts["count"] == orphans
    above = (WHOLE["n"] > WHOLE["n"].mean()).sum()
    name = next(check.name for check in CHECKS if "above" in check.name)
    assert found[name].facts["count"] == WHOLE["n"].count() - above


def test_two_keys_of_one_hash_are_two_keys(monkeypatch):
    monkeypatch.setattr("shipway.data.scan.hash_keys", lambda columns, schema: pl.lit(1, dtype=pl.UInt64))
    frame = pl.DataFrame({"id": [3, 1, 2, 1]})
    check = unique(t.id)
    found = measure_tables([check], {"t": frame}, subject="d", now=0, log_digest="")[check.name]
    assert found.evidence.value == 1
    assert found.examples["id"].to_list() == [1, 1]


def test_what_polars_cannot_compute_on_a_batch_is_refused():
    frame = pl.DataFrame({"k": ["a"]})
    check = rule("number", t, pl.col("k").cast(pl.Int64) > 0)
    with pytest.raises(ShipwayError, match="SW-403"):
        measure_tables([check], {"t": frame}, subject="d", now=0, log_digest="")


def test_a_file_that_is_lost_while_it_is_read_is_named():
    def lost(columns):
        yield TABLE.select(columns)
        raise ShipwayError("SW-605", "a file is gone", "restore it")

    with pytest.raises(ShipwayError, match="SW-605"):
        measure_tables([has_rows(t)], {"t": Parts(TABLE.schema, lost)}, subject="d", now=0, log_digest="")
