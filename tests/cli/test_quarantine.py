"""What was set aside, as a terminal shows it."""

import io

import msgspec

from shipway.app.quarantine import PieceLine, QuarantineLine, RefusedRow, ReleasedRows
from shipway.cli.quarantine import show_quarantine, show_released
from shipway.cli.render import open_console

ROW = RefusedRow(piece="a\x1b[2J.csv", row=1234, rule="id: key is missing", record={"id": None, "shop": "x\u202e"})
PIECE = PieceLine(piece=ROW.piece, taken_at=0, waits=False, rows=2000, refused=7, rules={ROW.rule: 5, "shop: other": 3})
LINE = QuarantineLine(
    name="orders",
    contract="contracts/orders.toml",
    taken=24_000,
    refused=7,
    ready=0,
    newer=0,
    why="",
    pieces=[PIECE],
    rules=PIECE.rules,
    examples={ROW.rule: [ROW], "shop: other": []},
    rows=[],
)
MADE = ReleasedRows(name="orders", released=2, newer=0, refused=0)


def show(*lines, zone="UTC"):
    file = io.StringIO()
    show_quarantine(open_console(file), lines, zone)
    return file.getvalue()


def released(**fields):
    file = io.StringIO()
    show_released(open_console(file), msgspec.structs.replace(MADE, **fields))
    return file.getvalue()


def change(**fields):
    return msgspec.structs.replace(LINE, **fields)


def test_pieces_stand_with_their_rules_and_rows_with_their_places():
    lines = show(LINE).splitlines()
    assert lines[0] == "orders  7 of 24,000 rows set aside, in 1 piece"
    assert lines[2].split("  ")[:3] == [r"a\x1b[2J.csv", "1970-01-01", "7 of 2,000"]
    assert "shop: other" in lines[3]
    assert "id: key is missing  5 rows, 1 of them" in lines
    assert r'  a\x1b[2J.csv row 1,234  {"id":null,"shop":"x\u202e"}' in lines
    assert lines[-1] == "release   then take them back in: shipway data quarantine orders --release"


def test_what_waits_or_has_no_time_any_more_says_so():
    assert "waits to be admitted" in show(change(pieces=[msgspec.structs.replace(PIECE, waits=True)]))
    old = show(change(pieces=[msgspec.structs.replace(PIECE, taken_at=None)]))
    assert "1970" not in old


def test_all_rows_stand_in_place_of_examples_and_are_shown_to_their_ends():
    long = msgspec.structs.replace(ROW, record={"text": "x" * 2000})
    assert "characters more" in show(change(examples={ROW.rule: [long]}))
    whole = show(change(rows=[long, long], examples={ROW.rule: [long]}))
    assert whole.count("x" * 2000) == 2
    assert "characters more" not in whole


def test_what_can_be_done_depends_on_the_rows():
    assert "1 row can be taken back in as the contract is now" in show(change(ready=1))
    assert "2 rows cannot be: what is kept under their key may be newer" in show(change(newer=2))
    assert "release   it is read anew" in show(change(ready=None, why="it is read anew"))


def test_an_input_of_which_nothing_is_set_aside_says_so():
    assert show(change(refused=0)) == "orders  none of 24,000 rows is set aside\n"
    assert show() == "no raw input has a contract, so nothing is ever set aside\n"
    assert show(change(refused=0), LINE).count("\n\n") >= 1


def test_what_a_release_came_to_is_said():
    assert "main has them" in released(commit="c", moved=True, outcome="pass")
    refused = released(commit="c", outcome="fail", newer=1, refused=2, reasons=("gate \x1b failed",))
    assert "waits on branch ingest" in refused
    assert r"gate \x1b failed" in refused
    assert "1 row: what is kept" in refused
    assert "2 rows: see shipway data quarantine orders" in refused
    assert released(released=0).splitlines() == ["taken back in  0 rows"]
