"""What the page collects of a project whose data was judged before, and then got worse."""

import datetime as dt
import re
import shutil
from contextlib import closing

import msgspec
import polars as pl
import pytest

from shipway.app.check import check_project
from shipway.app.override import give_override, revoke_override
from shipway.app.project import find_project
from shipway.app.report.check import collect_check, collection, render_check, write_check
from shipway.app.report.check.collection import LONGEST, write_cell
from shipway.app.run import run_project
from shipway.app.workspace import Workspace
from shipway.core.error import ShipwayError
from shipway.testing.refusal import expect_refusal

NASTY = "</td><script>x</script>\x1b[2J\u202e"


@pytest.fixture(scope="module")
def spoilt(ran_shop, tmp_path_factory):
    """Return a project that ran, and then was given two prices below nought; read it only."""
    root = shutil.copytree(ran_shop.root, tmp_path_factory.mktemp("spoilt") / "shop")
    orders = pl.read_csv(root / "orders.csv", infer_schema=False).with_row_index("at")
    bad = pl.col("at").is_in([3, 4])
    changed = orders.with_columns(
        pl.when(bad).then(pl.lit("-1.5")).otherwise("price").alias("price"),
        pl.when(bad).then(pl.lit(NASTY)).otherwise("customer").alias("customer"),
    )
    changed.drop("at").write_csv(root / "orders.csv")
    assert run_project(find_project(root)).outcome == "fail"
    return root


@pytest.fixture(scope="module")
def page(spoilt):
    """Return what the page of it shows."""
    project = find_project(spoilt)
    return collect_check(project, check_project(project, "data", rows=True))


def test_data_that_waits_comes_first_and_then_main(page):
    waiting, main = page.judged
    assert (waiting.branch, waiting.before, main.branch) == ("ingest", "main", "main")
    assert waiting.waits
    assert not main.waits
    assert waiting.outcomes == (("data", "fail"),)
    assert re.fullmatch(r"data:[0-9a-f]{12}", waiting.subject)
    assert waiting.message == "ingest"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d( \d\d:\d\d)?", waiting.at)
    assert page.gates == ()


def test_tables_say_how_they_differ_from_main(page):
    (orders,) = page.judged[0].tables
    assert (orders.name, orders.change) == ("orders", "2 changed")
    assert page.judged[1].tables[0].change == "new"


def test_a_rule_that_fails_has_its_rows_with_the_key_its_count_and_its_past(page):
    (failing,) = page.judged[0].select("fail")
    assert (failing.gate, failing.table, failing.rule.text) == ("data", "orders", "holds(orders.price > 0)")
    assert (failing.against, failing.rows) == (2, page.judged[0].tables[0].rows)
    assert failing.columns == ("order_id", "price")
    assert [row[1] for row in failing.examples] == ["-1.5", "-1.5"]
    assert [(point.outcome, point.measured.value) for point in failing.history[:-1]] == [("pass", 0.0)]
    assert failing.history[-1].at == "now"
    assert failing.history[-1].measured.value == pytest.approx(2 / failing.rows)
    assert "Rows contradict" in failing.meaning


def test_a_rule_that_passes_needs_no_words(page):
    passing = page.judged[0].select("pass")
    assert len(passing) == 5
    assert {(each.meaning, each.remedy, each.examples) for each in passing} == {("", "", ())}


def test_what_was_not_measured_counts_nothing_against_it(spoilt, tmp_path):
    root = shutil.copytree(spoilt, tmp_path / "shop")
    rule = "sw.has_rows(orders) >= 10_000,"
    text = (root / "project.py").read_text()
    assert text.count(rule) == 1
    (root / "project.py").write_text(text.replace(rule, f"{rule} sw.vanished(orders.category).on('new'),"))
    project = find_project(root)
    (holding,) = collect_check(project, check_project(project, "data", rows=True)).judged[0].select("hold")
    assert (holding.rows, holding.against, holding.rule.measured) == (0, None, None)
    assert holding.meaning.startswith("The rule is on new rows")


def test_tables_that_lie_elsewhere_have_no_commit_and_no_past(spoilt):
    checked = check_project(find_project(spoilt), "data", rows=True)
    elsewhere = msgspec.structs.replace(checked, commits={}, waiting=None)
    page = collect_check(find_project(spoilt), elsewhere)
    first = page.judged[0]
    assert (first.commit, first.branch, first.before, first.waits) == ("", "", "", False)
    assert [(each.name, each.change) for each in first.tables] == [("orders", "")]
    (failing,) = first.select("fail")
    assert len(failing.examples) == 2
    assert len(failing.history) == 1
    text = render_check(page)
    assert f"1 of 6 rules fails on the tables of {first.subject}: the gates would not let them in" in text
    assert "Have the data mended where it lies" in text
    assert "shipway check override" not in text


def test_an_override_is_shown_with_what_was_trained_and_whether_it_stands(spoilt, tmp_path):
    root = shutil.copytree(spoilt, tmp_path / "shop")
    given = give_override(find_project(root), "data", by="ana", reason="known")
    first = collect_check(find_project(root), check_project(find_project(root), "data", rows=True)).judged[0]
    assert [(each.id, each.stands) for each in first.overrides] == [(given.id, True)]
    revoke_override(find_project(root), given.id, by="ben", reason="no")
    first = collect_check(find_project(root), check_project(find_project(root), "data", rows=True)).judged[0]
    assert [(each.id, each.stands) for each in first.overrides] == [(given.id, False)]
    assert "revoked by ben: no" in first.overrides[0].said


def test_what_was_before_may_be_gone(spoilt, monkeypatch):
    def lose(*_, **__):
        raise ShipwayError("SW-209", "gone", "restore it")

    monkeypatch.setattr(collection, "compare_data", lose)
    project = find_project(spoilt)
    page = collect_check(project, check_project(project, "data"))
    assert page.judged[0].tables[0].change == "what was before is kept no longer"


def test_models_are_shown_where_their_gates_were_asked(ran_shop):
    project = find_project(ran_shop.root)
    page = collect_check(project, check_project(project))
    assert [gate.subject for gate in page.gates] == ["model:returned@1"]
    assert page.gates[0].rules[0].measured is not None
    assert [each.branch for each in page.judged] == ["main"]


def test_page_is_written_by_the_command_and_nothing_of_the_data_becomes_markup(spoilt, tmp_path, shipway):
    path = tmp_path / "data.html"
    answer = shipway("check", "data", "--page", path, cwd=spoilt)
    assert answer.code == 3
    assert f"page  {path}" in re.sub(r" +", "  ", answer.out)
    assert "some of the rows" not in answer.out
    text = path.read_text()
    assert "holds(orders.price &gt; 0)" in text
    assert "<script" not in text
    document = shipway("check", "data", "--page", path, "--json", cwd=spoilt).document
    assert document["rows"] == []
    assert {each["subject"] for each in document["evidence"]} == set(document["commits"])


def test_a_page_that_cannot_be_written_is_refused_before_anything_is_measured(spoilt, tmp_path, shipway):
    answer = shipway("check", "--page", tmp_path, "--json", cwd=spoilt)
    assert answer.error["code"] == "SW-602"
    with expect_refusal("SW-602"):
        write_check(find_project(spoilt), check_project(find_project(spoilt)), tmp_path)


def test_collecting_writes_nothing(spoilt):
    with closing(Workspace(find_project(spoilt))) as workspace:
        before = workspace.ledger.head()
    project = find_project(spoilt)
    one, two = (collect_check(project, check_project(project)) for _ in range(2))
    assert one.judged[0].tables == two.judged[0].tables
    assert [each.history[:-1] for each in one.judged[0].results] == [
        each.history[:-1] for each in two.judged[0].results
    ]
    with closing(Workspace(project)) as workspace:
        assert workspace.ledger.head() == before


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None),
        (NASTY, r"</td><script>x</script>\x1b[2J\u202e"),
        (24.000000000000004, "24.000000000000004"),
        (3.0, "3"),
        (dt.datetime(2024, 1, 2, 3, 4, tzinfo=dt.UTC), "2024-01-02 03:04:00+00:00"),
        (True, "True"),
        ([1, "\x07"], r"[1, '\x07']"),
        ("x" * (LONGEST + 2), "x" * LONGEST + "... and 2 characters more"),
    ],
)
def test_values_are_text_that_cannot_be_misread(value, shown):
    assert write_cell(value) == shown
