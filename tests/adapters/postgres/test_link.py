"""Places of the log are written as the server writes them, and a server that is not there is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.adapters.postgres.link import Link, read_lsn, write_lsn
from shipway.core.error import ShipwayError


@given(st.integers(0, (1 << 63) - 1))
def test_places_survive_their_text(lsn):
    assert read_lsn(write_lsn(lsn)) == lsn


def test_places_are_written_as_the_server_does(postgres):
    text = postgres.say("SELECT pg_current_wal_lsn()")
    assert write_lsn(read_lsn(text)) == text
    assert postgres.say(f"SELECT '{write_lsn(0x1_0000_ABCD)}'::pg_lsn") == "1/ABCD"


def test_a_server_that_is_not_there_is_told():
    with pytest.raises(ShipwayError, match="SW-607"):
        Link("host=127.0.0.1 port=1 dbname=x replication=database", "x")


def test_a_command_that_the_server_refuses_is_told(postgres):
    link = Link(f"host=127.0.0.1 port={postgres.port} user=shipway dbname=postgres replication=database", "here")
    with pytest.raises(ShipwayError, match=r"SW-201.*nothing"):
        link.start("nothing", 0, "nothing")
    assert link.ask("SHOW wal_level") == [["logical"]]
    link.close()
    link.close()
