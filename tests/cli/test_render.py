"""What the command line shows, without a terminal and in one."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from shipway.app.progress import Event
from shipway.cli.failure import Failure
from shipway.cli.render import (
    fit_columns,
    open_console,
    print_document,
    print_failure,
    show_facts,
    show_table,
    show_title,
    watch_run,
    word,
    write_instant,
    write_interval,
    write_value,
)
from shipway.core.bound import UNBOUNDED

FAILURE = Failure(code="SW-104", fact="there is no [gate] 'x'", hint="did you mean :ok: 'y'?")
EVENTS = (
    Event(stage="started", step="train"),
    Event(stage="moved", step="train", done=1, of=4),
    Event(stage="done", step="train", said="9 rows [of 9]", seconds=1.26),
    Event(stage="unchanged", step="score"),
    Event(stage="verdict", step="gate quality", said="all pass", outcome="pass"),
    Event(stage="note", step="registered", said="x@1"),
)


class Terminal(io.StringIO):
    """Text that says it is a terminal."""

    def isatty(self):
        return True


def test_failure_is_fact_blank_line_hint():
    file = io.StringIO()
    print_failure(FAILURE, file, json=False)
    assert file.getvalue() == f"error SW-104: {FAILURE.fact}\n\nhint: {FAILURE.hint}\n"


def test_failure_as_json_is_one_line():
    file = io.StringIO()
    print_failure(FAILURE, file, json=True)
    assert file.getvalue().count("\n") == 1
    assert json.loads(file.getvalue()) == {"error": {"code": "SW-104", "fact": FAILURE.fact, "hint": FAILURE.hint}}


def test_document_is_json_that_ends_in_a_line_break():
    file = io.StringIO()
    print_document([FAILURE, float("nan")], file)
    assert json.loads(file.getvalue())[1] is None
    assert file.getvalue().endswith("]\n")


def test_table_keeps_values_whole_and_lines_without_trailing_blanks():
    file = io.StringIO()
    show_table(open_console(file), ("name", "value"), [("a" * 300, "[x]"), ("b", word("pass")), ("c", "")])
    head, first, second, third = file.getvalue().splitlines()
    assert head.split() == ["name", "value"]
    assert first.split() == ["a" * 300, "[x]"]
    assert second.split() == ["b", "pass"]
    assert third == "c"


def test_no_text_of_the_data_moves_what_a_terminal_shows():
    file = io.StringIO()
    console, evil = open_console(file), "a\x1b[2J\x07\u202eb\rc"
    show_title(console, evil, evil)
    show_table(console, ("name",), [(evil,), ("two\nlines",)])
    show_facts(console, {"fact": evil})
    print_failure(Failure(code="SW-223", fact=evil, hint=evil), file, json=False)
    shown = file.getvalue()
    assert shown.count(r"a\x1b[2J\x07\u202eb\rc") == 6
    assert "two\nlines" in shown
    assert all(line.isprintable() for line in shown.split("\n"))
    assert write_value(evil) == r"a\x1b[2J\x07\u202eb\rc"


def test_what_happens_is_told_without_letting_it_move_the_terminal(capsys):
    with watch_run(json=False) as watch:
        watch(Event(stage="verdict", step="gate \x1b[2J", said="e.g. shop \u202e\nx", outcome="fail"))
    assert capsys.readouterr().err.split() == ["fail", "gate", r"\x1b[2J", "e.g.", "shop", r"\u202e\nx"]


def test_empty_table_is_nothing():
    file = io.StringIO()
    show_table(open_console(file), ("name",), [])
    show_facts(open_console(file), {})
    assert file.getvalue() == ""


@pytest.mark.parametrize("colour", [True, False])
def test_colour_only_in_a_terminal_that_wants_it(monkeypatch, colour):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    if not colour:
        monkeypatch.setenv("NO_COLOR", "1")
    file = Terminal()
    show_facts(open_console(file), {"gate": word("fail")})
    assert ("\x1b[1;31m" in file.getvalue()) is colour
    assert ("\x1b" in file.getvalue()) is colour
    assert "fail" in file.getvalue()
    pipe = io.StringIO()
    show_facts(open_console(pipe), {"gate": word("fail")})
    assert pipe.getvalue() == "gate  fail\n"


def test_progress_in_a_pipe_is_a_line_for_each_thing_that_ended(capsys):
    with watch_run(json=False) as watch:
        for event in EVENTS:
            watch(event)
    said = capsys.readouterr()
    assert said.out == ""
    lines = [line.split() for line in said.err.splitlines()]
    assert lines == [
        ["done", "train", "9", "rows", "[of", "9]", "1.3", "s"],
        ["unchanged", "score"],
        ["pass", "gate", "quality", "all", "pass"],
        ["note", "registered", "x@1"],
    ]


def test_progress_as_json_is_every_event_on_a_line(capsys):
    with watch_run(json=True) as watch:
        for event in EVENTS:
            watch(event)
    lines = [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()]
    assert [line["stage"] for line in lines] == [event.stage for event in EVENTS]


def test_an_interval_says_which_end_is_open():
    assert write_interval(0.5, 0.25, 0.75) == "0.5000 [0.2500, 0.7500]"
    assert write_interval(3.0, 0.25, UNBOUNDED) == "3.0000 [0.2500 or more]"


def test_progress_in_a_terminal_moves_and_leaves_the_lines(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    file = Terminal()
    monkeypatch.setattr("sys.stderr", file)
    with watch_run(json=False) as watch:
        for event in EVENTS:
            watch(event)
    said = file.getvalue()
    assert "9 rows [of 9]" in said
    assert "unchanged" in said
    assert "\x1b[?25h" in said


@pytest.mark.parametrize(
    ("us", "zone", "text"),
    [
        (None, "UTC", ""),
        (0, "UTC", "1970-01-01"),
        (1_500_000, "UTC", "1970-01-01 00:00:01"),
        (0, "America/New_York", "1969-12-31 19:00:00"),
        (5 * 3_600_000_000, "America/New_York", "1970-01-01"),
    ],
)
def test_instants(us, zone, text):
    assert write_instant(us, zone) == text


def test_numbers():
    assert write_interval(0.5, 0.25, 0.75) == "0.5000 [0.2500, 0.7500]"
    assert write_interval(24_000.0, 24_000.0, 24_000.0) == "24000"
    assert [write_value(value) for value in (None, 1 / 3, 7, True, "w")] == ["none", "0.333333", "7", "True", "w"]


def test_progress_in_a_terminal_without_colour_has_no_escape_of_any_kind(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    file = Terminal()
    monkeypatch.setattr("sys.stderr", file)
    with watch_run(json=False) as watch:
        for event in EVENTS:
            watch(event)
    assert "9 rows [of 9]" in file.getvalue()
    assert "\x1b" not in file.getvalue()


@given(
    st.lists(st.lists(st.text("ab c", max_size=12), min_size=3, max_size=3), min_size=1, max_size=5), st.integers(9, 40)
)
def test_columns_fit_and_hold_their_longest_word(rows, width):
    cells = [[Text(cell) for cell in row] for row in rows]
    longest = [max((len(word) for row in rows for word in row[place].split()), default=0) for place in range(3)]
    widths = fit_columns(cells, width)
    if widths is None:
        assert sum(longest) + 4 > width
    else:
        assert sum(widths) + 4 <= width
        assert all(found >= least for found, least in zip(widths, longest, strict=True))
