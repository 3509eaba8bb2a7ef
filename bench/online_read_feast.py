"""What `online_read.py` lets another Python run: Feast materialises the same values into Redis and its SDK reads them.

usage: online_read_feast.py FOLDER PORT NOW ROUNDS     FOLDER has view0.parquet to view4.parquet
"""

import datetime as dt
import json
import random
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

VIEWS = 5
NUMBERS = 4
BATCH = 100
CONFIG = """
project: read
provider: local
registry: {folder}/registry.db
entity_key_serialization_version: 3
online_store:
  type: redis
  connection_string: "127.0.0.1:{port},db=99"
offline_store:
  type: file
"""


def make_store(folder: Path, port: str) -> Any:
    """Declare the views and return Feast's store."""
    feast: Any = import_module("feast")
    types: Any = import_module("feast.types")
    (folder / "feature_store.yaml").write_text(CONFIG.format(folder=folder, port=port))
    store = feast.FeatureStore(repo_path=str(folder))
    user = feast.Entity(name="user", join_keys=["user"], value_type=feast.ValueType.INT64)
    views = [
        feast.FeatureView(
            name=f"view{view}",
            entities=[user],
            ttl=dt.timedelta(days=30),
            schema=[feast.Field(name=f"v{view}x{number}", dtype=types.Float64) for number in range(NUMBERS)],
            source=feast.FileSource(path=str(folder / f"view{view}.parquet"), timestamp_field="event_timestamp"),
        )
        for view in range(VIEWS)
    ]
    store.apply([user, *views])
    return store


def main(words: Sequence[str]) -> None:
    """Print p50, p99 and processor microseconds of one entity and of a hundred, as JSON in the last line."""
    folder, port, now, rounds = Path(words[0]), words[1], dt.datetime.fromisoformat(words[2]), int(words[3])
    store = make_store(folder, port)
    pandas: Any = import_module("pandas")
    tables = [pandas.read_parquet(folder / f"view{view}.parquet") for view in range(VIEWS)]
    begun = time.process_time()
    store.materialize(start_date=now - dt.timedelta(days=40), end_date=now)
    told: dict[str, list[float]] = {"rate": [len(tables[0]) * VIEWS / (time.process_time() - begun)]}
    features = [f"view{view}:v{view}x{number}" for view in range(VIEWS) for number in range(NUMBERS)]
    chance = random.Random(7)

    def ask(users: Sequence[int]) -> dict[str, Any]:
        return store.get_online_features(features=features, entity_rows=[{"user": user} for user in users]).to_dict()

    users = [chance.randrange(len(tables[0])) for _ in range(BATCH)]
    found = ask(users)
    for view, table in enumerate(tables):
        for number in range(NUMBERS):
            name = f"v{view}x{number}"
            assert found[name] == table.set_index("user")[name].loc[users].tolist(), "Feast's values differ"
    for what, size, times in (("1 entity", 1, rounds), ("100 entities", BATCH, max(rounds // 10, 10))):
        wall: list[float] = []
        begun = time.process_time()
        for _ in range(times):
            some = [chance.randrange(len(tables[0])) for _ in range(size)]
            start = time.perf_counter()
            ask(some)
            wall.append((time.perf_counter() - start) * 1e6)
        spent = (time.process_time() - begun) * 1e6 / times
        wall.sort()
        told[what] = [wall[times // 2], wall[int(times * 0.99)], spent]
    sys.stdout.write("\n" + json.dumps(told) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
