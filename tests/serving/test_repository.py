"""What a server loads by name: from its folder without any project, and what the control plane wrote down."""

import signal

import pytest

from shipway.core.error import ShipwayError
from shipway.core.shelf import SHELF, Shelf
from shipway.serving.repository import read_shelf

MIRROR = "/v2/models/mirror"


def load(server, name="mirror", **parameters):
    body = {"parameters": parameters} if parameters else None
    return server.ask("POST", f"/v2/repository/models/{name}/load", body)


def unload(server, name="mirror"):
    return server.ask("POST", f"/v2/repository/models/{name}/unload")


def index(server, **wanted):
    answer = server.ask("POST", "/v2/repository/index", wanted or None)
    assert answer.status == 200
    return [(one["name"], one["version"], one["state"], one["reason"]) for one in answer.document]


def test_folder_needs_no_project(start_alone, mirrors, tmp_path):
    mirrors(tmp_path / "out", 1, 2)
    server = start_alone("--bundles", str(tmp_path / "out"))
    assert index(server) == [("mirror", "1", "READY", ""), ("mirror", "2", "READY", "")]
    assert server.ask("GET", MIRROR).document["versions"] == ["1", "2"]
    assert server.ask("GET", "/v2/health/ready").status == 200
    assert server.ask("GET", f"{MIRROR}/stats").document["model_stats"][0]["inference_count"] == 0
    assert server.stop(signal.SIGTERM) == 0


def test_damaged_bundle_leaves_the_others_alone(start_alone, mirrors, tmp_path):
    first, _ = mirrors(tmp_path / "out", 1, 2)
    for path in first.glob("*.onnx"):
        path.write_bytes(b"damaged")
    server = start_alone("--bundles", str(tmp_path / "out"))
    (broken, whole) = index(server)
    assert broken[:3] == ("mirror", "1", "UNAVAILABLE")
    assert broken[3].startswith("SW-605")
    assert whole == ("mirror", "2", "READY", "")
    assert index(server, ready=True) == [whole]
    assert server.ask("GET", f"{MIRROR}/ready").status == 200
    answer = server.ask("GET", "/v2/health/ready")
    assert (answer.status, answer.document["code"]) == (503, "SW-605")
    assert load(server).status == 200
    answer = load(server, config={"version_policy": {"all": {}}})
    assert (answer.status, answer.document["code"]) == (503, "SW-605")
    # What was loaded before stays.
    assert server.ask("GET", f"{MIRROR}/versions/2/ready").status == 200


@pytest.mark.parametrize(("words", "code"), [(("--bundles", "nowhere"), "SW-201"), ((), "SW-101")])
def test_nothing_to_serve_is_refused(start_alone, tmp_path, words, code):
    process = start_alone.run(*words, cwd=tmp_path)
    assert process.returncode == 1
    assert process.stderr.startswith(code)


def test_what_is_registered_can_be_loaded_and_let_go(shop, serve, shelve):
    server = serve(shop.state)
    assert index(server) == []
    assert load(server, "fraud").status == 404
    shelve(shop.state, fraud=shop.bundles)
    assert [line[1:] for line in index(server)] == [(number, "UNAVAILABLE", "not loaded") for number in "123"]
    assert index(server, ready=True) == []
    assert server.ask("GET", "/v2/models/fraud").status == 404
    assert load(server, "fraud").status == 200
    assert server.ask("GET", "/v2/models/fraud").document["versions"] == ["3"]
    assert load(server, "fraud", config='{"version_policy": {"latest": {"num_versions": 2}}}').status == 200
    assert server.ask("GET", "/v2/models/fraud").document["versions"] == ["2", "3"]
    # A service of the same name wins; what was loaded stays below its versions.
    assert server.apply(shop.route(1)).status == 200
    assert server.ask("GET", "/v2/models/fraud").document["versions"] == ["1", "2", "3"]
    x = {"inputs": [{"name": "x", "shape": [1, 7], "datatype": "FP32", "data": [0] * 7}]}
    assert server.ask("POST", "/v2/models/fraud/infer", x).document["model_version"] == "1"
    assert server.ask("POST", "/v2/models/fraud/versions/3/infer", x).document["model_version"] == "3"
    answer = unload(server, "fraud")
    assert answer.status == 409
    assert "service 'fraud' routes to fraud@1" in answer.document["fact"]


@pytest.mark.parametrize(
    ("parameters", "status", "said"),
    [
        ({"config": "{"}, 422, "config does not fit"),
        ({"config": 7}, 422, "config does not fit"),
        ({"config": {"version_policy": {"specific": {"versions": [9]}}}}, 404, "no fraud@9"),
        ({"config": {"version_policy": {"latest": {"num_versions": 0}}}}, 422, "latest 0 versions"),
        ({"conf": "{}"}, 422, "no parameter 'conf'"),
        ({"file:1/model.onnx": "eA=="}, 422, "replace a file"),
    ],
)
def test_parameters_that_mean_nothing_are_refused(registered, parameters, status, said):
    answer = load(registered, "fraud", **parameters)
    assert answer.status == status
    assert said in answer.document["fact"]
    assert index(registered, ready=True) == []


def test_shelf_that_is_damaged_is_said(shop, serve):
    (shop.state / "shelf.json").write_bytes(b"?")
    server = serve(shop.state)
    answer = server.ask("POST", "/v2/repository/index")
    assert (answer.status, answer.document["code"]) == (503, "SW-605")


def test_no_file_is_an_empty_shelf(tmp_path):
    assert read_shelf(tmp_path) == Shelf()


def test_damaged_file_is_refused(tmp_path):
    (tmp_path / SHELF).write_bytes(b'{"versions": 1}')
    with pytest.raises(ShipwayError, match="SW-605"):
        read_shelf(tmp_path)
