"""A gate inferred from a project's data, and imported ones."""

import runpy

import pytest

from shipway.app.check import check_project
from shipway.app.project import find_project
from shipway.app.proposal import infer_gate
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
