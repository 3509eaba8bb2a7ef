"""Trees of bins are read in a few steps, whatever they hold, and from one state of the store."""

import datetime as dt
import random

import polars as pl

from shipway.core import window as w
from shipway.core.feature import Entity, FeatureView, Source
from shipway.core.online import make_layout
from shipway.data.feed import make_feed
from shipway.data.materialisation import Materialiser
from shipway.data.plan import plan_views
from shipway.serving.reader import FeatureReader
from shipway.testing.fake.online import MemoryOnline
from shipway.testing.schema import schema_of

ASKS = Source("asks", ("id",), (), {"always": ("at", "shop")})
SALES = Source("sales", ("no",), (), {"done": ("shop", "n")})
DONE = SALES.event("done")
NAMES = [f"v{number:03d}" for number in range(200)]


class Counting(MemoryOnline):
    """Counts questions, and lets somebody write between two of them."""

    def __init__(self):
        super().__init__()
        self.calls, self.asked, self.meanwhile = 0, 0, None

    def newest(self, asks):
        self.calls += 1
        self.asked += len(asks)
        found = super().newest(asks)
        if self.meanwhile is not None and self.calls == 2:
            self.meanwhile()
        return found


def build(values, **features):
    """Fill a store with an event a second, and return it with its reader and its materialiser."""
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    rows = pl.DataFrame(
        {"no": range(len(values)), "done": [start + dt.timedelta(seconds=at) for at in range(len(values))],
         "shop": ["s"] * len(values), "n": values}
    )  # fmt: skip
    asks = pl.DataFrame({"id": [0], "at": [start], "shop": ["s"]})
    tables, views = {"sales": rows, "asks": asks}, (FeatureView("v", Entity("shop", ("shop",)), features),)
    plan = plan_views(ASKS, ASKS["at"], views, {"asks": ASKS, "sales": SALES})
    layout, online = make_layout("asks", ("id",), views, schema_of(tables)), Counting()
    materialiser = Materialiser(layout, make_feed(layout, plan, tables), online)
    end = int(start.timestamp() * 1e6) + 1_000_000 * len(values)
    return online, FeatureReader(layout, online), materialiser, end


def test_a_quantile_and_the_most_common_value_cost_the_same_however_much_is_in_the_window():
    def cost(count):
        chance = random.Random(count)
        online, reader, materialiser, end = build(
            [chance.choice(NAMES[:3]) if chance.random() < 0.9 else chance.choice(NAMES) for _ in range(count)],
            top=w.most_common(DONE.n, last="1d", of=NAMES),
        )
        materialiser.advance(end)
        online.calls = online.asked = 0
        (found,) = reader.read([{"shop": "s"}], [end])
        assert found.values[0] in NAMES[:3]
        return online.calls, online.asked

    assert cost(300) == cost(3000)


def test_an_estimate_asks_for_a_level_at_once():
    online, reader, materialiser, end = build(NAMES, kinds=w.distinct(DONE.n, last="1d", bins=256))
    materialiser.advance(end)
    online.calls = 0
    reader.read([{"shop": "s"}], [end])
    assert online.calls == 3  # the newest event, the root, and all nodes below it


def test_what_is_written_meanwhile_makes_it_read_again():
    online, reader, materialiser, end = build(
        [1.0] * 50 + [2000.0] * 50, mid=w.quantile(DONE.n, 0.5, last="1d", bins=w.relative(0.01, least=1, greatest=1e4))
    )
    materialiser.advance(end - 60_000_000)
    online.calls, online.meanwhile = 0, lambda: materialiser.advance(end)
    (found,) = reader.read([{"shop": "s"}], [end])
    again = reader.read([{"shop": "s"}], [end])[0]
    assert found.values == again.values
