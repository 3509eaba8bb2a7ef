"""What each kind of window costs: CPU of a frame, of writing the online store, and of reading it.

Run `python bench/window_kind.py [events] [reads]`; by default 20000 events and 300 reads, some twenty seconds. It
prints the kinds as ratios to a mean in the same run, and exits 1 if a value read online is not the frame's to the bit.
"""

import datetime as dt
import math
import random
import sys
import time
from typing import Any

import polars as pl

from shipway.core import window as w
from shipway.core.column import Kind
from shipway.core.feature import Entity, Expr, FeatureView, Source
from shipway.core.online import make_layout
from shipway.data.feed import make_feed
from shipway.data.frame import build_frame
from shipway.data.materialisation import Materialiser
from shipway.data.plan import AT, plan_views
from shipway.serving.reader import FeatureReader
from shipway.testing.fake.online import MemoryOnline

ASKS = Source("asks", ("id",), (), {"always": ("at", "shop")})
SALES = Source("sales", ("no",), (), {"done": ("shop", "x", "word", "good")})
DONE = SALES.event("done")
WORDS = [f"w{number:02d}" for number in range(40)]
KINDS: dict[str, Expr] = {
    "mean": w.mean(DONE.x, last="7d"),
    "where": w.mean(DONE.x, last="7d", where=DONE.good),
    "deviation": w.deviation(DONE.x, last="7d"),
    "first": w.first(DONE.x, last="7d"),
    "decayed": w.decayed(DONE.x, half_life="6h"),
    "quantile of 9 bins": w.quantile(DONE.x, 0.9, last="7d", bins=[-60, -30, -15, 0, 15, 30, 60, 120]),
    "quantile within 2 %": w.quantile(DONE.x, 0.9, last="7d", bins=w.relative(0.02, least=0.1, greatest=1440)),
    "distinct of 256 bins": w.distinct(DONE.word, last="7d"),
    "most common of 40": w.most_common(DONE.word, last="7d", of=WORDS),
}
SCHEMA: dict[str, dict[str, Kind]] = {
    "asks": {"id": "int", "at": "instant", "shop": "text"},
    "sales": {"no": "int", "done": "instant", "shop": "text", "x": "float", "word": "text", "good": "bool"},
}


def make_tables(events: int, reads: int) -> dict[str, pl.DataFrame]:
    """Make 28 days of events of 50 shops, and questions about the last of them."""
    chance, start = random.Random(7), dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    seconds = sorted(chance.randrange(28 * 86_400) for _ in range(events))
    sales = {
        "no": list(range(events)),
        "done": [start + dt.timedelta(seconds=second) for second in seconds],
        "shop": [f"s{chance.randrange(50)}" for _ in range(events)],
        "x": [round(chance.gauss(5, 40), 2) for _ in range(events)],
        "word": [chance.choice(WORDS) for _ in range(events)],
        "good": [chance.random() < 0.3 for _ in range(events)],
    }
    asks = {
        "id": list(range(reads)),
        "at": [start + dt.timedelta(days=28, seconds=number) for number in range(reads)],
        "shop": [f"s{chance.randrange(50)}" for _ in range(reads)],
    }
    return {"sales": pl.DataFrame(sales), "asks": pl.DataFrame(asks)}


def measure(expr: Expr, tables: dict[str, pl.DataFrame]) -> tuple[float, float, float, bool]:
    """Return the CPU seconds of a frame, of writing and of reading, and whether all that was read is the frame's."""
    views = (FeatureView("v", Entity("shop", ("shop",)), {"x": expr}),)
    plan = plan_views(ASKS, ASKS["at"], views, {"asks": ASKS, "sales": SALES})
    began = time.process_time()
    frame = build_frame(plan, tables)
    framed = time.process_time()
    layout, online = make_layout("asks", ("id",), views, SCHEMA), MemoryOnline()
    at: list[int] = frame[AT].to_physical().to_list()
    Materialiser(layout, make_feed(layout, plan, tables), online).advance(at[-1])
    written = time.process_time()
    reader = FeatureReader(layout, online)
    rows: list[dict[str, Any]] = tables["asks"].select("id", "shop").to_dicts()
    found = [reader.read([row], [instant])[0].values[0] for row, instant in zip(rows, at, strict=True)]
    read = time.process_time()
    same = all(_is_same(one, other) for one, other in zip(found, frame["v_x"].to_list(), strict=True))
    return framed - began, written - framed, read - written, same


def _is_same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and math.isnan(one):
        return other is None
    return one == other


def main() -> int:
    """Print the table of costs."""
    events, reads = (*map(int, sys.argv[1:3]), *(20_000, 300)[len(sys.argv[1:3]) :])
    tables = make_tables(events, reads)
    measure(KINDS["mean"], tables)
    base = measure(KINDS["mean"], tables)
    print(f"{events:,} events, {reads:,} reads; a mean: write {base[1] / events * 1e6:.1f} us an event, "
          f"read {base[2] / reads * 1e6:.0f} us")  # fmt: skip
    print(f"{'kind':<22}{'frame':>8}{'write':>8}{'read':>8}   of a mean's CPU")
    equal = True
    for name, expr in KINDS.items():
        *cost, same = measure(expr, tables)
        ratios = "".join(f"{one / other:8.1f}" for one, other in zip(cost, base, strict=False))
        print(f"{name:<22}{ratios}   {'equal to the bit' if same else 'DIFFERS'}")
        equal &= same
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main())
