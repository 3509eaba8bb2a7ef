"""Readers that know nothing of shipway: Polars, pyiceberg, and DuckDB in a process and an environment of its own."""

import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from moto.server import ThreadedMotoServer
from pyiceberg.table import StaticTable

from shipway.adapters.file.blob import FileBlobs
from shipway.adapters.iceberg.publication import IcebergPublisher
from shipway.infra.table import TableFiles
from shipway.kit.file import hold_lock
from shipway.testing.fake import ManualClock

DUCKDB = "1.5.5"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "shipway-tests" / f"duckdb-{DUCKDB}"

SERVE = """
import pathlib, sys
import duckdb, duckdb_extension_avro, duckdb_extension_iceberg
door = duckdb.connect(config={"allow_unsigned_extensions": "true"})
for module, name in ((duckdb_extension_avro, "avro"), (duckdb_extension_iceberg, "iceberg")):
    folder = pathlib.Path(module.__file__).parent / "extensions" / f"v{duckdb.__version__}"
    door.execute(f"LOAD '{folder / name}.duckdb_extension'")
print("ready", flush=True)
for line in sys.stdin:
    target, _, query = line.strip().partition(" ")
    try:
        door.execute(f"COPY ({query}) TO '{target}' (FORMAT parquet)")
        print("done", flush=True)
    except Exception as fault:
        print("failed", " ".join(str(fault).split()), flush=True)
"""


@pytest.fixture(autouse=True)
def planner(monkeypatch):
    """Have Polars plan its scans by pyiceberg, without a warning that a faster planner is to be had."""
    monkeypatch.setenv("POLARS_ICEBERG_PLANNER", "pyiceberg")


@pytest.fixture(scope="session")
def moto():
    """Start moto's server, a fake of S3's semantics behind real HTTP; return its address."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


class Shop:
    """A store of files, tables in it, and a place where they are published."""

    def __init__(self, folder, **options):
        self.blobs = FileBlobs(folder / "blobs")
        self.files = TableFiles(self.blobs)
        self.clock = ManualClock()
        self.publisher = IcebergPublisher(clock=self.clock, **options)
        self.folder = folder / "open"

    def write(self, data, **options):
        return self.files.write(pl.DataFrame(data, **options))

    def publish(self, snapshot, *, commit=None, name="t"):
        return self.publisher.publish(
            name, snapshot, commit=commit or snapshot.digest, files=self.blobs.uri, location=str(self.folder)
        )

    def commits(self, name="t"):
        return self.publisher.commits(name, location=str(self.folder))

    def listing(self, name="t"):
        """Return every file of a published table with its time."""
        found = [path for path in (self.folder / name).rglob("*") if path.is_file()]
        return {str(path.relative_to(self.folder / name)): path.stat().st_mtime_ns for path in found}

    def table(self, name="t"):
        """Return a published table as pyiceberg sees it, at the version that its hint says."""
        return StaticTable.from_metadata(self.uri(name))

    def uri(self, name="t"):
        metadata = self.folder / name / "metadata"
        return f"{metadata.as_uri()}/v{(metadata / 'version-hint.text').read_text()}.metadata.json"

    def read(self, reader="native", name="t", **options):
        """Read a published table by Polars' own reader or by pyiceberg."""
        return pl.scan_iceberg(self.uri(name), reader_override=reader, **options).collect()


@pytest.fixture
def shop(tmp_path):
    return Shop(tmp_path)


@pytest.fixture
def open_shop():
    return Shop


def _make_environment():
    """Return the Python of an environment with DuckDB and no shipway, made once on a machine."""
    python = CACHE / "bin" / "python"
    CACHE.parent.mkdir(parents=True, exist_ok=True)
    with hold_lock(CACHE.parent / "duckdb.lock", wait=True):
        if not (CACHE / "whole").exists():
            subprocess.run([sys.executable, "-m", "venv", "--clear", CACHE], check=True, capture_output=True)
            wanted = [f"{name}=={DUCKDB}" for name in ("duckdb", "duckdb-extension-iceberg", "duckdb-extension-avro")]
            command = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *wanted]
            subprocess.run(command, check=True, capture_output=True)
            (CACHE / "whole").touch()
    return python


@pytest.fixture(scope="session")
def duckdb_server():
    try:
        python = _make_environment()
    except (OSError, subprocess.CalledProcessError) as fault:
        said = getattr(fault, "stderr", b"") or str(fault).encode()
        pytest.skip(f"no environment with DuckDB {DUCKDB} can be made: {said.decode()[-200:]}")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([python, "-I", "-c", SERVE], text=True, **pipes) as server:
        assert server.stdout.readline() == "ready\n"
        yield server
        server.stdin.close()


@pytest.fixture
def read_duckdb(duckdb_server, tmp_path):
    """Read a published table by DuckDB, given its folder or the address of its metadata."""

    def read(uri, what="*", rest=""):
        target = tmp_path / "duckdb.parquet"
        place = str(uri).removeprefix("file://")
        duckdb_server.stdin.write(f"{target} SELECT {what} FROM iceberg_scan('{place}') {rest}\n")
        duckdb_server.stdin.flush()
        answer = duckdb_server.stdout.readline()
        assert answer == "done\n", answer
        return pl.read_parquet(target)

    return read
