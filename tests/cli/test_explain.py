"""`shipway explain`: what it says, and what it refuses."""

import pytest


def test_a_row_is_explained_in_words_and_as_a_document(ran_shop, shipway, tmp_path):
    page = tmp_path / "why.html"
    said = shipway("explain", "returned", "--row", "20011", "--threshold", "0.1", "--page", page, cwd=ran_shop.root)
    assert said.code == 0, said.err
    for words in ("returned@1 on row 20011", "starts from", "path-dependent", "speaks for it", "all other features"):
        assert words in said.out
    assert page.read_text().startswith("<!doctype html>")
    found = shipway("explain", "returned", "--row", "20011", "--json", cwd=ran_shop.root).document
    assert found["digest"] in said.out
    assert found["bundle"] in said.out
    assert found["reasons_for"][0]["code"] in said.out
    assert found["at"].endswith("Z")


def test_a_version_is_explained_as_a_whole(ran_shop, shipway, tmp_path):
    page = tmp_path / "global.html"
    said = shipway("explain", "returned@1", "--global", "--page", page, cwd=ran_shop.root)
    assert said.code == 0, said.err
    assert "what it listens to" in said.out
    assert "log loss without it" in said.out
    assert "<svg" in page.read_text()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((), 2),
        (("--row", "1", "--global"), 2),
        (("--global", "--at", "2024-01-01"), 2),
        (("--row", "1", "--at", "noon"), 2),
        (("--row", "999999"), 1),
        (("--request", "none"), 1),
    ],
)
def test_what_is_written_wrongly_or_not_there_is_refused(ran_shop, shipway, words, code):
    assert shipway("explain", "returned", *words, cwd=ran_shop.root).code == code
