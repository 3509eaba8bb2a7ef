"""A database of the session's PostgreSQL server, with an empty schema for each test."""

from functools import cache

import psycopg
import pytest


@cache
def name_database(server):
    """Make the database that all these tests share: a new one for each would take most of their time."""
    return server.make_database()


@pytest.fixture
def postgres(postgres):
    """Return the address of an empty database, and what runs statements in it."""
    address = postgres.address(name_database(postgres))

    def run(*statements):
        with psycopg.connect(address, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    run("set client_min_messages = error", "drop schema public cascade", "create schema public")
    return address, run
