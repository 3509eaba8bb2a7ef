"""`shipway stream` says where streams stand, and shows what could not be read."""

import pytest

RAW = '[raw.orders]\nuri = "orders.jsonl"\nkey = "id"\nstream = true\n'


@pytest.fixture
def streaming(fresh):
    toml = fresh / "shipway.toml"
    toml.write_text(toml.read_text().replace('orders = "orders.csv"\n', "") + RAW)
    (fresh / "contracts").mkdir()
    (fresh / "contracts" / "orders.toml").write_text('[columns]\nid = { type = "int" }\n')
    (fresh / "orders.jsonl").write_text('{"id": 1}\n{"id": 1, "gift": 2}\n')
    return fresh


def test_it_takes_in_what_there_is(streaming, shipway):
    said = shipway("stream", "--once", cwd=streaming)
    assert said.code == 0
    assert "orders" in said.out
    assert "1 change, 1 dead letter" in said.err
    (found,) = shipway("stream", "--once", "--json", cwd=streaming).document
    assert (found["changes"], found["dead"]) == (1, 1)


def test_dead_letters_are_shown(streaming, shipway):
    shipway("stream", "--once", cwd=streaming)
    said = shipway("stream", "--dead", "orders", cwd=streaming)
    assert "the contract has no column gift" in said.out
    assert (
        shipway("stream", "--dead", "orders", "--json", cwd=streaming).document[0]["record"] == '{"id": 1, "gift": 2}'
    )


def test_status_shows_streams(streaming, shipway):
    shipway("stream", "--once", cwd=streaming)
    assert "stream" in shipway("status", cwd=streaming).out


def test_beginning_anew_names_a_stream(streaming, shipway):
    assert shipway("stream", "--anew", "--once", cwd=streaming).code == 2
    assert shipway("stream", "orders", "--anew", "--once", cwd=streaming).code == 0
