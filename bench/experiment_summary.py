"""What does a look at an experiment of ten million users cost, and its summaries? Against tea-tasting.

Raw rows: one per user with five metrics and five covariates, two variants, fourteen days, one parquet file a day.

    build        all rows to summaries per variant and day, by `shipway.validation.summary`, from the files or from
                 memory; tea-tasting's aggregates of the same groups on each frame it reads, with the five covariances
                 that its five metrics need (shipway's summaries hold all 45)
    limits       what nobody gets below: reading every value once, the same with all products and no groups, and
                 decoding the files
    look         merging all days and measuring five CUPED effects
    fourteen     a look after every day: shipway reads the new day and merges, tea-tasting reads all days so far

Effects must agree to 1e-7. CPU seconds, so that threads are paid for; the least of the rounds, of which the first warms
the allocators of both.

    python bench/experiment_summary.py [users [rounds]]
"""

import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from shipway.maths.effect import Effect, Term, effect_interval, measure_effect, p_value
from shipway.maths.summary import Summary
from shipway.validation.summary import Key, merge_over, read_batches, summarise_units

DAYS: Final = 14
METRICS: Final = 5
COLUMNS: Final = [name for metric in range(METRICS) for name in (f"y{metric}", f"x{metric}")]
KEY: Final = ["variant", "day"]


def write_days(folder: Path, users: int) -> list[Path]:
    """Write the users of each day: skewed metrics that correlate with their covariates."""
    paths: list[Path] = []
    for day in range(DAYS):
        rng, n = np.random.default_rng([5, day]), users // DAYS
        columns: dict[str, Any] = {"variant": rng.integers(0, 2, n), "day": np.full(n, day)}
        for metric in range(METRICS):
            common = rng.lognormal(0, 1, n)
            columns[f"y{metric}"] = common + rng.lognormal(0, 1, n) + 0.01 * columns["variant"]
            columns[f"x{metric}"] = common + rng.lognormal(0, 1, n)
        # A cell is variant and day in one column, since the rival groups by one.
        frame = pl.DataFrame(columns).with_columns(cell=pl.col("variant") * DAYS + pl.col("day"))
        paths.append(folder / f"day={day:02}.parquet")
        frame.write_parquet(paths[-1])
    return paths


def look(summaries: dict[Key, Summary]) -> list[Effect]:
    """Return the five effects, with interval and p-value computed, from daily summaries."""
    arms = merge_over(summaries)
    effects = [measure_effect(arms[0], arms[1], Term(2 * m), [Term(2 * m + 1)]) for m in range(METRICS)]
    for effect in effects:
        effect_interval(effect)
        p_value(effect)
    return effects


def build_from(paths: Sequence[Path]) -> dict[Key, Summary]:
    batches = (batch for path in paths for batch in read_batches(path, [*COLUMNS, *KEY]))
    return summarise_units(batches, COLUMNS, KEY)


def rival_aggregates(data: Any) -> Any:
    """Return the rival's statistics per variant and day of the columns its five metrics need."""
    from tea_tasting.aggr import read_aggregates  # pyright: ignore[reportMissingTypeStubs]

    pairs = [(f"x{metric}", f"y{metric}") for metric in range(METRICS)]
    return read_aggregates(data, "cell", has_count=True, mean_cols=COLUMNS, var_cols=COLUMNS, cov_cols=pairs)


def read_by_ibis(paths: Sequence[Path]) -> Any:
    """Return the files as a table of DuckDB, which the rival has its sums computed by."""
    import ibis  # pyright: ignore[reportMissingTypeStubs]

    return ibis.duckdb.connect().read_parquet([str(path) for path in paths])  # pyright: ignore


def rival_look(data: Any) -> list[float]:
    """Return the rival's five effects from raw rows."""
    import tea_tasting as tt  # pyright: ignore[reportMissingTypeStubs]

    metrics = {f"m{m}": tt.Mean(f"y{m}", covariate=f"x{m}") for m in range(METRICS)}
    result: Any = tt.Experiment(metrics, variant="variant").analyze(data)  # pyright: ignore[reportArgumentType]
    return [float(result[f"m{m}"].effect_size) for m in range(METRICS)]


def cpu_s(rounds: int, work: Callable[[], Any]) -> float:
    """Return the least CPU seconds of some rounds."""
    least = np.inf
    for _ in range(rounds):
        started = time.process_time()
        work()
        least = min(least, time.process_time() - started)
    return float(least)


def read_once(values: Sequence[Any]) -> float:
    """Return the sum of all values: a pass that reads each of them and does next to nothing."""
    return sum(float(column.sum()) for column in values)


def multiply_once(values: Sequence[Any], rows: int = 1 << 13) -> Any:
    """Return the products of all columns, summed over blocks of rows: no groups, no centre, no check of a value."""
    block = np.empty((len(values), rows))
    total = np.zeros((len(values), len(values)))
    for start in range(0, values[0].size - rows + 1, rows):
        for place, column in enumerate(values):
            block[place] = column[start : start + rows]
        total += np.dot(block, block.T)
    return total


def report(rival: str, own_s: float, rival_s: float) -> None:
    print(f"  tea-tasting, {rival:28} {rival_s:8.3f} s   {rival_s / own_s:5.1f} x", flush=True)


def main() -> None:
    users = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 2
    with tempfile.TemporaryDirectory() as folder:
        paths = write_days(Path(folder), users)
        frame = pl.read_parquet(paths)
        print(f"{frame.height:,} users, {METRICS} metrics with CUPED, {DAYS} days, polars {pl.__version__}")
        built = build_from(paths)
        ours, theirs = look(built), rival_look(frame.lazy())
        far = max(abs(one.value / other - 1) for one, other in zip(ours, theirs, strict=True))
        print(f"effects differ by {far:.1e} at most")
        assert far < 1e-7

        print("look from daily summaries")
        walls: list[float] = []
        for _ in range(50):
            started = time.perf_counter()
            look(built)
            walls.append(time.perf_counter() - started)
        print(f"  {1e3 * float(np.median(walls)):.1f} ms, at most {1e3 * max(walls):.1f} ms")

        values = [frame[name].to_numpy() for name in COLUMNS]
        print("limits, CPU s")
        print(f"  reading every value once {cpu_s(rounds, lambda: read_once(values)):.3f} s", flush=True)
        print(
            f"  the same with all products, in blocks {cpu_s(rounds, lambda: multiply_once(values)):.3f} s", flush=True
        )
        decode = cpu_s(rounds, lambda: [pl.read_parquet(path, columns=[*COLUMNS, *KEY]) for path in paths])
        print(f"  decoding the files {decode:.3f} s", flush=True)

        print("build, CPU s; the rival's beside it as a multiple of shipway's")
        memory = cpu_s(rounds, lambda: summarise_units([frame], COLUMNS, KEY))
        files = cpu_s(rounds, lambda: build_from(paths))
        print(f"  shipway from memory {memory:.3f} s, from files {files:.3f} s")
        report("Polars in memory", memory, cpu_s(rounds, lambda: rival_aggregates(frame)))
        report("Polars, lazily from files", files, cpu_s(rounds, lambda: rival_aggregates(pl.scan_parquet(paths))))
        report("DuckDB by Ibis, from files", files, cpu_s(1, lambda: rival_aggregates(read_by_ibis(paths))))
        arrow: Any = frame.to_arrow()  # pyright: ignore[reportUnknownVariableType]
        report("Arrow in memory", memory, cpu_s(1, lambda: rival_aggregates(arrow)))
        pandas: Any = frame.to_pandas()
        report("pandas in memory", memory, cpu_s(1, lambda: rival_aggregates(pandas)))

        print("fourteen looks, one after every day, from files")

        def all_looks() -> None:
            held: dict[Key, Summary] = {}
            for path in paths:
                held |= build_from([path])
                look(held)

        mine = cpu_s(1, all_looks)
        yours = cpu_s(1, lambda: [rival_look(pl.scan_parquet(paths[: day + 1])) for day in range(DAYS)])
        print(f"  shipway {mine:.3f} s, tea-tasting (Polars, lazily) {yours:.3f} s: {yours / mine:.1f} x")


if __name__ == "__main__":
    main()
