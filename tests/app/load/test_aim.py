"""What is put under load: what is refused before anything starts, and what is sent where."""

from pathlib import Path

import pytest

from shipway.app.load.aim import Aim, list_server_words, open_parcel, open_question, open_target
from shipway.app.model import export_bundle
from shipway.core.capacity import Setting
from shipway.testing.refusal import expect_refusal

URL = "http://127.0.0.1:9/score"


@pytest.mark.parametrize(
    "aim",
    [
        Aim(what="returned@1", method="GET"),
        Aim(what="returned@1", headers=(("a", "b"),)),
        Aim(what="returned@1", bodies=Path("bodies.jsonl")),
        Aim(what=URL, process=True),
        Aim(what=URL, of="returned@1", body=Path("body")),
        Aim(what=URL, log="returned"),
        Aim(what=URL, rows=0),
        Aim(what=URL, connections=0),
        Aim(what="returned@1", setting=Setting(workers=0)),
        Aim(what="ftp://a/b"),
    ],
)
def test_what_cannot_be_asked_so_is_refused(aim, ran_shop):
    with expect_refusal("SW-441"), open_target(ran_shop.project, aim):
        pass


def test_version_needs_a_project_and_a_folder_none(ran_shop, tmp_path):
    with expect_refusal("SW-101"), open_parcel(None, "returned@1"):
        pass
    export_bundle(ran_shop.project, "returned@1", tmp_path / "bundle")
    with open_parcel(None, str(tmp_path / "bundle")) as parcel:
        assert (parcel.manifest.model, parcel.subject) == ("returned", "")
    with open_parcel(ran_shop.project, "returned") as parcel:
        assert (parcel.name, parcel.subject) == ("returned@1", "bundle:returned@1")
        kept = parcel.folder
    assert not kept.exists()
    with expect_refusal("SW-502"), open_parcel(None, str(tmp_path)):
        pass


def test_what_is_sent_to_an_address(ran_shop, tmp_path):
    (tmp_path / "bodies").write_bytes(b'{"a": 1}\n{"a": 2}\n')
    with open_question(None, Aim(what=URL)) as asked:
        assert (asked.method, asked.path, asked.bodies, asked.headers) == ("GET", "/score", (b"",), ())
    with open_question(None, Aim(what=URL, bodies=tmp_path / "bodies", headers=(("X-Key", "k"),))) as asked:
        assert (asked.method, len(asked.bodies)) == ("POST", 2)
        assert asked.headers == (("X-Key", "k"), ("content-type", "application/json"))
    with open_question(None, Aim(what=URL, body=tmp_path / "bodies", headers=(("Content-Type", "a/b"),))) as asked:
        assert asked.headers == (("Content-Type", "a/b"),)
    with open_question(ran_shop.project, Aim(what="http://127.0.0.1:9", of="returned@1")) as asked:
        assert asked.path == "/v2/models/returned/infer"
    with open_question(ran_shop.project, Aim(what="returned@1")) as asked:
        assert asked.address is None


def test_server_for_a_load_keeps_to_the_project_but_not_to_its_doors(fresh):
    toml = fresh / "shipway.toml"
    toml.write_text(toml.read_text() + '\n[serving]\nqueue = 77\nkeys = "keys.toml"\nthreads = 4\ngrace = "5s"\n')
    from shipway.app.project import find_project

    assert list_server_words(find_project(fresh))[:2] == ["--queue", "77"]
    assert not {"--keys", "--grace", "--threads"} & set(list_server_words(find_project(fresh)))
    assert list_server_words(None) == []
