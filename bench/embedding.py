"""What embeddings cost: comparing two of them, and reading one from a pack, next to the same numbers as features.

Run `python bench/embedding.py [length] [rows]`; by default 384 numbers and 2000 rows, some ten seconds. It prints CPU
in microseconds and as ratios in the same run, and exits 1 if one row is not compared as among others to the bit, or if
what is read is not what was written.
"""

import math
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from shipway.core import window as w
from shipway.core.feature import Entity, Expr, FeatureView, Source
from shipway.core.online import make_layout
from shipway.data.feed import make_feed
from shipway.data.materialisation import Materialiser
from shipway.data.pack import PackedOnline
from shipway.data.plan import plan_views
from shipway.maths.embedding import compare, compare_all, pack_numbers, view_numbers
from shipway.serving.reader import FeatureReader
from shipway.testing.fake.online import MemoryOnline
from shipway.testing.schema import schema_of

TURNS = 5
AT = 1_700_000_000_000_000


def measure(tasks: dict[str, Callable[[], object]], units: dict[str, int]) -> dict[str, float]:
    """Return the least CPU of each task, microseconds a unit; turns are interleaved."""
    least = dict.fromkeys(tasks, math.inf)
    for _ in range(TURNS):
        for name, task in tasks.items():
            begin = time.process_time()
            task()
            least[name] = min(least[name], (time.process_time() - begin) / units[name] * 1e6)
    return least


def show(title: str, found: dict[str, float], base: str) -> None:
    """Print what was measured next to one of it."""
    print(f"\n{title}\n{'':44}{'CPU us':>10}{'ratio':>9}")
    for name, us in found.items():
        print(f"{name:44}{us:10.2f}{us / found[base]:9.2f}")


def compare_ways(length: int, rows: int) -> bool:
    """Measure ways to add up a dot product; tell whether one row gives the bits that it has among others."""
    numbers = np.random.default_rng(7).normal(size=(2, rows, length)).astype(np.float32)
    left, right = (pack_numbers(each) for each in numbers)
    wide = numbers.astype(np.float64)
    pairs = list(zip(left.tolist(), right.tolist(), strict=True))

    def add_exactly() -> list[float]:
        return [math.fsum(products) for products in (wide[0] * wide[1]).tolist()]

    ways: dict[str, Callable[[], Any]] = {
        "halves onto halves, all rows at once": lambda: compare_all("dot", left, right),
        "halves onto halves, row by row": lambda: [compare("dot", a, b) for a, b in pairs],
        "cosine, row by row": lambda: [compare("cosine", a, b) for a, b in pairs],
        "exact (math.fsum), row by row": add_exactly,
        "BLAS, row by row (order unknown)": lambda: [float(a @ b) for a, b in zip(wide[0], wide[1], strict=True)],
        "einsum, all rows (order unknown)": lambda: np.einsum("ij,ij->i", wide[0], wide[1]),
    }
    show(f"dot product of {length} numbers", measure(ways, dict.fromkeys(ways, rows)), next(iter(ways)))
    among, exact = ways["halves onto halves, all rows at once"](), np.array(add_exactly())
    print(f"greatest difference from the exact sum, relative: {np.max(np.abs((among - exact) / exact)):.1e}")
    return among.tolist() == ways["halves onto halves, row by row"]()


def read_ways(length: int, rows: int) -> bool:
    """Measure reads of one entity, of an embedding and of as many numbers; tell whether they are what was written."""
    numbers = np.random.default_rng(8).normal(size=(50, length)).astype(np.float32)
    users = pl.Series("user", [f"u{place}" for place in range(50)])
    names = [f"v{place}" for place in range(length)]
    spread = {name: numbers[:, place].astype(np.float64) for place, name in enumerate(names)}
    when = pl.Series([AT] * 50).cast(pl.Datetime("us", "UTC"))
    base = pl.DataFrame({"no": range(50), "done": when, "user": users})
    whole = base.with_columns(pl.Series("v", numbers, dtype=pl.Array(pl.Float32, length)), n=pl.lit(1.0))
    readers: dict[str, FeatureReader] = {}
    for kind, table, columns in (
        ("one embedding", whole, ["v"]),
        ("as many numbers", base.with_columns(**spread), names),
    ):
        asks = Source("asks", ("id",), (), {"always": ("at", "user")})
        posts = Source("posts", ("no",), (), {"done": ("user", *table.columns[3:])})
        other = Source("others", ("no",), (), {"done": ("user", *table.columns[3:])})
        features: dict[str, Expr] = {name: w.newest(posts.event("done")[name]) for name in columns}
        features["age"] = w.age(other.event("done"))  # so that there is a pack
        views = (FeatureView("user", Entity("user", ("user",)), features),)
        tables = {
            "posts": table,
            "others": table,
            "asks": pl.DataFrame({"id": [1], "at": when[:1], "user": ["u1"]}),
        }
        plan = plan_views(asks, asks.at, views, {"asks": asks, "posts": posts, "others": other})
        layout, online = make_layout("asks", ("id",), views, schema_of(tables)), MemoryOnline()
        Materialiser(layout, make_feed(layout, plan, tables), PackedOnline(layout, online)).advance(AT)
        readers[kind] = FeatureReader(layout, online)
    asked = [{"id": 1, "user": f"u{row % 50}"} for row in range(rows)]

    def read(kind: str) -> list[list[Any]]:
        return [readers[kind].read([row], [AT + 1])[0].values for row in asked]

    ways: dict[str, Callable[[], Any]] = {kind: (lambda kind=kind: read(kind)) for kind in readers}
    show(
        f"read of one entity from a pack in memory, {length} numbers",
        measure(ways, dict.fromkeys(ways, rows)),
        "one embedding",
    )
    embedding, apart = read("one embedding")[0][0], read("as many numbers")[0][:length]
    return view_numbers(embedding).tolist() == apart == numbers[0].tolist()


def main(length: int = 384, rows: int = 2000) -> int:
    """Run both, and return the exit code."""
    same = [compare_ways(length, rows), read_ways(length, rows)]
    print(f"\nthe same bits: {', '.join('yes' if each else 'NO' for each in same)}")
    return 0 if all(same) else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
