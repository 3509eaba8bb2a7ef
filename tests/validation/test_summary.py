"""Raw rows to summaries, against Polars' own group-by, tea-tasting, and however the rows are batched."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from shipway.core.error import ShipwayError
from shipway.maths.effect import Term, measure_effect
from shipway.validation import summary as module
from shipway.validation.summary import merge_over, read_batches, summarise_units

COLUMNS = ["spend", "before", "visits", "won"]


@pytest.fixture(scope="module")
def units():
    rng, n = np.random.default_rng(1), 6000
    before = rng.lognormal(0, 1, n)
    return pl.DataFrame(
        {
            "variant": rng.choice(["control", "treatment", "holdout"], n),
            "day": [date(2026, 1, 1) + timedelta(days=int(d)) for d in rng.integers(0, 5, n)],
            "spend": before + rng.lognormal(0, 1, n) + 1e4,
            "before": before,
            "visits": rng.poisson(3, n).astype(np.int32),
            "won": rng.random(n) < 0.1,
        }
    )


def test_same_as_a_group_by(units):
    found = summarise_units([units], COLUMNS, ["variant", "day"])
    expected = units.group_by("variant", "day").agg(
        pl.len(),
        pl.col("spend").mean(),
        pl.cov("spend", "before").alias("cov"),
        pl.col("won").cast(pl.Float64).var().alias("var"),
    )
    assert len(found) == 15
    for variant, day, n, mean, cov, var in expected.rows():
        got = found[variant, day]
        assert got.n == n
        assert got.mean[0] == pytest.approx(mean, rel=1e-12)
        assert got.covariance[0, 1] == pytest.approx(cov, rel=1e-9)
        assert got.covariance[3, 3] == pytest.approx(var, rel=1e-9)


def test_batches_and_days_do_not_matter(units, tmp_path):
    units.write_parquet(tmp_path / "units.parquet")
    by_day = merge_over(summarise_units([units], COLUMNS, ["variant", "day"]))
    batches = read_batches(tmp_path / "units.parquet", [*COLUMNS, "variant"], rows=700)
    at_once = summarise_units(batches, COLUMNS, ["variant"])
    assert list(at_once) == [(one,) for one in units["variant"].unique(maintain_order=True)]
    for (variant,), whole in at_once.items():
        assert by_day[variant].n == whole.n
        np.testing.assert_allclose(by_day[variant].mean, whole.mean, rtol=1e-12)
        np.testing.assert_allclose(by_day[variant].covariance, whole.covariance, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("least", [1, 1 << 14])
def test_chunks_do_not_matter(units, monkeypatch, least):
    # Pieces that end where chunks do, or chunks that are too short and are joined; key columns with one value alike.
    monkeypatch.setattr(module, "_LEAST_ROWS", least)
    monkeypatch.setattr(module, "_HEAD", 2)
    parts = units.sort("day").with_columns(one=7).partition_by("day", maintain_order=True)
    whole = pl.concat(parts, rechunk=False)
    assert whole.to_series(0).n_chunks() == len(parts)
    by = ["one", "day", "variant"]
    found, expected = summarise_units([whole], COLUMNS, by), summarise_units([whole.rechunk()], COLUMNS, by)
    assert list(found) == list(expected)
    for key, one in found.items():
        assert one.n == expected[key].n
        np.testing.assert_allclose(one.mean, expected[key].mean, rtol=1e-13)
        np.testing.assert_allclose(one.products, expected[key].products, rtol=1e-9, atol=1e-7)


def test_a_look_is_that_of_tea_tasting(units):
    tt = pytest.importorskip("tea_tasting")
    two = units.filter(pl.col("variant") != "holdout")
    arms = merge_over(summarise_units([two], COLUMNS, ["variant", "day"]))
    effect = measure_effect(arms["control"], arms["treatment"], Term(0), [Term(1)])
    oracle = tt.Experiment({"spend": tt.Mean("spend", covariate="before")}).analyze(two, control="control")["spend"]
    assert effect.value == pytest.approx(oracle.effect_size, rel=1e-8)
    assert effect.lift == pytest.approx(oracle.rel_effect_size, rel=1e-8)


def test_keys_of_any_kind():
    frame = pl.DataFrame(
        {
            "id": [10**12, 5, 10**12, -7],
            "on": [True, False, True, False],
            "kind": pl.Series(["a", "b", "a", "b"], dtype=pl.Categorical),
            "x": [1.0, 2.0, 3.0, 4.0],
        }
    )
    found = summarise_units([frame], ["x"], ["id", "on", "kind"])
    assert {key: float(one.mean[0]) for key, one in found.items()} == {
        (10**12, True, "a"): 2.0,
        (5, False, "b"): 2.0,
        (-7, False, "b"): 4.0,
    }


def test_many_keys():
    rng = np.random.default_rng(2)
    frame = pl.DataFrame({"a": rng.integers(0, 90, 4000), "b": rng.integers(0, 90, 4000), "x": rng.normal(size=4000)})
    found = summarise_units([frame], ["x"], ["a", "b"])
    expected = {(a, b): x for a, b, x in frame.group_by("a", "b").agg(pl.col("x").mean()).rows()}
    assert {key: float(one.mean[0]) for key, one in found.items()} == pytest.approx(expected, rel=1e-9)


def test_no_rows_are_no_keys(units):
    assert summarise_units([units.head(0)], COLUMNS, ["variant"]) == {}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"spend": None}, "SW-403"),
        ({"spend": float("nan")}, "SW-403"),
        ({"variant": None}, "SW-403"),
        ({"spend": "much"}, "SW-203"),
    ],
)
def test_values_that_are_none_are_refused(units, change, code):
    columns = {name: pl.lit(value) for name, value in change.items()}
    if change.get("variant", 0) is None:
        columns = {"variant": pl.lit(None, dtype=pl.String)}
    if change.get("spend", 0) is None:
        columns = {"spend": pl.lit(None, dtype=pl.Float64)}
    with pytest.raises(ShipwayError) as caught:
        summarise_units([units.with_columns(**columns)], COLUMNS, ["variant"])
    assert caught.value.code == code


def test_a_column_that_is_missing_is_named(units):
    with pytest.raises(ShipwayError, match="'spent'") as caught:
        summarise_units([units], ["spent"], ["variant"])
    assert caught.value.code == "SW-202"
