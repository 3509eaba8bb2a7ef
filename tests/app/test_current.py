"""The store that counts is written to by turns, and versions whose own store nobody fills read from it."""

import sys
from contextlib import closing
from pathlib import Path

import pytest

from shipway.app.current import CurrentStore
from shipway.app.feature import get_features
from shipway.app.online import materialise
from shipway.app.project import find_project
from shipway.app.release import open_service
from shipway.app.workspace import Workspace
from shipway.core.service import Routing
from shipway.serving.loader import Loader
from shipway.serving.log import LogWriter

sys.path.insert(0, str(Path(__file__).parent))
from following_world import admit, check, fill, follow, make_till, order, send


@pytest.mark.parametrize("kind", ["lmdb", "redis"])
def test_who_writes_takes_turns(tmp_path, request, kind):
    root = make_till(tmp_path)
    if kind == "redis":
        with (root / "shipway.toml").open("a") as file:
            file.write(f'\n[online]\nuri = "{request.getfixturevalue("redis").address()}"\n')
    send(root, "orders", *(order(n, n) for n in range(1, 60)))
    send(root, "refunds", *(order(n, n, amount=1.0) for n in range(1, 9)))
    follow(root)
    admit(root)
    fill(root)
    with closing(CurrentStore(root)) as current:
        store = current.take(current.mark)
        before = store.standing("orders")
        send(root, "orders", order(60, 60))
        # Another process writes to the store, and whatever it leaves is gone on from.
        follow(root)
        assert store.standing("orders") == before
        store.take_turn(lambda upkeep: upkeep.trim(lasting=False))
        assert store.standing("orders").applied == before.applied + 1
        (root / "shops.csv").write_text("shop,city\na,Aarhus\nb,Bergen\nc,Cork\nd,Derby\n")
        admit(root)
        fill(root)
        store.take_turn(lambda upkeep: upkeep.trim(lasting=False))
        current.give(store)
    admit(root)
    check(root, 60, 70)


def test_a_version_reads_the_store_that_is_kept_current(shop):
    with (shop.root / "shipway.toml").open("a") as file:
        file.write('\n[services.returned]\nmodel = "returned"\n')
    project = find_project(shop.root)
    with closing(Workspace(project)) as workspace:
        number = workspace.peek().models["returned"][-1].number
        service = open_service(workspace, "returned", number, workspace.now)
    made = materialise(project)
    assert f"returned@{number}" in made.sets
    routing = Routing(service="returned", model="returned", stable=service.stable)
    with closing(Loader(shop.root / ".shipway", LogWriter())) as loader:
        feed = loader.load(routing, strict=True).stable.feed
        row = {"order_id": 1, "customer": "c0042", "product": "p011", "category": "shoes", "channel": "web"}
        row |= {"price": 17.65, "discount": 0.0, "weekday": 6, "hour": 12}

        def look():
            found = feed.reader.read([row], [made.until])[0].values
            return dict(zip(feed.layout.columns, found, strict=True))["customer_orders_90d"]

        wanted = get_features(project, "customer", {"customer": "c0042"}, made.until).values["customer_orders_90d"]
        assert look() == wanted > 0
        # Other definitions fill another store, which has what the version reads as well.
        path = shop.root / "project.py"
        other = '"dear_7d": w.greatest(purchases.price, last="7d")'
        path.write_text(path.read_text().replace('"orders_90d": w.count(purchases, last="90d")', other))
        assert materialise(find_project(shop.root)).online != made.online
        assert look() == wanted
    with closing(Loader(shop.root / ".shipway", LogWriter(), replay=True)) as loader:
        found = loader.load(routing, strict=True).stable.feed.reader.read([row], [made.until])[0]
        assert found.watermarks == ()
