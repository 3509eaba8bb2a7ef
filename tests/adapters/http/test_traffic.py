import http.server
import itertools
import json
import threading

import msgspec
import pytest

from shipway.adapters.file.blob import FileBlobs
from shipway.adapters.http.traffic import HttpTraffic
from shipway.core.error import ShipwayError
from shipway.core.service import Variant
from shipway.kit.canonical import canonical_json
from shipway.testing.traffic import CASES, TrafficSample, check_nobody_answers


@pytest.fixture
def make_http(shop, serve):
    """Make traffic over a real server on a fresh folder of state."""
    damaged = shop.add(8, 0.8)
    other = shop.add(9, 0.9)
    # Whole files that do not belong together: the golden rows are another model's.
    forged = msgspec.structs.replace(damaged, files={**damaged.files, "golden.json": other.files["golden.json"]})
    digest = FileBlobs(shop.state / "blobs").put(canonical_json(forged))
    numbers = itertools.count()

    def make():
        assert next(numbers) == 0
        server = serve(shop.state, "--replay")

        def ask(service, unit):
            row = {"order": int(unit), "amount": 1.0, "country": None, "express": None, "items": None}
            answer = server.predict({**row, "customer": None, "placed": None}, service=service)
            return answer.document["version"]

        return TrafficSample(
            HttpTraffic(shop.state),
            "fraud",
            (shop.variant(1), shop.variant(2)),
            Variant(version=7, bundle="ab" * 32, online="main"),
            Variant(version=8, bundle=digest, online="main"),
            ask,
        )

    return make


@pytest.mark.parametrize("case", CASES)
def test_http_conforms(case, make_http):
    case(make_http)


def test_without_a_server_nobody_answers(tmp_path):
    check_nobody_answers(lambda: HttpTraffic(tmp_path))


def test_after_a_kill_nobody_answers_until_there_is_a_new_server(shop, serve):
    server = serve(shop.state)
    traffic = HttpTraffic(shop.state)
    traffic.apply(shop.route(token=2))
    server.process.kill()
    server.process.wait(30)
    check_nobody_answers(lambda: traffic)
    serve(shop.state)
    assert traffic.current("fraud") == shop.route(token=2)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b'{"url": 5}', b'{"url": "http://127.0.0.1:99999"}', b'{"url": "http://[x"}']
)
def test_broken_address_is_nobody(tmp_path, content):
    (tmp_path / "serving").mkdir()
    (tmp_path / "serving" / "server.json").write_bytes(content)
    check_nobody_answers(lambda: HttpTraffic(tmp_path))


@pytest.mark.parametrize(
    ("status", "body"),
    [(404, b"not here"), (200, b"hello"), (200, b"{}"), (404, b'{"code": "X", "fact": "", "hint": ""}')],
)
def test_a_stranger_at_the_address_is_nobody(tmp_path, shop, status, body):
    class Stranger(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Stranger) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            (tmp_path / "serving").mkdir()
            address = {"url": f"http://127.0.0.1:{server.server_port}"}
            (tmp_path / "serving" / "server.json").write_text(json.dumps(address))
            with pytest.raises(ShipwayError) as caught:
                HttpTraffic(tmp_path).current("fraud")
        finally:
            server.shutdown()
            thread.join()
    assert caught.value.code == "SW-801"
