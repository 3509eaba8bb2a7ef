"""A server is waited for until it answers, and quoted where it refuses."""

import sys
from pathlib import Path

import msgspec
import pytest

from shipway.adapters.http.client import Answer
from shipway.app.replay import server as module
from shipway.app.replay.process import Child
from shipway.app.replay.server import Counts, Server, write_words
from shipway.core.error import ShipwayError
from shipway.kit.canonical import canonical_json

SILENT = "import sys; sys.stdin.read()"


def silent(state: Path) -> Server:
    (state / "serving").mkdir()
    return Server(Child("server", [sys.executable, "-c", SILENT], state / "server.txt"), state)


def test_a_server_that_lives_and_never_says_where_it_listens_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "START_S", 0.05)
    server = silent(tmp_path)
    with pytest.raises(ShipwayError, match="has not said where it listens") as caught:
        server.start()
    assert caught.value.code == "SW-805"
    server.child.close()


def test_an_address_of_another_process_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "START_S", 0.05)
    server = silent(tmp_path)
    said = {"pid": 1, "port": 1, "url": "http://127.0.0.1:1"}
    (tmp_path / "serving" / "server.json").write_bytes(canonical_json(said))
    with pytest.raises(ShipwayError, match="has not said where it listens"):
        server.start()
    (tmp_path / "serving" / "server.json").write_bytes(canonical_json(said | {"pid": server.child.pid}))
    with pytest.raises(ShipwayError, match="it does not answer"):
        server.await_answer()
    server.child.close()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            {"code": "SW-802", "fact": "it lacks a row", "hint": "send one"},
            "status 422, SW-802 it lacks a row; send one",
        ),
        ({"fact": "it is tired"}, "status 422, it is tired"),
        ({"error": {"message": "other house"}}, 'status 422, {"error":{"message":"other house"}}'),
        ([1], "status 422, [1]"),
    ],
)
def test_a_server_is_quoted_as_it_said_it(body: object, words: str) -> None:
    assert write_words(Answer(422, msgspec.json.encode(body), 1)) == words


def test_an_answer_without_words_and_one_that_is_no_text_are_said_too() -> None:
    assert write_words(Answer(500, b"", 1)) == "status 500, without a word"
    assert write_words(Answer(500, b"<h1>\xff</h1>", 1)) == "status 500, <h1>\ufffd</h1>"


def test_a_shadow_is_open_until_it_was_cast_or_dropped() -> None:
    assert Counts(answered=7, failed=2, shadowed=5, shadow_dropped=1).open == 3
