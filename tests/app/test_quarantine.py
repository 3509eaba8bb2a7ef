"""What a person sees of rows that were set aside, and how they come back in through the gates."""

import signal
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from shipway.app.check import check_project
from shipway.app.override import give_override
from shipway.app.project import find_project
from shipway.app.quarantine import QuarantineLine, read_quarantine, release_rows
from shipway.app.run import run_project
from shipway.app.workspace import Workspace
from shipway.core.table import MAIN
from shipway.testing.process import start_child
from shipway.testing.refusal import expect_refusal

TOML = """\
[project]
name = "trial"
timezone = "UTC"

[raw.orders]
uri = "orders/"
key = "id"
quarantine = 0.9

[raw.notes]
uri = "notes/"
quarantine = 0.9
"""
CODE = """\
import polars as pl

import shipway as sw


@sw.source(key="id", raw="orders", known_at={"always": ("price", "shop")}, restated=("price", "shop"))
def orders(orders: pl.DataFrame) -> pl.DataFrame:
    return orders


sw.gate("data", sw.has_rows(orders) >= 3, sw.present(orders.shop), before="training")
"""
EVIL = "\x1b[2J\u202e"


def edit(path: Path, old: str, new: str) -> None:
    """Replace text in a file that has it once."""
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def deliver(root: Path, name: str, *rows: str) -> None:
    """Put a delivery of orders into the folder."""
    (root / "orders" / name).write_text("\n".join(["id,price,shop", *rows]) + "\n")


def accept_text(root: Path) -> None:
    """Let a price be any text."""
    edit(root / "contracts" / "orders.toml", 'price = { type = "float" }', 'price = { type = "text" }')


def find(root: Path, name: str = "orders", **words: Any) -> QuarantineLine:
    """Return what is set aside of one input."""
    (line,) = read_quarantine(find_project(root), name, **words)
    return line


def head_of(root: Path) -> str | None:
    """Return where main is."""
    with closing(Workspace(find_project(root))) as workspace:
        return workspace.tables.head(MAIN)


def orders_of(root: Path) -> list[tuple[Any, ...]]:
    """Return the orders on main."""
    with closing(Workspace(find_project(root))) as workspace:
        return sorted(workspace.tables.read(workspace.main_commit().tables["orders"]).rows())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a project that was never run."""
    root = tmp_path / "trial"
    for folder in ("orders", "notes"):
        (root / folder).mkdir(parents=True)
    (root / "shipway.toml").write_text(TOML)
    (root / "project.py").write_text(CODE)
    (root / "notes" / "1.csv").write_text("a\n1\n")
    deliver(root, "1.csv", "1,5.5,north", "2,6.5,south", "3,7.5,north")
    return root


@pytest.fixture
def broken(root: Path) -> Path:
    """Return a project that took in a delivery of which three rows were set aside."""
    assert run_project(find_project(root)).outcome == "pass"
    deliver(root, "2.csv", "4,cheap,north", f"5,9.5,{EVIL}", ",dear,", "6,8.5,south", "1,5.75,north")
    assert run_project(find_project(root)).outcome == "pass"
    return root


def test_before_anything_was_taken_in_nothing_is_set_aside_and_nothing_is_made(root: Path) -> None:
    lines = read_quarantine(find_project(root))
    assert [(line.name, line.refused, line.taken, line.pieces) for line in lines] == [
        ("orders", 0, 0, []),
        ("notes", 0, 0, []),
    ]
    assert not (root / ".shipway").exists()


def test_rows_are_counted_by_piece_and_rule_with_some_of_them_as_they_came(broken: Path) -> None:
    line = find(broken)
    assert (line.refused, line.taken, line.contract) == (3, 8, "contracts/orders.toml")
    assert line.rules == {
        "price: not a number": 2,
        "shop: text is damaged": 1,
        "id: key is missing": 1,
        "shop: value is missing": 1,
    }
    (piece,) = line.pieces
    assert (piece.piece, piece.rows, piece.refused, piece.waits) == ("2.csv", 5, 3, False)
    assert piece.rules == line.rules
    with closing(Workspace(find_project(broken))) as workspace:
        head = workspace.tables.head(MAIN)
        assert head is not None
        assert piece.taken_at == workspace.catalog.stored_at([head])[head]
    first = line.examples["shop: text is damaged"][0]
    assert (first.piece, first.row, first.record) == ("2.csv", 2, {"id": "5", "price": "9.5", "shop": EVIL})
    assert line.rows == []
    assert [row.row for row in find(broken, rows=True).rows] == [1, 2, 3]


def test_pieces_come_newest_first_with_the_time_of_each(broken: Path) -> None:
    deliver(broken, "3.csv", "7,free,north", "8,1.5,north")
    run_project(find_project(broken))
    deliver(broken, "4.csv", "9,1.5,north")
    run_project(find_project(broken))
    newest, older = find(broken).pieces
    assert (newest.piece, older.piece) == ("3.csv", "2.csv")
    assert newest.taken_at is not None
    assert older.taken_at is not None
    assert older.taken_at < newest.taken_at


def test_rows_of_a_delivery_that_waits_are_shown_and_say_so(broken: Path) -> None:
    edit(broken / "contracts" / "orders.toml", 'shop  = { type = "text" }', 'shop = { type = "text", nullable = true }')
    deliver(broken, "3.csv", "7,free,north", "8,1.5,")
    assert run_project(find_project(broken)).outcome == "fail"
    newest, older = find(broken).pieces
    assert (newest.piece, newest.waits) == ("3.csv", True)
    assert (older.piece, older.waits) == ("2.csv", False)


def test_rows_come_back_once_the_contract_lets_them_and_are_judged_like_any(broken: Path) -> None:
    assert (find(broken).ready, find(broken).why) == (0, "")
    nothing = release_rows(find_project(broken), "orders")
    assert (nothing.released, nothing.refused, nothing.commit) == (0, 3, None)
    accept_text(broken)
    assert find(broken).ready == 1
    made = release_rows(find_project(broken), "orders")
    assert (made.released, made.refused, made.moved, made.outcome) == (1, 2, True, "pass")
    assert made.commit == head_of(broken)
    assert (4, "cheap", "north") in orders_of(broken)
    assert (1, "5.75", "north") in orders_of(broken)
    assert (find(broken).refused, find(broken).ready) == (2, 0)
    run = run_project(find_project(broken))
    assert (run.outcome, run.commit) == ("pass", made.commit)


def test_what_a_gate_does_not_let_through_stays_set_aside(broken: Path) -> None:
    deliver(broken, "3.csv", "7,3.5,", "8,1.5,north")
    run_project(find_project(broken))
    edit(broken / "contracts" / "orders.toml", 'shop  = { type = "text" }', 'shop = { type = "text", nullable = true }')
    before = head_of(broken)
    made = release_rows(find_project(broken), "orders")
    assert (made.released, made.moved, made.outcome) == (1, False, "fail")
    assert "present(orders.shop)" in made.reasons[0]
    assert head_of(broken) == before
    assert find(broken).refused == 4
    assert check_project(find_project(broken)).waiting is not None
    give_override(find_project(broken), "data", by="ana", reason="known")
    again = release_rows(find_project(broken), "orders")
    assert (again.released, again.moved, again.commit) == (1, True, made.commit)
    assert find(broken).refused == 3


DIES = """
import os, signal, sys
from pathlib import Path
from shipway.app.project import find_project
from shipway.app.quarantine import release_rows
from shipway.app.workspace import Workspace
from shipway.infra.lake import Lake

owner, name, when = sys.argv[2:]
kind = {"Lake": Lake, "Workspace": Workspace}[owner]
real = getattr(kind, name)

def die(self, *words, **more):
    if when == "after":
        real(self, *words, **more)
    os.kill(os.getpid(), signal.SIGKILL)

setattr(kind, name, die)
release_rows(find_project(Path(sys.argv[1])), "orders")
"""


@pytest.mark.parametrize(
    ("owner", "name", "when"),
    [
        ("Lake", "commit", "before"),
        ("Lake", "commit", "after"),
        ("Lake", "merge", "before"),
        ("Lake", "merge", "after"),
        ("Workspace", "store_state", "before"),
    ],
)
def test_a_release_that_is_killed_loses_no_row_and_goes_on(broken: Path, owner: str, name: str, when: str) -> None:
    accept_text(broken)
    with start_child(DIES, broken, owner, name, when) as child:
        assert child.wait(60) == -signal.SIGKILL
    moved = (4, "cheap", "north") in orders_of(broken)
    assert moved == (name == "store_state" or (name, when) == ("merge", "after"))
    assert find(broken).refused == (2 if moved else 3)
    again = release_rows(find_project(broken), "orders")
    assert again.released == (0 if moved else 1)
    assert (4, "cheap", "north") in orders_of(broken)
    assert find(broken).refused == 2
    assert run_project(find_project(broken)).outcome == "pass"
    assert (4, "cheap", "north") in orders_of(broken)


def test_an_input_that_is_read_anew_has_nothing_to_take_back(broken: Path) -> None:
    edit(broken / "contracts" / "notes.toml", 'a = { type = "int" }', 'a = { type = "date" }')
    (broken / "notes" / "2.csv").write_text("a\n2024-01-02\n2\n")
    edit(broken / "shipway.toml", 'uri = "notes/"\nquarantine = 0.9', 'uri = "notes/"\nquarantine = 1.0')
    run_project(find_project(broken))
    line = find(broken, "notes")
    assert (line.refused, line.ready) == (2, None)
    assert "is read anew" in line.why
    with expect_refusal("SW-224"):
        release_rows(find_project(broken), "notes")


def test_names_that_are_wrong_are_answered_with_right_ones(broken: Path) -> None:
    with expect_refusal("SW-104") as refused:
        read_quarantine(find_project(broken), "order")
    assert "did you mean 'orders'?" in refused[0].hint
    with expect_refusal("SW-104"):
        release_rows(find_project(broken), "order")


def test_nothing_was_admitted_yet(root: Path) -> None:
    (root / "contracts").mkdir()
    (root / "contracts" / "orders.toml").write_text('[columns]\nid = { type = "int" }\n')
    with expect_refusal("SW-401"):
        release_rows(find_project(root), "orders")


def test_command_shows_rows_without_letting_them_touch_the_terminal(broken: Path, shipway: Any) -> None:
    shown = shipway("data", "quarantine", cwd=broken)
    assert shown.code == 0
    assert "3 of 8 rows set aside, in 1 piece" in shown.out
    assert "notes  none of 1 row is set aside" in shown.out
    assert "price: not a number" in shown.out
    assert r"\u001b[2J" in shown.out
    assert not set(shown.out) & set(EVIL[0] + EVIL[-1])
    assert "contracts/orders.toml" in shown.out
    rows = shipway("data", "quarantine", "orders", "--rows", cwd=broken).out
    assert [f"2.csv row {row}" in rows for row in (1, 2, 3)] == [True] * 3
    (document,) = shipway("data", "quarantine", "orders", "--json", cwd=broken).document
    assert [row["row"] for row in document["rows"]] == [1, 2, 3]
    assert document["pieces"][0]["taken_at"].endswith("Z")


def test_command_takes_rows_back(broken: Path, shipway: Any) -> None:
    accept_text(broken)
    assert "1 row can be taken back in" in shipway("data", "quarantine", cwd=broken).out
    answer = shipway("data", "quarantine", "orders", "--release", "--json", cwd=broken)
    assert (answer.code, answer.document["released"], answer.document["moved"]) == (0, 1, True)
    again = shipway("data", "quarantine", "orders", "--release", cwd=broken)
    assert (again.code, "taken back in  0 rows" in again.out) == (0, True)
    assert shipway("data", "quarantine", "--release", "--json", cwd=broken).code == 2
