"""A way to the PostgreSQL server that breaks at the end of a transaction."""

import pytest


@pytest.fixture
def wire(postgres, open_wire):
    return open_wire(postgres.port, b"COMMIT\0")
