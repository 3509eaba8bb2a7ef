"""`shipway test`: what it says, and how it ends."""

import json

from shipway import behaviours as b
from shipway.app.suite import load_suite, save_suite


def own_suite(path):
    suite = b.suite(
        "own",
        b.probe("never certain", expect=b.at_most(0.01)),
        b.probe("few rows", expect=b.at_least(0.0), needs=1000),
        b.probe("cheaper", change=b.add("basket_discount", 0.1), expect=b.stays(0.9)),
    )
    return save_suite(suite, path)


def test_the_gates_tests_run_on_a_version(shop, shipway, tmp_path):
    words = ("--rows", "300", "--save", tmp_path / "shop.json", "--page", tmp_path / "shop.html")
    said = shipway("test", "returned", *words, cwd=shop.root)
    assert said.code == 0, said.err
    assert "more returns before: customer_returned_90d +0.1" in said.out
    assert "no test fails" in said.out
    assert "95 % interval" in said.out
    page = (tmp_path / "shop.html").read_text()
    assert "Direction" in page
    assert "more returns before: product_returned_60d +0.1" in page
    assert len(load_suite(tmp_path / "shop.json").names) == 300
    again = shipway("test", "returned@1", "--suite", tmp_path / "shop.json", "--json", cwd=shop.root)
    assert again.code == 0
    assert again.document["outcome"] == "pass"


def test_a_failure_is_the_exit_code_and_a_counterexample_is_shown(shop, shipway, tmp_path):
    path = own_suite(tmp_path / "own.json")
    said = shipway("test", "returned", "--suite", path, "--rows", "200", "--page", tmp_path / "p.html", cwd=shop.root)
    assert said.code == 3
    assert "1 of 3 tests fail" in said.out
    assert "everything else typical" in said.out or "all else typical" in said.out
    assert "few rows: " in said.out
    assert "200 of the 1,000 that its plan asks for" in said.out
    assert "Counterexamples" in (tmp_path / "p.html").read_text()
    found = shipway("test", "returned", "--suite", path, "--rows", "200", "--json", cwd=shop.root).document
    assert found["tests"][0]["counterexample"]["after"]["value"] > 0.01
    assert found["tests"][1]["outcome"] == "hold"


def test_what_holds_is_another_exit_code(shop, shipway, tmp_path):
    path = save_suite(b.suite("s", b.probe("few", expect=b.at_least(0.0), needs=1000)), tmp_path / "s.json")
    assert shipway("test", "returned", "--suite", path, "--rows", "100", cwd=shop.root).code == 4


def test_a_url_needs_a_suite_and_a_suite_must_be_one(shop, shipway, tmp_path):
    said = shipway("test", "m", "--url", "http://127.0.0.1:1", cwd=tmp_path)
    assert said.code == 2
    assert "--suite FILE" in said.err
    (tmp_path / "x.json").write_text(json.dumps({"layout": 9}))
    said = shipway("test", "m", "--suite", tmp_path / "x.json", "--json", cwd=shop.root)
    assert said.code == 1
    assert said.error["code"] == "SW-432"
