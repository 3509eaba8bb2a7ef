"""What the process of test_upkeep_process applies: changes of rows, each batch the same whenever it is made.

Run as a program it is that process: it goes on behind the store's position until it is killed or done.
"""

import datetime as dt
import random
import sys
from pathlib import Path

import polars as pl

from shipway.adapters.lmdb.store import LmdbOnline
from shipway.core import window as w
from shipway.core.feature import ALWAYS, Entity, FeatureView, Source
from shipway.core.online import make_layout
from shipway.data.kept import DELETED
from shipway.data.plan import plan_views
from shipway.data.upkeep import Upkeep
from shipway.testing.schema import schema_of

BATCHES, ROWS = 60, 80
EPOCH = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
LATENESS_US = 6 * 3_600_000_000
DATED = pl.Datetime("us", "UTC")
TRIP_SCHEMA = {"no": pl.Int64, "done": DATED, "shop": pl.String, "x": pl.Int64, "y": pl.Float64}
ASK_SCHEMA = {"id": pl.Int64, "at": DATED, "shop": pl.String}
TRIPS = Source("trips", ("no",), (), {"done": ("shop", "x", "y")})
ASKS = Source("asks", ("id",), (), {ALWAYS: ("at", "shop")})
DONE = TRIPS.event("done")


def features(*widths):
    """Return features of every kind over windows."""
    found = {"newest": w.newest(DONE.x), "age": w.age(DONE)}
    for last in widths:
        found |= {
            f"n_{last}": w.count(DONE, last=last),
            f"mean_{last}": w.mean(DONE.y, last=last),
            f"least_{last}": w.least(DONE.x, last=last),
            f"greatest_{last}": w.greatest(DONE.y, last=last),
        }
    return found


VIEWS = (
    FeatureView("shop", Entity("shop", ("shop",)), features("2h", "1d")),
    FeatureView("all", Entity("system", ()), features("6h")),
)
PLAN = plan_views(ASKS, ASKS.at, VIEWS, {"asks": ASKS, "trips": TRIPS})
LAYOUT = make_layout(
    "asks",
    ("id",),
    VIEWS,
    schema_of({"trips": pl.DataFrame(schema=TRIP_SCHEMA), "asks": pl.DataFrame(schema=ASK_SCHEMA)}),
)


def make_batch(number):
    """Return a batch: new rows up to three hours late, rows that come again, rows that change and rows that go."""
    chance, rows = random.Random(number), []
    for place in range(ROWS):
        fresh = chance.random() < 0.7
        no = (
            number * ROWS + place if fresh or not number else chance.randrange(max(number - 4, 0) * ROWS, number * ROWS)
        )
        # A row is known within an hour of its number, and may come up to three batches of half an hour later.
        when = EPOCH + dt.timedelta(minutes=no / ROWS * 30 + chance.randrange(60) - chance.randrange(90))
        rows.append(
            {
                "no": no,
                "done": when.replace(second=0, microsecond=0) if chance.random() < 0.95 else None,
                "shop": chance.choice(["a", "a", "b", "c", None]),
                "x": chance.choice([None, chance.randrange(-50, 50)]),
                "y": chance.randrange(10**6) / 7,
                DELETED: not fresh and chance.random() < 0.3,
            }
        )
    return pl.DataFrame(rows, schema=TRIP_SCHEMA | {DELETED: pl.Boolean})


def make_table(batches):
    """Return the rows there are after some batches."""
    rows = pl.concat([make_batch(number) for number in range(batches)])
    return rows.unique("no", keep="last").filter(~pl.col(DELETED)).drop(DELETED)


def main(folder):
    """Apply what is not applied yet, and say how far it is after each batch."""
    online = LmdbOnline(Path(folder))
    upkeep = Upkeep(LAYOUT, PLAN, online, lateness_us=LATENESS_US)
    done = int(upkeep.standing("trips").position or b"0")
    tell(done)
    for number in range(done, BATCHES):
        upkeep.apply("trips", make_batch(number), b"%d" % (number + 1))
        tell(number + 1)
        if number % 7 == 6:
            upkeep.trim()
        if number % 11 == 10:
            upkeep.sync()
    online.close()


def tell(done):
    """Say how many batches are in the store."""
    sys.stdout.write(f"{done}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
