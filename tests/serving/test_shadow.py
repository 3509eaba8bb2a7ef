"""Vectors that are sent to a service, on a real server: split by unit, shadowed, logged with what was sent."""

import time

import pytest

from shipway.core.service import Rule, Terms

COLUMNS = ("row_amount", "row_country", "row_express", "row_items", "row_wait", "customer_n", "customer_total")
PATH = "/v2/models/fraud/infer"


def ask(server, rows=1, *, headers=None, amount=1.5, **more):
    data = {name: [float(number)] * rows for number, name in enumerate(COLUMNS)}
    inputs = [
        {"name": name, "shape": [rows], "datatype": "FP64", "data": values if name != "row_amount" else [amount] * rows}
        for name, values in data.items()
    ]
    inputs[1] = {"name": "row_country", "shape": [rows], "datatype": "BYTES", "data": ["DE"] * rows}
    return server.ask("POST", PATH, {"inputs": inputs, **more}, headers or {})


@pytest.fixture
def server(shop, serve):
    """A server whose service is split by a parameter; one tenant is never given the candidate."""
    rule = Rule(header="x-tenant", value="acme", to="stable")
    started = serve(shop.state, "--replay")
    terms = Terms(unit="customer", rules=(rule,))
    started.routing = shop.route(1, 2, weight=0.5, salt="a", token=3, terms=terms)
    assert started.apply(started.routing).status == 200
    return started


def test_vectors_are_split_shadowed_and_logged(server, shop):
    units = [f"u{number}" for number in range(12)]
    for unit in units:
        chosen = "2" if server.routing.choose(unit) else "1"
        answer = ask(server, id="same", parameters={"customer": unit})
        assert (answer.status, answer.document["model_version"], answer.document["id"]) == (200, chosen, "same")
        tenant = ask(server, parameters={"customer": unit}, headers={"x-tenant": "acme"})
        assert tenant.document["model_version"] == "1"
    many = ask(server, 70, id="many", parameters={"customer": "u0"})
    assert len(many.document["outputs"][0]["data"]) == 70
    lost = ask(server)
    assert (lost.status, lost.document["code"]) == (422, "SW-802")
    assert server.flush().status == 200
    rows = shop.log()
    live, shadow = (rows.filter(rows["role"] == role) for role in ("live", "shadow"))
    assert (live.height, shadow.height) == (24 + 70, 24 + 70)
    assert live["request"].n_unique() == live.height
    joined = live.join(shadow, on="request", suffix="_shadow", validate="1:1")
    assert (joined["version"] != joined["version_shadow"]).all()
    assert set(live["online"]) == {""}
    assert sorted(set(live.filter(live["row"].is_null())["weight"])) == [0.0]
    assert set(live.filter(live["row"] == "same")["weight"]) == {0.5}
    assert set(live.filter(live["row"] == "same")["unit"]) == set(units)
    assert live.filter(live["row"] == "many/69").height == 1
    vectors = shop.log("features.")
    assert vectors.height == live.height
    assert vectors.columns == ["request", "row", "at", *COLUMNS]
    assert set(vectors["row_country"]) == {"DE"}
    assert set(vectors["request"]) == set(live["request"])


def test_failing_candidate_is_seen_and_stays_paired(shop, serve):
    server = serve(shop.state, "--replay")
    server.apply(shop.route(1, 3, weight=1.0, salt="s", token=1))
    assert ask(server, amount=777.0).status == 503
    assert ask(server, amount=666.0).status == 503
    assert ask(server).document["model_version"] == "3"
    server.flush()
    rows = shop.log()
    assert rows.filter(rows["role"] == "live")["error"].to_list() == ["SW-801", "SW-801", None]
    assert rows.filter(rows["role"] == "shadow")["error"].to_list() == [None] * 3


def test_both_versions_predict_a_share_of_the_units(shop, serve):
    server = serve(shop.state, "--replay")
    routing = shop.route(1, 2, weight=0.5, salt="s", terms=Terms(shadow=0.5))
    assert server.apply(routing).status == 200
    units = [f"u{number}" for number in range(20)]
    paired = {unit for unit in units if routing.shadows(unit)}
    assert 0 < len(paired) < 20
    for unit in units:
        assert ask(server, id=unit).status == 200
    server.flush()
    rows = shop.log()
    assert set(rows.filter(rows["role"] == "live")["row"]) == set(units)
    assert set(rows.filter(rows["role"] == "shadow")["row"]) == paired
    counts = server.status()["counts"]
    assert (counts["shadowed"], counts["shadow_spared"]) == (len(paired), 20 - len(paired))


def test_whoever_looks_right_after_an_answer_keeps_nobody_from_its_shadow(shop, serve):
    server = serve(shop.state, "--replay")
    server.apply(shop.route(1, 2, weight=0.5, salt="s"))
    until = time.monotonic() + 30
    for number in range(1, 6):
        assert ask(server).status == 200
        counts = server.status()["counts"]
        assert counts["inferred"] == number
        while counts["shadowed"] < number:
            assert time.monotonic() < until
            counts = server.status()["counts"]


def test_share_of_units_is_logged_and_requests_wait_for_one_another(shop, serve):
    server = serve(shop.state, "--replay")
    routing = shop.route(1, 2, weight=0.5, salt="s", terms=Terms(log=0.5, wait_us=2_000))
    assert server.apply(routing).status == 200
    units = [f"u{number}" for number in range(20)]
    kept = {unit for unit in units if routing.keeps(unit)}
    assert 0 < len(kept) < 20
    for unit in units:
        assert ask(server, id=unit).status == 200
    server.flush()
    rows = shop.log()
    assert set(rows["row"]) == kept
    assert rows.height == 2 * len(kept)
    assert set(shop.log("features.")["row"]) == kept
    for terms in (
        Terms(log=2.0),
        Terms(shadow=-0.1),
        Terms(wait_us=-1),
        Terms(rules=(Rule(header="X", value="", to="stable"),)),
    ):
        assert server.apply(shop.route(1, 2, token=1, terms=terms)).status == 422
