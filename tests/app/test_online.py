"""The store of the declared views is filled, kept up to date and served, and says what the frame says."""

import csv
import http.client
import json
import subprocess
import sys
from contextlib import closing

import pytest

import shipway as sw
from shipway.app.feature import get_features
from shipway.app.lookup import look_up
from shipway.app.online import materialise, read_sets
from shipway.app.project import find_project
from shipway.app.run import run_project
from shipway.ports.online import list_online
from shipway.testing.refusal import expect_refusal

STORED = """
last = feature_view("last", entity("buyer", "customer"), {
    "price": w.newest(placed.price), "product": w.newest(placed.product, within="30d"),
    "returned": w.newest(settled.returned), "age": w.age(settled),
})
"""


@pytest.fixture(scope="module")
def names(ran_shop):
    with (ran_shop.root / "orders.csv").open() as file:
        rows = list(csv.DictReader(file))
    return sorted({row["customer"] for row in rows})[::17]


def check(project, names, view="customer"):
    """Compare what is read online with what is computed offline."""
    with closing(sw.online(project.root)) as online:
        at = get_features(project, view, {"customer": names[0]}).at
        answer = online.read(view, [{"customer": name} for name in names], at=at)
        told = [dict(zip(answer.features, values, strict=True)) for values in answer.values]
    for name, values in zip(names, told, strict=True):
        found = get_features(project, view, {"customer": name}).values
        assert list(values) == list(found)
        assert values == found
    return answer


def change(root, edit):
    path = root / "orders.csv"
    with path.open() as file:
        rows = list(csv.DictReader(file))
    rows = edit(rows)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    run_project(find_project(root))
    return find_project(root)


def declare(shop, source):
    path = shop.root / "project.py"
    text = path.read_text()
    path.write_text(f"{text}\nplaced, settled = purchases, settlements\n{source}")
    return find_project(shop.root)


def test_a_store_is_filled_and_says_what_is_computed_offline(shop, names):
    project = declare(shop, STORED)
    made = materialise(project)
    assert made.anew
    assert {"customer", "product", "last", "returned"} <= set(made.sets)
    assert made.left_out == {}
    answer = check(project, names)
    assert set(answer.watermarks.values()) == {made.until}
    stored = check(project, names, "last")
    assert {said for row in stored.status for said in row} >= {"present", "expired"}
    again = materialise(project)
    assert (again.anew, again.applied, again.online) == (False, 0, made.online)
    assert answer.features[0] == "customer_orders_90d"


def test_a_change_of_what_is_long_past_builds_another_store_and_readers_go_over(shop, names):
    project = declare(shop, STORED)
    made = materialise(project)
    with closing(sw.online(shop.root)) as reader:
        before = reader.read("customer", [{"customer": names[0]}], at=made.until)

        def edit(rows):
            oldest = min((row for row in rows if row["customer"] == names[0]), key=lambda row: row["placed"])
            return [row for row in rows if row is not oldest]

        project = change(shop.root, edit)
        again = materialise(project)
        assert again.anew
        assert again.online != made.online
        check(project, names)
        after = reader.read("customer", [{"customer": names[0]}], at=made.until)
        assert after.features == before.features
        path = shop.root / "project.py"
        text = path.read_text()
        # Other features of the same series need no other store, features of other series do.
        for source, anew in (('"since": w.age(placed)', False), ('"since": w.newest(placed.discount)', True)):
            path.write_text(text.replace('"age": w.age(settled)', source))
            assert materialise(find_project(shop.root)).anew == anew
        found = reader.read("last", [{"customer": names[0]}], at=made.until)
        assert found.features == ("last_price", "last_product", "last_returned", "last_since")
    stores = [name for name in list_online(shop.root / ".shipway", "") if name.startswith("views-")]
    assert len(stores) == 2, "the store before the last is left to who has it open"


KILLED = """
import itertools, os, signal, sys
from pathlib import Path

import shipway.adapters.lmdb.store as lmdb
from shipway.app.online import materialise
from shipway.app.project import find_project

calls, write = itertools.count(), lmdb.LmdbOnline.write

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
    yield

def write_and_die(self, entries, **rest):
    last = next(calls) == int(sys.argv[2])
    write(self, itertools.chain(entries, die()) if last else entries, **rest)

lmdb.LmdbOnline.write = write_and_die
materialise(find_project(Path(sys.argv[1])))
"""


def test_only_what_is_new_is_applied_and_a_killed_writer_goes_on(shop, names):
    def kill(write):
        words = [sys.executable, "-c", KILLED, str(shop.root), str(write)]
        assert subprocess.run(words, check=False).returncode == -9

    project = declare(shop, STORED)
    kill(0)
    assert read_sets(project) is None
    made = materialise(project)
    assert made.anew
    check(project, names, "last")

    def edit(rows):
        newest = max(rows, key=lambda row: row["placed"])
        return [*rows, newest | {"order_id": "999999", "customer": names[0], "price": "17.5"}]

    project = change(shop.root, edit)
    kill(0)
    again = materialise(project)
    assert (again.anew, again.applied) == (False, 1)
    check(project, names)
    assert check(project, names, "last").values[0][0] == 17.5


def test_redis_and_sqlite_hold_the_same(shop, names, redis):
    address = redis.address()
    for uri in ("sqlite:", address):
        with (shop.root / "shipway.toml").open("a") as file:
            file.write(f'\n[online]\nuri = "{uri}"\n')
        project = declare(shop, STORED)
        assert materialise(project).anew
        assert not materialise(project).anew
        check(project, names)
        check(project, names, "last")
        for path in ("shipway.toml", "project.py"):
            text = (shop.root / path).read_text()
            mark = "\n[online]" if path == "shipway.toml" else "\nplaced, settled"
            (shop.root / path).write_text(text[: text.index(mark)])


def test_a_view_that_reads_what_is_not_known_is_refused(shop):
    leaky = 'leaky = feature_view("leaky", entity("buyer", "customer"), {"r": w.newest(placed.returned)})'
    project = declare(shop, leaky)
    with expect_refusal("SW-301"):
        materialise(project)
    assert read_sets(project) is None


def test_a_view_that_is_not_kept_online_is_left_out(shop):
    odd = 'odd = feature_view("odd", entity("buyer", "customer"), {"p": w.variance(placed.price, last="7d")})'
    project = declare(shop, odd)
    made = materialise(project)
    # Until variances are kept online.
    assert ("odd" in made.sets) != made.left_out.get("odd", "").startswith("SW-106")
    assert "customer" in made.sets


def test_wrong_names_are_answered_with_the_nearest(shop, names):
    project = shop.project
    with expect_refusal("SW-104"):
        look_up(project, "customer", {"customer": names[0]})
    materialise(project)
    for name, keys, code in (
        ("custmer", {"customer": names[0]}, "SW-104"),
        ("customer", {"custmer": names[0]}, "SW-104"),
        ("customer", {}, "SW-802"),
        ("basket", {"price": "dear"}, "SW-203"),
    ):
        with expect_refusal(code):
            look_up(project, name, keys)
    answer = look_up(project, "customer", {"customer": "nobody"})
    assert answer.values == [[0, None, 0.0, None]]
    assert answer.status == [["present", "missing", "present", "missing"]]


def test_the_command_fills_and_reads(shop, names, shipway):
    made = shipway("features", "materialise", "--json", cwd=shop.root).document
    assert made["anew"]
    said = shipway("features", "get", "customer", f"customer={names[0]}", "--online", cwd=shop.root)
    assert said.code == 0
    assert "orders.placed whole up to" in said.out
    found = shipway("features", "get", "customer", f"customer={names[0]}", "--online", "--json", cwd=shop.root).document
    assert found["status"] == [["present"] * 4]


def test_the_server_answers_with_features(shop, names):
    materialise(shop.project)
    words = [sys.executable, "-m", "shipway.serving", "--state", str(shop.root / ".shipway"), "--watch-stdin"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        way = http.client.HTTPConnection("127.0.0.1", int(server.stdout.readline().rpartition(":")[2]), timeout=30)

        def ask(method, path, body=None):
            way.request(method, path, None if body is None else json.dumps(body), {"content-type": "application/json"})
            answer = way.getresponse()
            return answer.status, json.load(answer)

        assert ask("GET", "/v1/features")[1] == {"sets": ["basket", "customer", "product", "returned"]}
        status, many = ask("POST", "/v1/features/customer", {"rows": [{"customer": name} for name in names]})
        assert status == 200
        _, one = ask("POST", "/v1/features/customer", {"rows": {"customer": names[3]}})
        assert one["values"][0][:3] == many["values"][3][:3]
        assert one["set"] == "customer"
        assert one["watermarks"].keys() == one["newest"][0].keys() == {"orders.placed", "orders.settled"}
        for path, body, status, code in (
            ("/v1/features/custmer", {"rows": []}, 404, "SW-104"),
            ("/v1/features/customer", {"rows": {}}, 422, "SW-802"),
            ("/v1/features/customer", {"rows": {"customer": 7}}, 422, "SW-802"),
            ("/v1/features/customer", {"rows": [{"customer": "x"}] * 1_001}, 413, "SW-802"),
            ("/v1/features/customer", {"rows": [], "at": 1}, 400, "SW-802"),
        ):
            told = ask("POST", path, body)
            assert (told[0], told[1]["code"]) == (status, code)
        assert ask("POST", "/v1/features/customer", {"rows": []})[1]["values"] == []
        counts = ask("GET", "/v1/status")[1]["counts"]
        assert (counts["looked_up"], counts["refused"]) == (len(names) + 1, 5)
        way.close()
        server.stdin.close()
        assert server.wait(30) == 0
