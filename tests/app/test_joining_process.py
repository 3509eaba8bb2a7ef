"""A process that follows streams is killed at any moment, and what it kept is what there is, online and offline."""

import datetime as dt
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from shipway.app.online import read_sets
from shipway.app.project import find_project
from shipway.app.stream import list_streams

sys.path.insert(0, str(Path(__file__).parent))
from following_world import admit, check, fill, follow, make_till, read, refund, send

KILLS = 3
COMMAND = "import sys; from shipway.cli.main import main; sys.exit(main(sys.argv[1:]))"
HOUR = 3_600_000_000
BEGAN_US = (time.time_ns() // 1_000 // HOUR - 60) * HOUR
"""60 hours ago: what PostgreSQL tells is exact from its last commit on, which is now."""
TABLE = """
CREATE TABLE orders (id int8 PRIMARY KEY, shop text, price float8, at timestamptz, packed timestamptz, weight int8)
"""
AT = f"to_timestamp({BEGAN_US // 1_000_000}) + (n %% 60) * interval '1 hour' + n * interval '1 millisecond'"
MAKE = f"""
INSERT INTO orders SELECT n, chr(97 + (n %% 3)::int), n / 4.0, {AT}, {AT} + interval '1 hour', n %% 7
FROM generate_series(%s::int8, %s::int8) n ON CONFLICT (id) DO UPDATE SET price = 7.5
"""


def give(number, hour):
    """Return a refund so many hours after the beginning."""
    at = dt.datetime.fromtimestamp((BEGAN_US + hour * HOUR) / 1e6, dt.UTC)
    return refund(number, 0, at=at.isoformat())


@pytest.fixture
def database(postgres):
    """Return the address of a database with a table of orders."""
    name = postgres.make_database()
    postgres.say(TABLE, database=name)
    with psycopg.connect(postgres.address(name)) as connection:
        connection.execute(MAKE.encode(), (1, 200))
    return postgres.address(name)


@pytest.fixture
def till(tmp_path, database):
    """Return a project that follows the table, filled before anything was followed by a process."""
    root = make_till(tmp_path)
    toml = (root / "shipway.toml").read_text()
    head, _, tail = toml.partition("[raw.orders]")
    orders = f'[raw.orders]\nuri = "{database}"\ntable = "orders"\nkey = "id"\nstream = true\n\n'
    (root / "shipway.toml").write_text(head + orders + tail[tail.index("[raw.refunds]") :])
    send(root, "refunds", *(give(n, n) for n in range(1, 50, 7)))
    follow(root)
    admit(root)
    fill(root)
    return root


def start(root):
    """Return a process that follows the project's streams."""
    words = [sys.executable, "-c", COMMAND, "--project", str(root), "stream"]
    return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def change(address, dice, count):
    """Change rows, move some to other instants and shops, delete some, and make new ones."""
    move = "UPDATE orders SET at = at + %s * interval '1 hour', packed = packed + interval '9 hours', shop = 'b'"
    where = " WHERE id BETWEEN %s AND %s"
    with psycopg.connect(address) as connection:
        for _ in range(count):
            low, hours = dice.randrange(1, 300), dice.randrange(-9, 9)
            rows = (low, low + dice.randrange(1, 9))
            said, values = dice.choice(
                (
                    (f"{move}{where}", (hours, *rows)),
                    (MAKE, rows),
                    (f"DELETE FROM orders{where}", rows),
                    (f"UPDATE orders SET price = price + 0.25, weight = NULL{where}", rows),
                )
            )
            connection.execute(said.encode(), values)
            connection.commit()


def wait_for(what):
    give_up = time.monotonic() + 60
    while not what():
        assert time.monotonic() < give_up, "it did not come to that"
        time.sleep(0.02)


def test_killed_at_any_moment_online_is_what_offline_is(till, database):
    dice = random.Random(11)
    for number in range(KILLS):
        with start(till) as child:
            time.sleep(dice.uniform(0.8, 2.0))
            change(database, dice, 12)
            send(till, "refunds", *(give(dice.randrange(90), dice.randrange(30, 60)) for _ in range(5)))
            if number % 2:
                fill(till, anew=number % 4 == 1)
            time.sleep(dice.uniform(0.0, 0.5))
            assert child.poll() is None
            os.kill(child.pid, signal.SIGKILL)
        follow(till)
        admit(till)
        check(till, 62, 72, 100, start=BEGAN_US)
        assert fill(till).applied == 0


def test_it_goes_over_to_another_store_while_it_runs(till, database):
    with start(till) as child:
        wait_for(lambda: (till / ".shipway" / "stream.lock").read_text().strip() == str(child.pid))
        first = read_sets(find_project(till)).online
        project = (till / "project.py").read_text()
        more = '"least": w.least(placed.price, last="3d"), "last": w'
        (till / "project.py").write_text(project.replace('"last": w', more))
        admit(till)
        fill(till)
        assert read_sets(find_project(till)).online != first
        mark = list_streams(find_project(till))[0].changes + 2
        with psycopg.connect(database) as connection:
            connection.execute("UPDATE orders SET price = 1234.5 WHERE id = 3")
            connection.execute("DELETE FROM orders WHERE id = 6")
        wait_for(lambda: list_streams(find_project(till))[0].changes >= mark)
        wait_for(lambda: list_streams(find_project(till))[0].online.level)
        assert read(till, BEGAN_US + 62 * HOUR)[0][0]["till_spent_7d"] > 1234
        os.kill(child.pid, signal.SIGTERM)
    assert child.returncode == 0
    admit(till)
    check(till, 62, 80, start=BEGAN_US)
