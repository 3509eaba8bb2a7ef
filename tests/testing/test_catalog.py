import itertools
import sqlite3
import time
from contextlib import closing

import pytest

from shipway.adapters.sqlite.catalog import SqliteCatalog
from shipway.testing.catalog import CASES, check_damage_is_refused
from shipway.testing.fake.catalog import MemoryCatalog


@pytest.fixture
def make_sqlite(tmp_path):
    numbers = itertools.count()
    return lambda clock: SqliteCatalog(tmp_path / f"{next(numbers)}.db", clock=clock)


@pytest.mark.parametrize("case", CASES)
def test_memory_conforms(case):
    case(MemoryCatalog)


@pytest.mark.parametrize("case", CASES)
def test_sqlite_conforms(case, make_sqlite):
    case(make_sqlite)


def test_memory_refuses_damage():
    check_damage_is_refused(MemoryCatalog, MemoryCatalog.spoil)


@pytest.mark.parametrize("damaged", [b"precioux", b"", b"precious and more"])
def test_sqlite_refuses_damage(make_sqlite, tmp_path, damaged):
    def spoil(catalog, digest):
        with closing(sqlite3.connect(tmp_path / "0.db")) as connection, connection:
            connection.execute("UPDATE object SET body = ? WHERE digest = ?", (damaged, digest))

    check_damage_is_refused(make_sqlite, spoil)


class _Forgetful(MemoryCatalog):
    """Moves a ref and loses what should be stored with it."""

    def move(self, ref, *, expect, target, objects=None):
        super().move(ref, expect=expect, target=target)


class _Hasty(MemoryCatalog):
    """Stores objects before it looks whether the ref is where it should be."""

    def move(self, ref, *, expect, target, objects=None):
        here = self.head(ref)
        super().move(ref, expect=here, target=here, objects=objects)
        super().move(ref, expect=expect, target=target)


class _Blind(MemoryCatalog):
    """Moves a ref from anywhere."""

    def move(self, ref, *, expect, target, objects=None):
        super().move(ref, expect=self.head(ref), target=target, objects=objects)


class _Racy(MemoryCatalog):
    """Compares, and swaps later."""

    def move(self, ref, *, expect, target, objects=None):
        if self.head(ref) != expect:
            super().move(ref, expect=expect, target=target)
        time.sleep(0.001)
        super().move(ref, expect=self.head(ref), target=target, objects=objects)


class _Old(MemoryCatalog):
    """Leaves what is there as old as it was."""

    def move(self, ref, *, expect, target, objects=None):
        new = {digest: body for digest, body in (objects or {}).items() if not self.stored_at([digest])}
        super().move(ref, expect=expect, target=target, objects=new)


class _Careless(MemoryCatalog):
    """Forgets whatever refs have moved to."""

    def forget(self, digests, *, before, refs):
        return super().forget(digests, before=before, refs=self.refs())


class _Greedy(MemoryCatalog):
    """Forgets what is as old as asked, not older."""

    def forget(self, digests, *, before, refs):
        return super().forget(digests, before=before + 1, refs=refs)


@pytest.mark.parametrize("wrong", [_Forgetful, _Hasty, _Blind, _Racy, _Old, _Careless, _Greedy])
def test_suite_catches_a_wrong_catalog(wrong):
    with pytest.raises(AssertionError):
        [case(wrong) for case in CASES]


def test_suite_catches_a_catalog_that_does_not_verify():
    class Trusting(MemoryCatalog):
        def get(self, digests):
            return {digest: self._objects[digest][0] for digest in digests if digest in self._objects}

    with pytest.raises(AssertionError, match="nothing was refused"):
        check_damage_is_refused(Trusting, MemoryCatalog.spoil)
