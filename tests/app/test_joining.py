"""Streams keep the online store current, and what is read there is what is computed of the admitted data."""

import shutil
import sys
from pathlib import Path

import pytest

from shipway.app.doctor import diagnose
from shipway.app.online import read_sets
from shipway.app.project import find_project
from shipway.app.stream import list_streams
from shipway.core.error import ShipwayError

sys.path.insert(0, str(Path(__file__).parent))
from following_world import START_US, admit, check, fill, follow, make_till, order, read, refund, send

HOUR = 3_600_000_000


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """Return the project with some orders and refunds, run and materialised; read it only."""
    root = make_till(tmp_path_factory.mktemp("filled"))
    send(root, "orders", *(order(n, n) for n in range(1, 60)))
    send(root, "refunds", *(refund(n, n + 3) for n in range(1, 60, 7)))
    follow(root)
    admit(root)
    assert fill(root).followed == ("orders", "refunds")
    return root


@pytest.fixture
def till(filled, tmp_path):
    """Return a copy of it."""
    return Path(shutil.copytree(filled, tmp_path / "till"))


def rewrite(root, old, new, file="project.py"):
    text = (root / file).read_text()
    assert old in text
    (root / file).write_text(text.replace(old, new))


def store(root):
    return read_sets(find_project(root)).online


def test_streams_go_on_from_where_the_store_was_filled(till):
    send(till, "orders", *(order(n, n) for n in range(60, 90)), order(5, 5, price=99.5), order(59, 80))
    send(till, "refunds", *(refund(n, n) for n in range(70, 90, 7)), refund(8, 60, amount=0.5))
    before = store(till)
    told = follow(till)
    assert "orders in online store" in "".join(told)
    admit(till)
    check(till, 90, 120)
    assert store(till) == before
    answer = read(till, START_US + 100 * HOUR)[1]
    assert answer.watermarks["orders.at"] == START_US + (89 - 6) * HOUR
    assert fill(till).applied == 0


def test_rows_that_come_twice_late_and_changed_are_taken_once(till):
    rows = [order(n, n) for n in range(60, 70)]
    send(
        till,
        "orders",
        *rows,
        *reversed(rows),
        order(3, 70),
        order(90, 58),
        order(61, 61, price=-1),
        order(4, 4, shop="c"),
    )
    follow(till)
    follow(till)
    admit(till)
    found = check(till, 71, 75, 200)
    assert found[0]["till_n_1d"] == 0


def test_a_new_view_is_filled_from_the_lake_and_gone_over_to(till):
    send(till, "orders", order(60, 60))
    follow(till)
    rewrite(till, '"last": w', '"least_3d": w.least(placed.price, last="3d"), "last": w')
    before = store(till)
    send(till, "orders", order(61, 61))
    # What is served stays what it was, and is kept so, until somebody fills the store of the new definitions.
    follow(till)
    assert "till_least_3d" not in read(till, START_US)[0][0]
    assert read(till, START_US + 61 * HOUR)[0][1]["till_last"] == 61 / 4
    admit(till)
    assert fill(till).anew
    assert store(till) != before
    check(till, 61, 90)
    send(till, "orders", order(62, 62))
    follow(till)
    admit(till)
    check(till, 62, 90)


def test_another_function_makes_every_row_anew(till):
    rewrite(till, 'pl.col("price") * 100', 'pl.col("price") * 1000')
    follow(till)
    admit(till)
    check(till, 60)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ('cents=pl.col("price").rank().cast(pl.Int64)', "SW-106"),
        ('cents=pl.col("prize")', "SW-206"),
        ('id="x" + pl.col("id").cast(pl.String), cents=1', "SW-106"),
    ],
)
def test_what_cannot_be_kept_up_never_holds_up_the_lake(till, wrong, code):
    right = 'cents=(pl.col("price") * 100).round().cast(pl.Int64)'
    rewrite(till, right, wrong)
    send(till, "orders", order(60, 60))
    with pytest.raises(ShipwayError, match=code):
        follow(till)
    assert list_streams(find_project(till))[0].newest_us == START_US + 60 * HOUR
    assert read(till, START_US + 60 * HOUR)[0][0]["till_last"] == 57 / 4
    rewrite(till, wrong, right)
    follow(till)
    admit(till)
    check(till, 60, 70)


def test_a_stream_that_begins_anew_builds_another_store(till):
    before = store(till)
    text = (till / "orders.jsonl").read_text().splitlines()
    (till / "orders.jsonl").write_text("\n".join(text[10:]) + "\n")
    follow(till, "orders", anew=True)
    assert store(till) != before
    admit(till)
    check(till, 60, 90)


def test_a_change_of_what_is_long_past_builds_another_store(till):
    before = store(till)
    send(till, "refunds", refund(1, 400))
    follow(till)
    fill(till)
    send(till, "refunds", refund(2, 20), refund(8, 20))
    follow(till)
    assert store(till) != before
    admit(till)
    check(till, 60, 400)


def test_changes_of_what_is_long_past_that_come_one_by_one_are_all_in_the_store_at_the_end(till, monkeypatch):
    send(till, "refunds", refund(1, 400))
    follow(till)
    fill(till)
    # Each is read and applied by itself, so that the second comes right after a store was built because of the first.
    monkeypatch.setattr("shipway.data.consumer.READ_RECORDS", 1)
    monkeypatch.setattr("shipway.app.following.ONLINE_S", 0)
    send(till, "refunds", refund(2, 20), refund(8, 20), refund(11, 21))
    follow(till)
    admit(till)
    check(till, 60, 400)


def test_a_stream_may_wait_for_what_runs_admit(till):
    rewrite(till, 'lateness = "6h"', 'lateness = "6h"\nonline = false', "shipway.toml")
    assert fill(till).followed == ("refunds",)
    send(till, "orders", order(60, 60))
    send(till, "refunds", refund(61, 60))
    follow(till)
    assert read(till, START_US + 60 * HOUR)[0][0]["till_last"] == 57 / 4
    admit(till)
    fill(till)
    check(till, 60, 70)


def test_a_store_that_was_filled_from_runs_is_handed_over(till):
    rewrite(till, 'lateness = "6h"', 'lateness = "6h"\nonline = false', "shipway.toml")
    fill(till)
    rewrite(till, "\nonline = false", "", "shipway.toml")
    send(till, "orders", order(60, 60), order(50, 50, price=-1))
    before = store(till)
    follow(till)
    assert store(till) == before
    admit(till)
    check(till, 60, 70)


def test_a_store_that_was_filled_from_whole_tables_is_built_anew_for_the_first_stream(till):
    rewrite(till, 'event = "at"\n', 'event = "at"\nonline = false\n', "shipway.toml")
    assert fill(till).followed == ()
    rewrite(till, "online = false\n", "", "shipway.toml")
    send(till, "orders", order(60, 60))
    before = store(till)
    follow(till)
    assert store(till) != before
    admit(till)
    check(till, 60, 70)


def test_how_far_behind_it_is_stands_everywhere(till, shipway):
    orders, refunds = list_streams(find_project(till))
    assert orders.online.store == store(till)
    assert (orders.online.sources, orders.online.watermark_us) == (("orders",), START_US + (59 - 6) * HOUR)
    assert (orders.online.level, orders.online.refused) == (True, 0)
    assert refunds.online.watermark_us == START_US + 60 * HOUR
    assert read(till, START_US + 72 * HOUR)[1].late == ()
    assert read(till, START_US + 73 * HOUR)[1].late == ("refunds.at",)
    assert read(till, START_US + 73 * HOUR, "places")[1].late == ()
    said = shipway("features", "get", "till", "shop=a", "--at", "2024-06-04T01:00", "--online", cwd=till).out
    assert "13h before, later than it is expected" in said
    # The lake goes on without the store.
    rewrite(till, 'cents=(pl.col("price")', 'cents=(pl.col("prize")')
    send(till, "orders", order(60, 70))
    with pytest.raises(ShipwayError, match="SW-206"):
        follow(till)
    assert not list_streams(find_project(till))[0].online.level
    assert "behind the lake" in " ".join(shipway("status", cwd=till).out.split())
    (symptom,) = [each for each in diagnose(till) if each.what == "stream orders"]
    assert symptom.hint == "shipway stream orders brings it up to the lake"


def test_nothing_is_served_before_it_is_filled(tmp_path):
    root = make_till(tmp_path)
    send(root, "orders", order(1, 1))
    follow(root)
    assert read_sets(find_project(root)) is None
