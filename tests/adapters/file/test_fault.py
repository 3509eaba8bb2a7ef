import errno
import os
import sqlite3
from pathlib import Path

import pytest

from shipway.adapters.file.fault import translate_fault
from shipway.core.error import ShipwayError

PATH = Path("project", "state")


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "SW-601"),
        (errno.EDQUOT, "SW-601"),
        (errno.EFBIG, "SW-601"),
        (errno.EACCES, "SW-602"),
        (errno.EPERM, "SW-602"),
        (errno.EROFS, "SW-602"),
        (errno.ENOENT, "SW-602"),
        (errno.ENOTDIR, "SW-602"),
        (errno.EEXIST, "SW-602"),
        (errno.EIO, "SW-602"),
    ],
)
def test_fault_of_the_system_gets_its_code(number, code):
    with pytest.raises(ShipwayError) as caught, translate_fault(PATH):
        raise OSError(number, os.strerror(number))
    assert caught.value.code == code
    assert str(PATH) in caught.value.fact
    assert os.strerror(number) in caught.value.fact
    assert isinstance(caught.value.__cause__, OSError)


@pytest.mark.parametrize("fault", [BlockingIOError(errno.EAGAIN, "held"), OSError(errno.EMFILE, "many"), KeyError("x")])
def test_what_is_no_fault_of_storage_passes(fault):
    with pytest.raises(type(fault)) as caught, translate_fault(PATH):
        raise fault
    assert caught.value is fault


def test_full_database(tmp_path):
    connection = sqlite3.connect(tmp_path / "small")
    connection.execute("CREATE TABLE t (x)")
    connection.execute("PRAGMA max_page_count = 4")
    with pytest.raises(ShipwayError) as caught, translate_fault(PATH):
        connection.execute("INSERT INTO t VALUES (zeroblob(100000))")
    connection.close()
    assert caught.value.code == "SW-601"


def test_read_only_database(tmp_path):
    sqlite3.connect(tmp_path / "fixed").close()
    connection = sqlite3.connect(f"file:{tmp_path / 'fixed'}?mode=ro", uri=True)
    with pytest.raises(ShipwayError) as caught, translate_fault(PATH):
        connection.execute("CREATE TABLE t (x)")
    connection.close()
    assert caught.value.code == "SW-602"


def test_database_in_a_missing_folder(tmp_path):
    with pytest.raises(ShipwayError) as caught, translate_fault(PATH):
        sqlite3.connect(tmp_path / "missing" / "database")
    assert caught.value.code == "SW-602"


def test_locked_database(tmp_path):
    holder = sqlite3.connect(tmp_path / "busy", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    waiter = sqlite3.connect(tmp_path / "busy", timeout=0)
    with pytest.raises(ShipwayError) as caught, translate_fault(PATH):
        waiter.execute("CREATE TABLE t (x)")
    holder.close()
    waiter.close()
    assert caught.value.code == "SW-603"


@pytest.mark.parametrize("code", ["SW-604", "SW-605"])
def test_damaged_database_gets_the_code_of_its_owner(tmp_path, code):
    (tmp_path / "noise").write_bytes(b"no database at all" * 1_000)
    connection = sqlite3.connect(tmp_path / "noise")
    with pytest.raises(ShipwayError) as caught, translate_fault(PATH, damage=code):
        connection.execute("SELECT * FROM sqlite_master")
    connection.close()
    assert caught.value.code == code


def test_database_whose_schema_is_no_text(tmp_path):
    connection = sqlite3.connect(tmp_path / "flipped")
    connection.execute("CREATE TABLE t (column_of_t)")
    connection.close()
    content = (tmp_path / "flipped").read_bytes()
    (tmp_path / "flipped").write_bytes(content.replace(b"(column", b"(col'mn".replace(b"m", b"\xff")))
    connection = sqlite3.connect(tmp_path / "flipped")
    with pytest.raises(ShipwayError) as caught, translate_fault(PATH):
        connection.execute("SELECT * FROM t")
    connection.close()
    assert caught.value.code == "SW-605"


def test_misuse_of_a_database_passes(tmp_path):
    connection = sqlite3.connect(tmp_path / "closed")
    connection.close()
    with pytest.raises(sqlite3.ProgrammingError), translate_fault(PATH):
        connection.execute("SELECT 1")
