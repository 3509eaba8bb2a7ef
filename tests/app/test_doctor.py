"""What doctor sees."""

import shipway.app.doctor as doctor
from shipway.app.doctor import diagnose


def by_name(symptoms):
    return {symptom.what: symptom for symptom in symptoms}


def test_project_that_ran_is_healthy(ran_shop):
    found = by_name(diagnose(ran_shop.root))
    assert {symptom.health for symptom in found.values()} <= {"good", "note"}
    assert found["project"].said == f"shop in {ran_shop.root}"
    assert found["ledger"].said.endswith("entries, whole")
    assert found["definitions"].said == "3 feature views, 1 model, 2 gates"
    assert "polars" in found["base"].said
    assert "lightgbm" in found["train"].said


def test_folder_without_a_project_is_no_illness(tmp_path):
    found = by_name(diagnose(tmp_path))
    assert found["project"].health == "note"
    assert found["file system"].health == "good"
    assert "ledger" not in found
    assert list(tmp_path.iterdir()) == []


def test_broken_files_are_told_with_their_hints(fresh):
    (fresh / "project.py").write_text("import shipway as sw\nsw.entty('x')\n")
    found = by_name(diagnose(fresh))
    assert found["definitions"].health == "bad"
    assert "SW-103" in found["definitions"].said
    assert "project.py:2" in found["definitions"].said
    assert found["definitions"].hint
    (fresh / "shipway.toml").write_text("[project\n")
    assert by_name(diagnose(fresh))["project"].health == "bad"


def test_damaged_ledger_is_told(shop):
    (shop.root / ".shipway" / "ledger.anchor").unlink()
    assert by_name(diagnose(shop.root))["ledger"].health == "bad"
    for path in (shop.root / ".shipway").glob("ledger.db*"):
        path.write_bytes(b"no database" * 1000)
    assert by_name(diagnose(shop.root))["ledger"].health == "bad"


def test_missing_library_is_asked_for_by_its_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(doctor.EXTRAS, "no_such_library", "report")
    found = by_name(diagnose(tmp_path))
    assert found["report"].health == "note"
    assert found["report"].hint == "pip install 'shipway[report]'"
    assert "no_such_library not installed" in found["report"].said
    monkeypatch.setattr(doctor, "BASE", ("msgspec", "no_such_base"))
    assert by_name(diagnose(tmp_path))["base"].health == "bad"


def test_little_room_is_noted(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "ROOM_BYTES", 1 << 70)
    assert by_name(diagnose(tmp_path))["disk"].health == "note"


def test_folder_that_cannot_be_written_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "write_atomic", lambda path, data: (tmp_path / "no" / "such").write_bytes(data))
    found = by_name(diagnose(tmp_path))
    assert found["file system"].health == "bad"
    assert found["file system"].hint


def test_locks_that_do_nothing_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "_is_held", lambda lock: False)
    assert by_name(diagnose(tmp_path))["file system"].said == "locks do nothing"


def test_where_features_are_read_from_is_told_with_what_cannot_be_done_there(fresh, tmp_path, monkeypatch, redis):
    found = by_name(diagnose(fresh))["online store"]
    assert found.health == "good"
    assert "one writer, up to 17 GB" in found.said
    mounts = tmp_path / "mounts"
    mounts.write_text("server:/data / nfs4 rw 0 0\n")
    monkeypatch.setattr(doctor, "MOUNTS", mounts)
    found = by_name(diagnose(fresh))["online store"]
    assert found.health == "bad"
    assert "nfs4, a network file system" in found.said
    assert "redis://" in found.hint
    with (fresh / "shipway.toml").open("a") as file:
        file.write(f'\n[online]\nuri = "{redis.address()}"\n')
    assert by_name(diagnose(fresh))["online store"].said == "0 stores on the server"
    text = (fresh / "shipway.toml").read_text()
    (fresh / "shipway.toml").write_text(text[: text.index("redis://")] + 'redis://127.0.0.1:1/0"\n')
    found = by_name(diagnose(fresh))["online store"]
    assert (found.health, found.said[:6]) == ("bad", "SW-607")
