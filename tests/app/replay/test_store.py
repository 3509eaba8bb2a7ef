"""Stores are there as long as a routing names them, and a late one never knows more than it did the first time."""

from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec
import pytest

from shipway.app.replay.history import History
from shipway.app.replay.store import Stores, read_lag
from shipway.app.workspace import Workspace
from shipway.core.bundle import Manifest
from shipway.core.error import ShipwayError
from shipway.core.online import Layout
from shipway.kit.duration import DAY, HOUR
from shipway.ports.adapter import load_adapter
from shipway.ports.online import list_online, open_online

START = 1_725_148_800_000_000
"""The first of September 2024 in UTC."""


@pytest.fixture(scope="module")
def history(living_shop) -> Generator[History]:
    with closing(Workspace(living_shop.project)) as workspace:
        model = living_shop.project.registry.models["returned"]
        yield History(workspace, model, (START, START + 21 * DAY))


@pytest.fixture(scope="module")
def layout(living_shop) -> Layout:
    with closing(Workspace(living_shop.project)) as workspace:
        bundle = workspace.state().models["returned"][0].bundle
        manifest = msgspec.json.decode(workspace.blobs.get(bundle), type=Manifest)
    return manifest.keyed.make_layout()


@contextmanager
def open_stores(folder: Path, history: History) -> Generator[Stores]:
    stores = Stores(folder, history.make_feed)
    try:
        yield stores
    finally:
        stores.close()


def read_all(folder: Path, history: History, layout: Layout) -> list:
    """Return every entry of every series of a store."""
    names = {name for stream in history.make_feed(layout).streams for one in stream.series for name in one.names}
    return read_names(load_adapter("online.lmdb")(folder), sorted(names))


def read_names(online, names) -> list:
    with closing(online):
        return [(name, online.between(name, START - 200 * DAY, START + 200 * DAY)) for name in names]


def test_stores_come_and_go_with_the_routing(tmp_path: Path, history: History, layout: Layout) -> None:
    name, late = layout.namespace, f"{layout.namespace}~6h"
    with open_stores(tmp_path, history) as stores:
        stores.follow({name: layout}, START)
        assert not stores.late
        stores.follow({name: layout, late: layout}, START + DAY)
        assert stores.late
        assert sorted(path.name for path in (tmp_path / "online").iterdir()) == [name, late]
        stores.follow({name: layout}, START + 2 * DAY)
        assert not stores.late
        assert (tmp_path / "online" / late).exists(), "a server may have it open still"
        stores.rewind(START + 2 * DAY, {name})
        assert [path.name for path in (tmp_path / "online").iterdir()] == [name]


def test_a_store_that_is_named_later_is_as_if_it_had_always_been(
    tmp_path: Path, history: History, layout: Layout
) -> None:
    name = layout.namespace
    with open_stores(tmp_path / "early", history) as stores:
        stores.follow({name: layout}, START)
        for hour in range(1, 48):
            stores.advance(START + hour * HOUR)
        stores.trim(START + 47 * HOUR)
    with open_stores(tmp_path / "late", history) as stores:
        stores.follow({name: layout}, START + 47 * HOUR)
        stores.trim(START + 47 * HOUR)
    one, other = (read_all(tmp_path / where / "online" / name, history, layout) for where in ("early", "late"))
    assert one == other
    assert sum(len(entries) for _, entries in one) > 10_000


def test_a_late_store_goes_back_to_what_it_knew(tmp_path: Path, history: History, layout: Layout) -> None:
    name, late = layout.namespace, f"{layout.namespace}~6h"
    both = {name: layout, late: layout}
    with open_stores(tmp_path / "back", history) as stores:
        stores.follow(both, START)
        stores.advance(START + DAY)
        stores.advance(START + 2 * DAY)
        stores.rewind(START + DAY, set(both))
    with open_stores(tmp_path / "straight", history) as stores:
        stores.follow(both, START + DAY)
    with open_stores(tmp_path / "hours before", history) as stores:
        stores.follow({name: layout}, START + DAY - 6 * HOUR)
    back, straight = (read_all(tmp_path / where / "online" / late, history, layout) for where in ("back", "straight"))
    newest = max(entries[-1][0] for _, entries in back if entries)
    assert back == straight
    assert START + DAY - 7 * HOUR < newest <= START + DAY - 6 * HOUR
    # The other one is ahead, which does no harm: it is read as of an instant.
    ahead = read_all(tmp_path / "back" / "online" / name, history, layout)
    assert max(entries[-1][0] for _, entries in ahead if entries) > START + DAY


def test_a_late_store_reaches_back_as_far_as_any(tmp_path: Path, history: History, layout: Layout) -> None:
    late = f"{layout.namespace}~6h"
    with open_stores(tmp_path, history) as stores:
        stores.follow({late: layout}, START)
    feed = history.make_feed(layout)
    stream = next(stream for stream in feed.streams if stream.name == "orders.placed")
    entries = read_all(tmp_path / "online" / late, history, layout)
    assert min(found[0][0] for _, found in entries if found) < START - 60 * DAY
    assert max(found[-1][0] for _, found in entries if found) <= START - 6 * HOUR
    assert int(stream.due.max()) > START


def test_events_are_counted_by_when_they_arrive(tmp_path: Path, history: History, layout: Layout) -> None:
    feed = history.make_feed(layout)
    name, late = layout.namespace, f"{layout.namespace}~6h"

    def naive(after: int, until: int) -> tuple[int, int]:
        events = [
            (stream, place)
            for stream in feed.streams
            for place, due in enumerate(stream.due.tolist())
            if after < due <= until
        ]
        return len(events), sum(one.codes[place] >= 0 for stream, place in events for one in stream.series)

    with open_stores(tmp_path, history) as stores:
        stores.follow({name: layout}, START)
        assert stores.count(START, START + DAY) == naive(START, START + DAY)
        stores.follow({name: layout, late: layout}, START + DAY)
        prompt, lagged = naive(START, START + DAY), naive(START - 6 * HOUR, START + 18 * HOUR)
        assert stores.count(START, START + DAY) == (prompt[0] + lagged[0], prompt[1] + lagged[1])


def test_a_store_that_a_power_cut_has_spoiled_is_built_again(tmp_path: Path, history: History, layout: Layout) -> None:
    name = layout.namespace
    with open_stores(tmp_path, history) as stores:
        stores.follow({name: layout}, START)
    whole = read_all(tmp_path / "online" / name, history, layout)
    (tmp_path / "online" / name / "unsynced").write_text("another run of the machine")
    with open_stores(tmp_path, history) as stores:
        stores.follow({name: layout}, START)
        stores.sync()
    assert read_all(tmp_path / "online" / name, history, layout) == whole


@pytest.mark.parametrize("name", ["3f2a", "{}~", "{}~soon", "{}~-6h", "{}6h"])
def test_a_name_that_is_not_the_layouts_is_refused(layout: Layout, name: str) -> None:
    with pytest.raises(ShipwayError, match="is called") as caught:
        read_lag(name.format(layout.namespace), layout)
    assert caught.value.code == "SW-805"


def test_a_name_says_how_late_a_store_is(layout: Layout) -> None:
    assert read_lag(layout.namespace, layout) == 0
    assert read_lag(f"{layout.namespace}~1h30m", layout) == 90 * 60 * 1_000_000


def test_a_server_keeps_what_files_keep(tmp_path: Path, history: History, layout: Layout, redis) -> None:
    name, late, address = layout.namespace, f"{layout.namespace}~6h", redis.address()
    for uri in ("", "sqlite:", address):
        stores = Stores(tmp_path / (uri and "sqlite"), history.make_feed, uri=uri)
        with closing(stores):
            stores.follow({name: layout, late: layout}, START)
            stores.advance(START + DAY)
            stores.trim(START + DAY)
            stores.rewind(START + 12 * HOUR, {name, late})
            stores.sync()
    assert list_online(tmp_path, address) == [name, late]
    for each in (name, late):
        files = read_all(tmp_path / "online" / each, history, layout)
        names = [name for name, _ in files]
        assert read_names(open_online(tmp_path / "sqlite", "sqlite:", each, readonly=True), names) == files
        assert read_names(open_online(tmp_path, address, each, readonly=True), names) == files
