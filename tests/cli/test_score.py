"""`shipway score`: what it says, and how it ends."""

import polars as pl


def test_a_table_is_scored_and_says_into_what(shop, shipway):
    said = shipway("score", "returned", "--on", "orders", "--json", cwd=shop.root)
    assert said.code == 0, said.err
    assert (said.document["rows"], said.document["into"], said.document["branch"]) == (
        24_000,
        "returned_scores",
        "main",
    )
    said = shipway("score", "returned", "--on", "orders", cwd=shop.root)
    assert said.code == 0
    assert "24,000 rows of orders" in said.out
    assert "returned_scores on main" in said.out
    said = shipway("status", cwd=shop.root)
    assert "returned_scores" in said.out
    assert "waiting" not in said.out
    said = shipway("models", "show", "returned@1", cwd=shop.root)
    assert "returned_scores" in said.out


def test_what_training_did_not_see_is_told(shop, shipway, tmp_path):
    rows = {"order_id": [1], "customer": ["c"], "product": ["p"], "category": ["shose"], "channel": ["web"]}
    rows |= {"price": [1.5], "discount": [0.0], "weekday": [1], "hour": [3]}
    pl.DataFrame(rows).write_csv(tmp_path / "rows.csv")
    words = ("--on", tmp_path / "rows.csv", "--at", "2024-12-31", "--to", tmp_path / "out.csv")
    said = shipway("score", "returned", *words, cwd=shop.root)
    assert said.code == 0, said.err
    assert "1 row, such as 'shose', near 'shoes'" in said.out


def test_a_gate_that_fails_is_the_exit_code(shop, shipway):
    file = shop.root / "project.py"
    file.write_text(file.read_text().replace("sw.has_rows(orders) >= 10_000", "sw.has_rows(orders) >= 30_000"))
    said = shipway("score", "returned", "--on", "orders", cwd=shop.root)
    assert said.code == 3
    assert "main stays where it is; what was tried is on branch audit" in said.out


def test_a_command_that_names_two_places_is_written_wrongly(shop, shipway, tmp_path):
    words = ("--on", "orders", "--to", tmp_path / "out.csv", "--into", "table", "--json")
    said = shipway("score", "returned", *words, cwd=shop.root)
    assert said.code == 2
    assert "a file" in said.error["fact"]
