"""Rows that are pushed are accepted once they are on the disk, and a run takes them in."""

import gzip
import http.client
import json
import signal
import subprocess
import sys

import polars as pl
import pytest

from shipway.adapters.file.reader import FileReader
from shipway.app.project import STATE_FOLDER, find_project
from shipway.core.error import ShipwayError
from shipway.core.raw import START

COMMAND = "import sys; from shipway.cli.main import main; sys.exit(main(sys.argv[1:]))"
TOML = '[project]\nname = "x"\n[raw.orders]\nuri = "inbox:"\nkey = "id"\n[raw]\nother = "other.csv"\n'


@pytest.fixture
def desk(tmp_path):
    """Start the door of a project as a process, and return what pushes to it."""
    (tmp_path / "shipway.toml").write_text(TOML)
    words = [sys.executable, "-c", COMMAND, "data", "listen", "--port", "0", "--most-mb", "1"]
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline()
        port = int(line.rpartition(":")[2])

        def push(body, path="/v1/raw/orders", method="POST", **headers):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, {"content-type": "application/x-ndjson", **named})
            answer = connection.getresponse()
            found = json.loads(answer.read() or b"null")
            connection.close()
            return answer.status, found

        yield push
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0


def pieces(root):
    project = find_project(root)
    raw = project.config.input("orders")
    reader = FileReader(root, root / STATE_FOLDER / "inbox")
    return [batch for piece in reader.pieces(raw, START) for batch in reader.read(raw, piece)]


def test_bodies_become_pieces(desk, tmp_path):
    body = b'{"id": 1, "v": "a"}\n{"id": 2, "v": "b"}\n'
    status, found = desk(body)
    assert (status, found["rows"], found["new"]) == (200, 2, True)
    assert desk(body) == (200, {**found, "new": False})
    frame = pl.DataFrame({"id": [3]})
    frame.write_parquet(tmp_path / "x.parquet")
    packed = {"content_type": "text/csv; charset=utf-8", "content_encoding": "gzip"}
    assert desk(gzip.compress(b"id,v\n4,c\n"), **packed)[0] == 200
    assert desk((tmp_path / "x.parquet").read_bytes(), content_type="application/vnd.apache.parquet")[0] == 200
    assert desk(b'[{"id": 5}]', content_type="application/json")[0] == 200
    assert [batch["id"].to_list() for batch in pieces(tmp_path)] == [[1, 2], ["4"], [3], [5]]


def test_what_is_wrong_is_answered_and_nothing_is_written(desk, tmp_path):
    status, found = desk(b"{}", "/v1/raw/ordres")
    assert (status, found["code"], found["hint"]) == (404, "SW-104", "did you mean 'orders'?")
    assert desk(b"{}", "/v1/raw/other")[0] == 404
    assert desk(b"{}", "/v2/raw/orders")[0] == 404
    assert desk(b"{}", "/v1/raw/a/b")[0] == 404
    assert desk(b"", method="GET")[0] == 405
    assert desk(b"{}", content_type="text/plain")[0] == 415
    assert desk(b"{}", content_encoding="br")[0] == 415
    assert desk(b"PAR1", content_type="application/vnd.apache.parquet", content_encoding="gzip")[0] == 415
    status, found = desk(b'{"id": 1')
    assert (status, found["code"]) == (400, "SW-201")
    assert desk(b"\n")[1]["code"] == "SW-204"
    assert desk(b'{"id": "' + b"x" * 1_000_001 + b'"}')[0] == 413
    assert not (tmp_path / STATE_FOLDER / "inbox" / "orders").exists()


def test_one_process_listens(desk, tmp_path, shipway):
    refused = shipway("data", "listen", "--port", "0", cwd=tmp_path)
    assert refused.code == 5
    assert "takes rows for" in refused.err


def test_a_project_that_nothing_is_pushed_to_is_told_so(tmp_path, shipway):
    (tmp_path / "shipway.toml").write_text('[project]\nname = "x"\n')
    refused = shipway("data", "listen", cwd=tmp_path)
    assert refused.code == 1
    assert "SW-104" in refused.err
    assert 'uri = "inbox:"' in refused.err


def test_a_contract_may_be_asked_for_before_anything_came(tmp_path):
    (tmp_path / "shipway.toml").write_text(TOML)
    from shipway.app.contract import propose_contract

    with pytest.raises(ShipwayError, match="SW-204"):
        propose_contract(find_project(tmp_path), "orders", accept=True)
