"""Routings of a real server: put in force in one step, refused where they cannot be served, and kept over restarts."""

import json
import signal
import threading

import msgspec
import pytest

from shipway.adapters.file.blob import FileBlobs
from shipway.core.service import Routing, Variant
from shipway.kit.canonical import canonical_json
from shipway.maths.assignment import place_unit


def refused(answer, status, code):
    document = answer.document
    assert (answer.status, document["code"]) == (status, code), document
    return document


def in_force(server, service="fraud"):
    return msgspec.json.decode(server.ask("GET", f"/v1/services/{service}/routing").body, type=Routing)


def spoil(shop, digest, content=b"damaged"):
    path = shop.state / "blobs" / digest[:2] / digest
    path.chmod(0o644)
    path.write_bytes(content)


def test_shares_are_those_of_the_hash(shop, serve, make_row):
    server = serve(shop.state, "--replay")
    seen = {}
    for token, weight in enumerate((0.0, 0.1, 0.5, 1.0)):
        server.apply(shop.route(1, 2, weight=weight, salt="walk", token=token))
        found = {order: server.predict(make_row(order)).document["version"] for order in range(60)}
        assert found == {order: 2 if place_unit("walk", str(order)) < weight else 1 for order in range(60)}
        # Who was in a smaller share stays in every greater one.
        assert {order for order, version in seen.items() if version == 2} <= {o for o, v in found.items() if v == 2}
        seen = found


def test_nothing_before_the_first(shop, serve):
    server = serve(shop.state)
    refused(server.ask("GET", "/v1/services/fraud/routing"), 404, "SW-104")
    refused(server.predict(), 404, "SW-104")
    assert server.ask("GET", "/v2/health/ready").status == 200


@pytest.mark.parametrize(
    "change",
    [
        {"service": "other"},
        {"weight": 1.5},
        {"weight": -0.1},
        {"stable": Variant(version=1, bundle="0" * 64, online="../../etc")},
        {"stable": Variant(version=1, bundle="0" * 64, online="")},
    ],
)
def test_routings_that_make_no_sense_are_refused(shop, serve, change):
    server = serve(shop.state)
    routing = msgspec.structs.replace(shop.route(), **change)
    refused(server.ask("PUT", "/v1/services/fraud/routing", routing), 422, "SW-802")
    refused(server.ask("PUT", "/v1/services/fraud/routing", {"service": "fraud"}), 422, "SW-802")
    refused(server.ask("PUT", "/v1/services/fraud/routing", b"no"), 400, "SW-802")
    assert list((shop.state / "serving").glob("fraud*")) == []


@pytest.mark.parametrize("name", ["server", "..", "a b", ".hidden", "x" * 101, "a%2Fb"])
def test_services_have_plain_names(shop, serve, name):
    server = serve(shop.state)
    routing = shop.route(service=name.replace("%2F", "/"))
    path = f"/v1/services/{name.replace(' ', '%20')}/routing"
    refused(server.ask("PUT", path, routing), 422, "SW-802")


def test_absent_bundle_is_refused_and_the_routing_before_stays(shop, serve):
    server = serve(shop.state, "--replay")
    before = shop.route(token=3)
    server.apply(before)
    shop.bundles[9] = "ab" * 32
    for routing in (shop.route(9, token=4), shop.route(1, 9, weight=0.5, token=4)):
        refused(server.apply(routing), 503, "SW-605")
        assert in_force(server) == before
    assert server.predict().document["version"] == 1
    assert json.loads((shop.state / "serving" / "fraud.json").read_text())["token"] == 3


@pytest.mark.parametrize("path", ["manifest.json", "model.onnx", "golden.json"])
def test_damaged_bundle_is_refused(shop, serve, path):
    manifest = shop.add(7, 0.7)
    spoil(shop, manifest.digest if path == "manifest.json" else manifest.files[path])
    server = serve(shop.state, "--replay")
    server.apply(shop.route(token=1))
    refused(server.apply(shop.route(7, token=2)), 503, "SW-605")
    assert server.predict().document["version"] == 1


def test_bundle_of_another_version_is_refused(shop, serve):
    server = serve(shop.state)
    shop.bundles[5] = shop.bundles[2]
    document = refused(server.apply(shop.route(5)), 503, "SW-502")
    assert "fraud@2, not fraud@5" in document["fact"]


def test_bundle_that_predicts_otherwise_is_refused(shop, serve):
    """The files are whole, but the golden rows are not what the model says: another model took its place."""
    first, other = shop.add(7, 0.7), shop.add(8, 0.9)
    files = {**first.files, "model.onnx": other.files["model.onnx"]}
    forged = msgspec.structs.replace(first, files=files)
    shop.bundles[7] = FileBlobs(shop.state / "blobs").put(canonical_json(forged))
    server = serve(shop.state)
    assert "golden rows otherwise" in refused(server.apply(shop.route(7)), 503, "SW-502")["fact"]


def test_overtaken_token_is_refused(shop, serve):
    server = serve(shop.state)
    server.apply(shop.route(token=5))
    refused(server.apply(shop.route(2, token=4)), 409, "SW-803")
    assert in_force(server) == shop.route(token=5)
    assert server.apply(shop.route(token=5)).status == 200


@pytest.mark.parametrize("number", ["SIGTERM", "SIGKILL"])
def test_restarted_server_routes_as_before(shop, serve, number):
    server = serve(shop.state, "--replay")
    routing = shop.route(1, 2, weight=0.4, salt="s", token=6)
    server.apply(routing)
    versions = [server.predict({**ROW, "order": order}).document["version"] for order in range(20)]
    server.stop(getattr(signal, number))
    again = serve(shop.state, "--replay")
    assert in_force(again) == routing
    assert [again.predict({**ROW, "order": order}).document["version"] for order in range(20)] == versions
    refused(again.apply(shop.route(token=5)), 409, "SW-803")


ROW = {"amount": 1.0, "country": "DE", "express": None, "items": 1, "customer": "ann", "placed": None}


def test_candidate_that_is_lost_over_a_restart_fails_as_itself(shop, serve):
    server = serve(shop.state, "--replay")
    server.apply(shop.route(1, 2, weight=0.5, salt="s", token=6))
    server.stop()
    spoil(shop, shop.bundles[2])
    again = serve(shop.state, "--replay")
    assert in_force(again).token == 6
    for order in range(12):
        answer = again.predict({**ROW, "order": order})
        if place_unit("s", str(order)) < 0.5:
            refused(answer, 503, "SW-605")
        else:
            assert answer.document["version"] == 1
    document = refused(again.ask("GET", "/v2/health/ready"), 503, "SW-605")
    assert "fraud@2" in document["fact"]
    refused(again.ask("GET", "/v2/models/fraud/versions/2/ready"), 503, "SW-605")
    assert again.ask("GET", "/v2/models/fraud/versions/1/ready").status == 200
    again.flush()
    live = shop.log().filter(shop.log()["role"] == "live")
    errors = {row["row"]: row["error"] for row in live.to_dicts()}
    assert errors == {str(o): "SW-605" if place_unit("s", str(o)) < 0.5 else None for o in range(12)}
    refused(again.apply(shop.route(2, token=5)), 409, "SW-803")
    assert again.apply(shop.route(1, token=7)).status == 200
    assert again.ask("GET", "/v2/health/ready").status == 200


def test_lost_service_is_told_and_heals(shop, serve):
    server = serve(shop.state, "--replay")
    server.apply(shop.route(1, token=6))
    server.stop()
    (shop.state / "serving" / "fraud.json").write_text("{")
    again = serve(shop.state, "--replay")
    refused(again.predict(), 503, "SW-605")
    refused(again.ask("GET", "/v1/services/fraud/routing"), 503, "SW-605")
    refused(again.ask("GET", "/v2/health/ready"), 503, "SW-605")
    again.apply(shop.route(1, token=1))
    assert again.predict().status == 200
    assert again.status()["faults"] == {}


def test_same_routing_is_tried_again_where_it_could_not_be_loaded(shop, serve):
    server = serve(shop.state, "--replay")
    routing = shop.route(2, token=6)
    server.apply(routing)
    server.stop()
    path = shop.state / "blobs" / shop.bundles[2][:2] / shop.bundles[2]
    whole = path.read_bytes()
    spoil(shop, shop.bundles[2])
    again = serve(shop.state, "--replay")
    refused(again.predict(), 503, "SW-605")
    refused(again.apply(routing), 503, "SW-605")
    path.write_bytes(whole)
    assert again.apply(routing).status == 200
    assert again.predict().document["version"] == 2


def test_hot_swap_under_load_fails_no_request(shop, serve):
    """Versions change all the time while four callers ask; each answer is of a version that was in force.

    Every eighth that is sent is damaged: it is refused, and answers nobody.
    """
    server = serve(shop.state, "--replay")
    server.apply(shop.route(1, token=0))
    done, failures, versions = threading.Event(), [], set()

    def ask():
        while not done.is_set():
            answer = server.predict()
            if answer.status != 200:
                failures.append(answer)
            versions.add(answer.document["version"])

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for token in range(1, 25):
            number = 100 + token
            shop.add(number, token / 10)
            if token % 8 == 0:
                damaged = shop.add(900 + token, -token / 10)
                spoil(shop, damaged.files["golden.json"])
                refused(server.apply(shop.route(900 + token, token=token)), 503, "SW-605")
            assert (
                server.apply(shop.route(number, 1 + token % 2, weight=0.5, salt=str(token), token=token)).status == 200
            )
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert failures == []
    assert len(versions) > 3
    assert max(versions) < 900
    server.flush()
    counts = server.status()["counts"]
    assert counts["failed"] == counts["refused"] == counts["shadow_failed"] == 0
    rows = shop.log()
    assert rows.filter(rows["role"] == "live").height == counts["answered"]
    # Two that are in force, two before them, what was stable before that, and the last four beside.
    assert len(server.status()["bundles"]) <= 9
