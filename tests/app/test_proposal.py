"""A gate inferred from a project's data, and imported ones."""

import runpy

import pytest

from shipway.app.check import check_project
from shipway.app.project import find_project
from shipway.app.proposal import import_gate, infer_gate
from shipway.testing.refusal import expect_refusal


def test_an_inferred_gate_is_written_and_lets_its_own_data_through(shop):
    root = shop.root
    inferred = infer_gate(shop.project, every="7d", into=root / "rules.py")
    assert inferred.path == str(root / "rules.py")
    assert "unique(orders.order_id)" in inferred.text
    assert {rule.table for rule in inferred.rules} == {"orders"}
    code = root / "project.py"
    code.write_text(code.read_text() + "\n\nimport rules\n\nrules.declare(orders)\n")
    checked = check_project(find_project(root), "inferred")
    assert [f.rule for f in checked.verdicts[0].findings if f.outcome == "fail"] == []
    with expect_refusal("SW-107"):
        infer_gate(shop.project, every="7d", into=root / "rules.py")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"sources": ["ordrs"]}, "SW-104"),
        ({"by": ["orders.plced"]}, "SW-104"),
        ({"by": ["placed"]}, "SW-104"),
        ({"every": "soon"}, "SW-106"),
        ({"alarms": 0.0}, "SW-106"),
        ({"branch": "nowhere"}, "SW-209"),
    ],
)
def test_what_cannot_be_meant_is_refused(ran_shop, options, code):
    with expect_refusal(code):
        infer_gate(ran_shop.project, **options)


def test_nothing_was_ingested_yet(fresh):
    with expect_refusal("SW-401"):
        infer_gate(find_project(fresh))


def test_the_template_is_a_module(tmp_path):
    from shipway.app.proposal import write_new

    write_new(tmp_path / "rules.py", '"""THIS_FILE."""\n')
    assert runpy.run_path(str(tmp_path / "rules.py"))["__doc__"] == "rules."


SUITE = """{"expectations": [
  {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "price", "mostly": 0.99}},
  {"type": "expect_table_columns_to_match_set", "kwargs": {"column_set": ["price"]}}]}"""


def test_a_suite_is_written_as_a_gate(shop):
    path = shop.root / "suite.json"
    path.write_text(SUITE)
    imported = import_gate(shop.project, str(path), into=shop.root / "old.py")
    assert [rule.rule for rule in imported.rules] == ["sw.present(orders.price) <= 0.01"]
    assert [omission.what.partition("(")[0] for omission in imported.left] == ["expect_table_columns_to_match_set"]
    code = shop.root / "project.py"
    code.write_text(code.read_text() + "\n\nimport old\n\nold.declare(orders)\n")
    assert check_project(find_project(shop.root), "imported").outcome == "pass"


def test_a_schema_is_read_from_yaml_and_from_a_module(fresh):
    project = find_project(fresh)
    (fresh / "schema.yaml").write_text("columns:\n  price:\n    dtype: Float64\n    greater_than: 0\n")
    by_file = import_gate(project, str(fresh / "schema.yaml"))
    (fresh / "their_schema.py").write_text(
        "import pandera.polars as pa\n\ns = pa.DataFrameSchema({'price': pa.Column(float, pa.Check.gt(0))})\n"
    )
    by_module = import_gate(project, "their_schema:s")
    said = ['sw.has_columns(orders, price="float")', "sw.present(orders.price)", "sw.holds(orders.price > 0)"]
    assert [rule.rule for rule in by_file.rules] == [rule.rule for rule in by_module.rules] == said


@pytest.mark.parametrize(
    ("text", "code"),
    [("{}", "SW-106"), ("{", "SW-106"), (None, "SW-201"), ('{"expectations": []}', "SW-402")],
)
def test_what_holds_no_rules_is_refused(fresh, text, code):
    if text is not None:
        (fresh / "suite.json").write_text(text)
    with expect_refusal(code):
        import_gate(find_project(fresh), str(fresh / "suite.json"))


def test_a_module_that_is_not_there_is_refused(fresh):
    with expect_refusal("SW-701"):
        import_gate(find_project(fresh), "no_such_module_here:schema")
