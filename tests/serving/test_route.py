"""Every route of a real server process, over real sockets; the routing is 1 and 2, each with a half of the traffic."""

import json

import pytest

from shipway.core.online import make_layout
from shipway.maths.assignment import place_unit

NOON = 1_700_000_000_000_000
HOUR = 3_600_000_000
BIAS = {1: -0.5, 2: 0.25}


def refused(answer, status, code, *said):
    """Check an answer that says no, and return its document."""
    document = answer.document
    assert (answer.status, document["code"]) == (status, code), answer
    assert document["fact"]
    assert document["hint"]
    assert answer.headers["content-type"] == "application/json"
    text = document["fact"] + " / " + document["hint"]
    for word in said:
        assert word in text, text
    return document


class TestPredict:
    @pytest.mark.parametrize("order", range(1, 9))
    def test_each_row_is_answered_by_its_version(self, shared, make_row, by_hand, order):
        answer = shared.predict(make_row(order, country="FR"), request=f"mine-{order}")
        version = 2 if place_unit("a", str(order)) < 0.5 else 1
        found = answer.document
        assert answer.status == 200
        assert found == {"request": f"mine-{order}", "model": "fraud", "version": version, "p": found["p"], "at": NOON}
        # amount, country, express, items, wait, customer n and total as known at noon
        assert found["p"] == pytest.approx(by_hand((20.5, 2, 1, 3, 0, 2, 40), BIAS[version]), abs=1e-6)

    @pytest.mark.parametrize(
        ("at", "history"),
        [(NOON - 3 * HOUR, (0, 0)), (NOON - 2 * HOUR, (1, 10)), (NOON + HOUR, (3, 540)), (NOON + 23 * HOUR, (1, 500))],
    )
    def test_history_is_as_known_at_the_instant(self, shared, make_row, by_hand, at, history):
        found = shared.predict(make_row(1), at=at).document
        assert found["p"] == pytest.approx(by_hand((20.5, 1, 1, 3, 0, *history), BIAS[found["version"]]), abs=1e-6)

    def test_instant_may_be_text(self, shared):
        assert shared.predict(at="2023-11-14T23:13:20+01:00").document["at"] == NOON - 0
        assert shared.predict(at="2023-11-14T22:13:20.000001Z").document["at"] == NOON + 1

    def test_unknown_customer_has_no_history(self, shared, make_row, by_hand):
        found = shared.predict(make_row(customer="nobody", country="XX")).document
        assert found["p"] == pytest.approx(by_hand((20.5, 0, 1, 3, 0, 0, 0), BIAS[found["version"]]), abs=1e-6)

    def test_null_is_a_value(self, shared, make_row, by_hand):
        row = make_row(amount=None, country=None, express=None, items=None, customer=None, placed=None)
        found = shared.predict(row).document
        assert found["p"] == pytest.approx(by_hand((0,) * 7, BIAS[found["version"]]), abs=1e-6)

    def test_other_columns_are_passed_over(self, shared, make_row):
        assert shared.predict(make_row(colour="red")).document["p"] == shared.predict().document["p"]

    def test_whole_number_is_a_float_too(self, shared, make_row):
        assert shared.predict(make_row(amount=20)).status == 200

    def test_present_without_an_instant(self, shared, make_row):
        answer = shared.ask("POST", "/v1/predict/fraud", {"row": make_row()})
        assert answer.document["at"] > NOON

    def test_server_makes_ids_of_its_own(self, shared):
        first, second = (shared.predict().document["request"] for _ in range(2))
        assert first != second

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"order": 1.5}, ("'order'", "whole number", "1.5")),
            ({"order": "1"}, ("'order'", '"1"')),
            ({"order": True}, ("'order'", "true")),
            ({"order": None}, ("'order'", "null")),
            ({"order": 1 << 63}, ("'order'", "64 bits")),
            ({"amount": "much"}, ("'amount'", "number")),
            ({"amount": False}, ("'amount'", "number")),
            ({"amount": 10**400}, ("'amount'",)),
            ({"country": 7}, ("'country'", "text")),
            ({"express": 1}, ("'express'", "true or false")),
            ({"placed": 1.0}, ("'placed'", "ISO 8601")),
            ({"placed": "yesterday"}, ("'placed'", "'yesterday'")),
            ({"placed": "2023-11-14T12:00:00"}, ("'placed'", "zone")),
            ({"placed": 1 << 63}, ("'placed'", "64 bits")),
        ],
    )
    def test_wrong_values_are_refused(self, shared, make_row, change, said):
        refused(shared.predict(make_row(**change)), 422, "SW-802", *said)

    def test_missing_column_is_named_with_what_was_meant(self, shared, make_row):
        row = make_row(contry="DE")
        del row["country"]
        refused(shared.predict(row), 422, "SW-802", "'country'", "did you mean 'contry'?")
        row = make_row()
        del row["order"]
        refused(shared.predict(row), 422, "SW-802", "'order'", "order, amount")

    @pytest.mark.parametrize(
        ("body", "status", "said"),
        [
            (b"", 400, "empty"),
            (b"{", 400, "not JSON"),
            (b"\xff", 400, "not JSON"),
            (b"NaN", 400, "not JSON"),
            (b"[" * 100_000, 422, "does not fit"),
            (b"[]", 422, "does not fit"),
            (b"{}", 422, "row"),
            (b'{"row": 1}', 422, "row"),
            (b'{"row": {"order": [1]}}', 422, "whole number"),
            (b'{"row": {"order": {"a": 1}}}', 422, "row"),
            (b'{"row": {}, "rows": {}}', 422, "rows"),
            (b'{"row": {}, "request": 1}', 422, "request"),
            (b'{"row": {}, "request": ""}', 422, "id"),
            (b'{"row": {}, "request": "%b"}' % (b"x" * 201), 422, "id"),
            (b'{"row": {}, "at": "noon"}', 422, "at"),
            (b'{"row": {}, "at": "2023-11-14"}', 422, "zone"),
            (b'{"row": {}, "at": 9999999999999999999}', 422, "64 bits"),
            (b'{"row": {}, "at": 1.5}', 422, "at"),
        ],
    )
    def test_wrong_bodies_are_refused(self, shared, body, status, said):
        refused(shared.ask("POST", "/v1/predict/fraud", body), status, "SW-802", said)

    def test_other_media_types_are_refused(self, shared):
        for headers in ({"content-type": "text/csv"}, {"content-encoding": "gzip"}):
            refused(shared.ask("POST", "/v1/predict/fraud", b"{}", headers), 415, "SW-802", "send")
        for kind in ("application/json; charset=utf-8", "application/problem+json", "Application/JSON"):
            refused(shared.ask("POST", "/v1/predict/fraud", b"{}", {"content-type": kind}), 422, "SW-802")

    def test_unknown_service(self, shared):
        refused(shared.predict(service="frau"), 404, "SW-104", "'frau'", "did you mean 'fraud'?")

    def test_other_methods(self, shared):
        for method in ("GET", "PUT", "DELETE", "PATCH"):
            answer = shared.ask(method, "/v1/predict/fraud")
            refused(answer, 405, "SW-802", method, "POST")
            assert answer.headers["allow"] == "POST"

    def test_every_refusal_leaves_a_healthy_server(self, shared):
        before = shared.status()["counts"]
        refused(shared.ask("POST", "/v1/predict/fraud", b"{"), 400, "SW-802")
        refused(shared.predict({}), 422, "SW-802")
        assert shared.predict().status == 200
        after = shared.status()["counts"]
        assert after["refused"] == before["refused"] + 2
        assert after["answered"] == before["answered"] + 1


class TestDescription:
    def test_server(self, shared):
        assert shared.ask("GET", "/v2").document["name"] == "shipway"
        assert shared.ask("GET", "/v2/health/live").document == {"live": True}
        assert shared.ask("GET", "/v2/health/ready").document == {"ready": True}

    def test_head_is_get_without_its_body(self, shared):
        answer = shared.ask("HEAD", "/v2/health/ready")
        assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "14")

    def test_query_is_passed_over(self, shared):
        assert shared.ask("GET", "/v2/health/live?verbose=1").status == 200

    @pytest.mark.parametrize("path", ["/v2/models/fraud", "/v2/models/fraud/versions/1", "/v2/models/fraud/versions/2"])
    def test_model(self, shared, path):
        found = shared.ask("GET", path).document
        assert (found["name"], found["versions"], found["platform"]) == ("fraud", ["1", "2"], "onnx")
        assert [column["name"] for column in found["inputs"]][:2] == ["row_amount", "row_country"]
        assert [column["datatype"] for column in found["inputs"]] == ["FP64", "BYTES", *["FP64"] * 5]
        assert found["outputs"] == [{"name": "probability", "datatype": "FP64", "shape": [-1]}]
        assert shared.ask("GET", path + "/ready").document == {"name": "fraud", "ready": True}

    @pytest.mark.parametrize(
        ("path", "said"),
        [
            ("/", "/v2"), ("/v3", "/v2"), ("/v2/", "/v2"), ("//v2", "/v2"), ("/v1/predict", "/v1/predict/SERVICE"),
            ("/v2/models/frod", "did you mean 'fraud'?"), ("/v2/models/fraud/versions/3", "fraud@3"),
            ("/v2/models/fraud/versions/x", "a version is a number"), ("/v2/models/fraud/versions", "/v2"),
            ("/v2/models/fraud/versions/2/x", "/v2"), ("/v1/services/other/routing", "'other'"),
        ],
    )  # fmt: skip
    def test_unknown_paths(self, shared, path, said):
        refused(shared.ask("GET", path), 404, "SW-104", said)

    def test_other_methods(self, shared):
        for path, allowed in (("/v2", "GET, HEAD"), ("/v1/log/flush", "POST"), ("/v2/models/fraud/infer", "POST"),
                              ("/v1/services/fraud/routing", "GET, PUT, HEAD")):  # fmt: skip
            answer = shared.ask("DELETE", path)
            refused(answer, 405, "SW-802", "DELETE")
            assert answer.headers["allow"] == allowed

    def test_routing(self, shared):
        found = shared.ask("GET", "/v1/services/fraud/routing").document
        assert (found["stable"]["version"], found["candidate"]["version"], found["weight"]) == (1, 2, 0.5)

    def test_status(self, shared):
        shared.predict()
        found = shared.status()
        assert found["replay"] is True
        assert found["faults"] == {}
        assert [each["role"] for each in found["services"]["fraud"]["versions"]] == ["stable", "candidate"]
        assert 0 < found["p50_us"] <= found["p99_us"]
        assert found["log"]["failures"] == found["log"]["dropped_rows"] == 0
        assert len(found["bundles"]) == 2


def test_instant_is_refused_outside_of_a_replay(shop, serve, make_row):
    server = serve(shop.state)
    assert server.apply(shop.route()).status == 200
    refused(server.predict(), 400, "SW-802", "--replay")
    assert server.ask("POST", "/v1/predict/fraud", {"row": make_row()}).status == 200


def test_log_has_a_pair_for_each_request_and_its_vector(shop, serve, make_row):
    server = serve(shop.state, "--replay")
    server.apply(shop.route(1, 2, weight=0.3, salt="s", token=9))
    for order in range(40):
        row = make_row(order, country=None if order % 2 else "FR", customer="ann" if order % 3 else "new")
        assert server.predict(row, request=f"r{order}").status == 200
    written = server.flush().document
    assert (written["written_rows"], written["waiting_rows"]) == (120, 0)
    rows = shop.log()
    assert rows.height == 80
    live = rows.filter(rows["role"] == "live").sort("at", "row")
    assert {row["unit"]: row["version"] for row in live.to_dicts()} == {
        str(order): 2 if place_unit("s", str(order)) < 0.3 else 1 for order in range(40)
    }
    for request, group in rows.group_by("request"):
        assert set(group["version"]) == {1, 2}, request
        assert set(group["role"]) == {"live", "shadow"}
        assert group["answer_us"].n_unique() == 1
        assert group["p"].n_unique() == 2
    assert set(rows["token"]) == {9}
    assert set(rows["weight"]) == {0.3}
    assert set(rows["online"]) == {"main"}
    assert rows["error"].null_count() == 80
    assert rows["p"].is_finite().all()
    assert (rows["latency_us"] > 0).all()
    vectors = shop.log("features.main")
    assert vectors.height == 40
    assert sorted(vectors["request"]) == sorted(f"r{order}" for order in range(40))
    first = vectors.filter(vectors["request"] == "r1").to_dicts()[0]
    assert first == {
        "request": "r1", "row": "1", "at": NOON, "row_amount": 20.5, "row_country": None, "row_express": 1.0,
        "row_items": 3.0, "row_wait": 0.0, "customer_n": 2.0, "customer_total": 40.0,
        "newest payments.paid": NOON - HOUR,
    }  # fmt: skip
    new = vectors.filter(vectors["request"] == "r0").to_dicts()[0]
    assert (new["row_country"], new["customer_n"], new["newest payments.paid"]) == ("FR", 0.0, None)


def test_version_on_another_store_reads_its_own_vectors(shop, serve):
    server = serve(shop.state, "--replay")
    server.apply(shop.route(1, 2, trial="stale", weight=0.0, salt="s"))
    server.predict(request="r")
    assert server.flush().status == 200
    assert shop.log().sort("version")["online"].to_list() == ["main", "stale"]
    assert [shop.log(f"features.{name}")["customer_total"].to_list() for name in ("main", "stale")] == [[40.0], [7.0]]


def test_failing_version_is_an_error_that_is_seen(shop, serve, make_row):
    server = serve(shop.state, "--replay")
    server.apply(shop.route(1, 3, weight=1.0, salt="s", token=1))
    for amount, said in ((666.0, "no probability"), (777.0, "failed")):
        refused(server.predict(make_row(amount=amount)), 503, "SW-801", "fraud@3", said)
    assert server.predict(make_row(amount=1.0)).document["version"] == 3
    server.apply(shop.route(1, 3, weight=0.0, salt="s", token=2))
    assert server.predict(make_row(amount=777.0)).document["version"] == 1
    server.flush()
    rows = shop.log().sort("request", "role").to_dicts()
    assert [(row["version"], row["role"], row["error"]) for row in rows] == [
        (3, "live", "SW-801"), (1, "shadow", None), (3, "live", "SW-801"), (1, "shadow", None),
        (3, "live", None), (1, "shadow", None), (1, "live", None), (3, "shadow", "SW-801"),
    ]  # fmt: skip
    assert [str(row["p"]) == "nan" for row in rows] == [row["error"] is not None for row in rows]
    counts = server.status()["counts"]
    assert (counts["answered"], counts["failed"], counts["shadowed"], counts["shadow_failed"]) == (2, 2, 4, 1)


def test_one_row_that_breaks_leaves_the_others_of_its_batch_alone(shop, serve, make_row):
    server = serve(shop.state, "--replay")
    server.apply(shop.route(3))
    amounts = [1.0, 777.0, 2.0, 666.0, 3.0]
    bodies = [json.dumps({"row": make_row(amount=amount), "at": NOON}).encode() for amount in amounts]
    head = b"POST /v1/predict/fraud HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b"
    said = server.speak(b"".join(head % (len(body), body) for body in bodies))
    statuses = [int(part[:3]) for part in said.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [200, 503, 200, 503, 200]


def test_column_that_only_the_candidate_reads_fails_the_candidate_alone(shop, serve, make_row, wider):
    shop.add(4, 0.1, views=wider)
    shop.pay("ann", [(NOON - HOUR, 1)], online="wide")
    server = serve(shop.state, "--replay")
    server.apply(shop.route(1, 4, trial="wide", weight=0.0, salt="s", token=1))
    assert "channel" in make_layout("orders", ("order",), wider, shop_schema(shop)).request
    assert server.predict().status == 200
    server.apply(shop.route(1, 4, trial="wide", weight=1.0, salt="s", token=2))
    refused(server.predict(), 503, "SW-802", "'channel'")
    refused(server.predict(make_row(items="x")), 422, "SW-802", "'items'")
    assert server.predict(make_row(channel="web")).document["version"] == 4
    server.flush()
    rows = shop.log().sort("request", "role").to_dicts()
    assert [(row["version"], row["role"], row["error"]) for row in rows] == [
        (1, "live", None), (4, "shadow", "SW-802"), (4, "live", "SW-802"), (1, "shadow", None),
        (4, "live", None), (1, "shadow", None),
    ]  # fmt: skip


def shop_schema(shop):
    manifest = json.loads((shop.state / "blobs" / shop.bundles[4][:2] / shop.bundles[4]).read_text())
    return manifest["features"]["schema"]


def test_extreme_values_are_answered_and_logged(shop, serve, make_row):
    server = serve(shop.state, "--replay")
    server.apply(shop.route(1, 2, weight=0.5, salt="s"))
    instants = [-(1 << 63), -1, 0, (1 << 63) - 1]
    assert [server.predict(at=at).status for at in instants] == [200] * 4
    edges = {
        "items": -(1 << 63),
        "placed": (1 << 63) - 1,
        "amount": -1e308,
        "country": "\0",
        "customer": "",
        "order": -1,
    }
    assert server.predict(make_row(**edges), request="\0\n").status == 200
    surrogate = json.dumps({"row": make_row(country="\ud800"), "at": NOON}).encode()
    refused(server.ask("POST", "/v1/predict/fraud", surrogate), 400, "SW-802", "not JSON")
    assert server.flush().document["dropped_rows"] == 0
    rows = shop.log()
    assert sorted(set(rows["at"])) == sorted([*instants, NOON])
    assert rows.filter(rows["request"] == "\0\n")["row"].to_list() == ["-1", "-1"]
