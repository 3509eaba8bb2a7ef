"""Exit codes, JSON answers and pages of help of the command line."""

import json
import os
import re
import signal
import subprocess
import sys

import duckdb
import pytest

from shipway import __version__
from shipway.app.instant import write_utc
from shipway.app.ledger import read_entries
from shipway.app.workspace import Workspace
from shipway.cli.main import COMMANDS

SLOW_TRAIN = '    import time\n    print("training", flush=True)\n    time.sleep(60)\n'


def edit(root, old, new, file="project.py"):
    text = (root / file).read_text()
    assert text.count(old) == 1
    (root / file).write_text(text.replace(old, new))


def test_every_command_has_a_page_of_help(shipway, tmp_path):
    for name in COMMANDS:
        answer = shipway(name, "--help", cwd=tmp_path)
        assert answer.code == 0, name
        assert "--project" in answer.out
        assert answer.err == ""


def test_root_page_lists_commands_in_order_and_exit_codes(shipway, tmp_path):
    out = shipway("--help", cwd=tmp_path).out
    places = [out.index(f"│ {name} ") for name in COMMANDS]
    assert places == sorted(places)
    for code in ("0  done", "2  ", "3  a gate failed", "4  a gate holds", "5  ", "130  "):
        assert code in out


def test_sentences_carry_no_full_stop(shipway, tmp_path):
    for name in ("--help", *COMMANDS):
        out = shipway(*dict.fromkeys([name, "--help"]), cwd=tmp_path).out
        ours = [line.strip("│ ") for line in out.splitlines() if "(-h)" not in line and "--version" not in line]
        assert not [line for line in ours if line.endswith(".")], name


@pytest.mark.parametrize(
    "words",
    [
        ["status"],
        ["ledger"],
        ["ledger", "--verify"],
        ["ledger", "--rebuild"],
        ["check"],
        ["check", "data"],
        ["features"],
        ["features", "list"],
        ["features", "list", "--source", "orders", "--model", "returned"],
        ["features", "show", "orders"],
        ["features", "show", "customer"],
        ["features", "show", "customer_returned_90d"],
        ["features", "search", "returned", "shre"],
        ["features", "lineage", "orders"],
        ["features", "lineage", "quality", "--up"],
        ["features", "get", "customer", "customer=c0042", "--at", "2024-12-01"],
        ["features", "get", "returned", "order_id=17000"],
        ["models"],
        ["models", "list"],
        ["models", "show", "returned@1"],
        ["doctor"],
    ],
)
def test_answer_with_json_is_one_document(shipway, ran_shop, words):
    answer = shipway(*words, "--json", cwd=ran_shop.root)
    assert answer.code == 0
    assert answer.document
    assert answer.err == ""
    plain = shipway("--project", ran_shop.root, *words, cwd=ran_shop.root.parent)
    assert plain.code == 0
    assert plain.out.strip()
    assert not any(line.endswith(" ") for line in plain.out.splitlines())


def test_run_tells_progress_on_standard_error_and_the_report_on_standard_output(shipway, shop):
    edit(shop.root, '"""Boost trees on', 'print("a word from the user")\n    """Boost trees on')
    answer = shipway("run", "--json", cwd=shop.root)
    assert answer.code == 0
    assert answer.document["outcome"] == "pass"
    assert "a word from the user" in answer.err
    events = [json.loads(line)["event"] for line in answer.err.splitlines() if line.startswith("{")]
    assert {"started", "done", "unchanged", "verdict"} <= {event["stage"] for event in events}


def test_run_again_makes_nothing_and_says_so(shipway, shop):
    answer = shipway("run", cwd=shop.root)
    assert answer.code == 0
    assert "0 made" in answer.out
    assert "unchanged  frame returned" in answer.err


def test_exit_code_of_a_failed_gate_is_3_and_of_one_that_holds_is_4(shipway, shop):
    edit(shop.root, "sw.auc >= 0.65", "sw.auc >= 0.99")
    failed = shipway("run", cwd=shop.root)
    assert failed.code == 3
    assert "fail" in failed.out
    assert shipway("check", cwd=shop.root).code == 3
    middle = shop.run.versions[0].evidence["auc"].value
    edit(shop.root, "sw.auc >= 0.99", f"sw.auc >= {middle}")
    held = shipway("run", "--json", cwd=shop.root)
    assert held.code == 4
    assert held.document["outcome"] == "hold"
    assert shipway("check", "quality", "--json", cwd=shop.root).document["outcome"] == "hold"


def test_gates_are_asked_of_tables_in_a_warehouse(shipway, fresh):
    read = f"create table {{}} as from read_csv('{fresh / 'orders.csv'}') select * replace (returned = 1 as returned)"
    with duckdb.connect(fresh / "shop.db") as connection:
        connection.execute("create schema staging")
        connection.execute(read.format("staging.raw"))
    where = ("check", "--at", "duckdb:shop.db", "--table", "orders=staging.raw")
    passed = shipway(*where, cwd=fresh)
    assert passed.code == 0, passed.err
    assert "data  warehouse:shop.db" in passed.out
    assert "override" not in passed.out
    with duckdb.connect(fresh / "shop.db") as connection:
        connection.execute("update staging.raw set price = -1 where order_id = 7")
    failed = shipway(*where, "--rows", "--json", cwd=fresh)
    assert failed.code == 3
    assert failed.document["rows"][0]["rows"] == [{"order_id": 7, "price": -1.0}]
    asked = shipway(*where, "--sql", cwd=fresh)
    assert asked.code == 0
    assert asked.out.startswith("-- orders, in one pass\nselect\n  count(*) as n0,\n")
    assert "cast('NaN' as double precision)" in asked.out
    listed = shipway(*where, "--sql", "--json", cwd=fresh).document
    assert [question["sql"] + ";" in asked.out for question in listed] == [True] * len(listed)


@pytest.mark.parametrize(
    "words", [("--sql",), ("--schema", "x"), ("--main", "x"), ("--table", "a=b"), ("--at", "duckdb:x", "--table", "a")]
)
def test_words_on_a_warehouse_need_one(shipway, fresh, words):
    answer = shipway("check", *words, "--json", cwd=fresh)
    assert answer.code == 2
    assert "--at" in answer.error["hint"] or "SOURCE=TABLE" in answer.error["hint"]


def test_error_has_code_fact_and_hint_also_as_json(shipway, tmp_path):
    plain = shipway("status", cwd=tmp_path)
    assert plain.code == 1
    assert plain.out == ""
    fact, empty, hint = plain.err.splitlines()
    assert fact.startswith("error SW-101: there is no shipway.toml in ")
    assert empty == ""
    assert hint.startswith("hint: ")
    typed = shipway("status", "--json", cwd=tmp_path)
    assert typed.code == 1
    assert typed.out == ""
    assert typed.error["code"] == "SW-101"
    assert set(typed.error) == {"code", "fact", "hint"}


@pytest.mark.parametrize(
    ("words", "fact", "hint"),
    [
        (["statsu"], "no command 'statsu'", "did you mean 'status'?"),
        (["features", "gte"], "no command 'gte'", "did you mean 'get'?"),
        (["run", "--modle", "x"], "--modle", "shipway run --help"),
        (["status", "now"], "no place for 'now'", "shipway status --help"),
        (["features", "get"], "NAME", "shipway features --help"),
        (["ledger", "--limit", "0"], "--limit", "shipway ledger --help"),
        (["ledger", "--verify", "--rebuild"], "--verify and --rebuild", "one of them"),
    ],
)
def test_command_written_wrongly_is_exit_code_2(shipway, ran_shop, words, fact, hint):
    answer = shipway(*words, "--json", cwd=ran_shop.root)
    assert answer.code == 2
    assert answer.error["code"] == "usage"
    assert fact in answer.error["fact"]
    assert hint in answer.error["hint"]


def test_what_nobody_foresaw_is_said_shortly_and_written_to_a_file(shipway, ran_shop, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(Workspace, "peek", lambda self: 1 / 0)
    answer = shipway("status", cwd=ran_shop.root)
    assert answer.code == 1
    assert "Traceback" not in answer.err
    assert "error internal: " in answer.err
    (written,) = tmp_path.glob("shipway-crash-*.txt")
    assert str(written) in answer.err
    assert "ZeroDivisionError" in written.read_text()


def test_reader_that_goes_away_is_no_error(ran_shop):
    source = "import sys; from shipway.cli.main import main; sys.exit(main(['ledger', '--json']))"
    command = [sys.executable, "-c", source]
    with subprocess.Popen(command, cwd=ran_shop.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        child.stdout.close()
        assert child.stderr.read() == b""
    assert child.returncode == 141


def test_run_whose_progress_nobody_reads_is_done_all_the_same(shipway, fresh):
    source = "import sys; from shipway.cli.main import main; sys.exit(main(['run']))"
    command = [sys.executable, "-c", source]
    with subprocess.Popen(command, cwd=fresh, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        child.stderr.close()
        assert "returned@1" in child.stdout.read()
    assert child.returncode == 0
    assert shipway("status", "--json", cwd=fresh).document["models"]["returned"][0]["bundle"]


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams_are_no_error(ran_shop, closed):
    source = "import sys; from shipway.cli.main import main; sys.exit(main(['status']))"
    done = subprocess.run(
        ["sh", "-c", f'exec "$0" -c "$1" {closed}', sys.executable, source], cwd=ran_shop.root, check=False
    )
    assert done.returncode == 0


def test_version_as_json_is_a_document(shipway, tmp_path):
    assert shipway("--version", "--json", cwd=tmp_path).document == {"version": __version__}
    assert shipway("--json", "--version", cwd=tmp_path).document == {"version": __version__}


def test_instants_of_documents_are_text_in_utc(shipway, ran_shop):
    """No number of the size of an instant is left in any document, and each text reads back as the instant it was."""
    cut = "2024-09-01T00:00:00Z"
    (line,) = shipway("models", "--json", cwd=ran_shop.root).document
    detail = shipway("models", "show", "returned", "--json", cwd=ran_shop.root).document
    assert line["cut"] == detail["version"]["cut"] == detail["bundle"]["cut"] == cut
    assert detail["bundle"]["training"]["cut"] == cut
    features = shipway("features", "get", "returned", "order_id=17000", "--json", cwd=ran_shop.root).document
    assert features["now"] == "2025-01-01T00:00:00Z"
    entries = shipway("ledger", "--limit", "99", "--json", cwd=ran_shop.root).document
    assert [entry["at"] for entry in entries] == [write_utc(e.at) for e in read_entries(ran_shop.project, limit=99)]
    opened = [entry["body"] for entry in entries if entry["kind"] == "version-opened"]
    assert [body["cut"] for body in opened] == [cut]
    status = shipway("status", "--json", cwd=ran_shop.root).document
    shown = shipway("features", "show", "orders", "--json", cwd=ran_shop.root).document
    assert shown[0]["freshness"]["newest_at"] == "2024-12-31T23:52:00Z"
    for document in (line, detail, features, entries, status, shown):
        assert not re.search(r"[: \[]1[67]\d{14}\b", json.dumps(document))


def test_period_without_a_row_is_exported_and_said(shipway, ran_shop, tmp_path):
    words = ("frame", "export", "returned", tmp_path / "none.csv", "--from", "2030-01-01")
    plain = shipway(*words, cwd=ran_shop.root)
    assert (plain.code, plain.out.split()[0]) == (0, "0")
    assert "no row is asked about" in plain.err
    typed = shipway(*words, "--json", cwd=ran_shop.root)
    assert typed.document["rows"] == 0
    assert json.loads(typed.err)["event"]["stage"] == "note"


def test_asking_about_what_is_later_than_the_present_is_said(shipway, ran_shop):
    words = ("features", "get", "customer", "customer=c0042", "--at")
    assert shipway(*words, "2025-01-01", cwd=ran_shop.root).err == ""
    later = shipway(*words, "2025-01-02", cwd=ran_shop.root)
    assert later.code == 0
    assert "later than the project's present, 2025-01-01" in later.err


@pytest.mark.parametrize("columns", [48, 60])
def test_narrow_terminal_breaks_no_word_and_cuts_nothing_off(ran_shop, columns):
    source = """
import sys
from shipway.cli.main import main
sys.stdout.isatty = lambda: True
for words in (["ledger"], ["models", "show", "returned"], ["check"], ["ledger", "--verify"]):
    main(words)
"""
    env = {**os.environ, "COLUMNS": str(columns), "LINES": "50", "NO_COLOR": "1", "TERM": "xterm"}
    done = subprocess.run(
        [sys.executable, "-c", source], cwd=ran_shop.root, env=env, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    assert "…" not in done.stdout
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= columns
    words = done.stdout.split()
    assert {"evidence-recorded", "version-registered", 'log_loss.better_than("basket_only")'} <= set(words)
    whole = "".join(words)
    assert ran_shop.run.versions[0].bundle in whole


def test_interrupted_run_is_exit_code_130_and_the_next_one_continues(shipway, fresh):
    edit(fresh, "    data = lightgbm.Dataset", f"{SLOW_TRAIN}    data = lightgbm.Dataset")
    source = "import sys; from shipway.cli.main import main; sys.exit(main(['run', '--json']))"
    with subprocess.Popen(
        [sys.executable, "-c", source], cwd=fresh, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as child:
        while child.stderr.readline() != "training\n":
            assert child.poll() is None
        child.send_signal(signal.SIGINT)
        rest = child.stderr.read()
    assert child.returncode == 130
    assert json.loads(rest.splitlines()[-1])["error"]["code"] == "interrupted"
    status = shipway("status", "--json", cwd=fresh).document
    assert [task["state"] for task in status["tasks"]] == ["interrupted"]
    edit(fresh, SLOW_TRAIN, "")
    again = shipway("run", cwd=fresh)
    assert again.code == 0
    assert "unchanged  frame returned" in again.err


def test_reading_commands_work_and_a_second_run_does_not_while_one_is_going_on(shipway, shop, tmp_path):
    source = (
        "import sys; from pathlib import Path; from shipway.app.project import find_project\n"
        "from shipway.app.workspace import Workspace\n"
        "with Workspace(find_project(Path(sys.argv[1]))).hold():\n"
        "    print('held', flush=True); sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", source, str(shop.root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "held\n"
        refused = shipway("run", cwd=shop.root)
        assert refused.code == 5
        assert f"error SW-603: process {child.pid} is running shop" in refused.err
        assert shipway("status", "--json", cwd=shop.root).document["holder"] == child.pid
        for words in (["ledger", "--verify"], ["check"], ["models", "export", "returned@1", tmp_path / "bundle"]):
            assert shipway(*words, cwd=shop.root).code == 0, words
        child.stdin.close()
    assert shipway("status", "--json", cwd=shop.root).document["holder"] is None


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["status"], 0),
        (["ledger"], 0),
        (["ledger", "--verify"], 0),
        (["ledger", "--rebuild"], 0),
        (["models"], 0),
        (["features", "list"], 0),
        (["features", "show", "orders"], 0),
        (["features", "lineage", "orders"], 0),
        (["doctor"], 0),
        (["check"], 1),
        (["features", "get", "customer", "customer=c0042"], 1),
        (["frame", "export", "returned", "frame.csv"], 1),
        (["models", "show", "returned"], 1),
        (["models", "export", "returned", "bundle"], 1),
    ],
)
def test_reading_creates_no_state(shipway, fresh, words, code):
    before = sorted(fresh.rglob("*"))
    assert shipway(*words, cwd=fresh).code == code
    assert [path for path in sorted(fresh.rglob("*")) if "__pycache__" not in path.parts] == before


def test_commands_that_write_answer_with_json_too(shipway, ran_shop, tmp_path):
    made = shipway("init", "corner", "--json", cwd=tmp_path)
    assert made.document["path"] == str(tmp_path / "corner")
    frame = shipway(
        "frame", "export", "returned", tmp_path / "f.csv", "--from", "2024-11-01", "--json", cwd=ran_shop.root
    )
    assert frame.document["rows"] == len((tmp_path / "f.csv").read_text().splitlines()) - 1
    bundle = shipway("models", "export", "returned@1", tmp_path / "bundle", "--json", cwd=ran_shop.root)
    assert bundle.document["bundle"] == ran_shop.run.versions[0].bundle
    assert (made.err, frame.err, bundle.err) == ("", "", "")
