"""`shipway evaluate` shows what was measured, as a table, a document and a page."""

import pytest

PRICE = "    sw.decision_value(act_if_true=6, act_if_false=2, skip_if_true=15),\n"


@pytest.fixture
def priced(shop):
    """Return the shop with a price on acting in its quality gate."""
    path = shop.root / "project.py"
    path.write_text(path.read_text().replace("    sw.calibration_gap <= 0.03,\n", PRICE))
    return shop


def test_a_person_reads_a_table_and_gets_a_page(priced, shipway, tmp_path):
    page = tmp_path / "page.html"
    answer = shipway("evaluate", "returned", "--by", "channel", "--page", page, cwd=priced.root)
    assert answer.code == 0, answer.err
    assert "6,008 of 6,008 rows have a label" in answer.out
    lines = [line.split() for line in answer.out.splitlines()]
    assert ["version", "1", "basket_only", "better", "by"] in lines
    (auc,) = [line for line in answer.out.splitlines() if line.startswith("auc ")]
    assert auc.count("[") == 3
    assert "+0.0348" in auc
    assert "never acting" in answer.out
    assert {"app", "shop", "web"} <= {line[0] for line in lines if line}
    assert "gate quality on these rows" in answer.out
    assert page.read_text().startswith("<!doctype html>")


def test_a_program_reads_a_document(priced, shipway):
    answer = shipway(
        "evaluate", "returned@1", "--from", "2024-10-01", "--until", "2024-11-01", "--against", "base rate",
        "--cluster", "customer", "--json", cwd=priced.root,
    )  # fmt: skip
    assert answer.code == 0, answer.err
    found = answer.document
    assert found["rows"] == 2008
    assert found["scores"][0]["check"] == "auc"
    assert found["scores"][0]["beside"][0]["baseline"] == "base rate"
    assert found["verdicts"] == []


def test_what_is_no_time_is_told(shop, shipway):
    answer = shipway("evaluate", "returned", "--from", "spring", "--json", cwd=shop.root)
    assert answer.code == 2
    assert "--from" in answer.error["fact"]


def test_classes_are_shown_one_by_one_and_by_each_other(classes, shipway):
    said = shipway("evaluate", "outcome", cwd=classes.root)
    assert said.code == 0
    assert "the most frequent of 3 classes" in said.out
    lines = said.out.splitlines()
    head = next(line for line in lines if line.startswith("class "))
    assert head.split() == ["class", "rows", "chosen", "precision", "recall", "f1", "auc", "calibration", "gap"]
    matrix = next(at for at, line in enumerate(lines) if line.startswith("was, by what was chosen"))
    assert [line.split()[0] for line in lines[matrix + 1 : matrix + 4]] == ["kept", "late", "soon"]
    assert "macro_auc" in said.out
