"""What a service falls back on is answered, marked, counted and logged, and the version is seen to fail as itself."""

import pytest

from shipway.core.service import Fallback, Terms
from shipway.monitoring.reading import distinct_predictions

BROKEN = 777.0
HOUR_US = 3_600_000_000


def terms(**fallback):
    return Terms(fallback=Fallback(**fallback))


def test_a_service_falls_back_on_the_first_of_its_ways_that_is_there(shop, serve, make_row):
    server = serve(shop.state, "--replay")
    assert server.apply(shop.route(1, token=1)).status == 200
    usual = server.predict(make_row(3, amount=BROKEN)).document["p"]
    assert server.apply(shop.route(3, token=2, terms=terms(last_us=HOUR_US, previous=True, score=0.25))).status == 200

    good = server.predict(make_row(1), request="good")
    assert "shipway-fallback" not in good.headers
    assert "fallback" not in good.document
    last = server.predict(make_row(1, amount=BROKEN), request="last")
    assert (last.status, last.headers["shipway-fallback"]) == (200, "last")
    assert last.document["fallback"] == "last"
    assert (last.document["p"], last.document["version"]) == (good.document["p"], 3)

    previous = server.predict(make_row(3, amount=BROKEN), request="previous")
    assert (previous.status, previous.headers["shipway-fallback"]) == (200, "previous")
    assert (previous.document["p"], previous.document["version"]) == (usual, 1)

    assert server.apply(shop.route(3, token=3, terms=terms(score=0.25))).status == 200
    score = server.predict(make_row(4, amount=BROKEN), request="score")
    assert (score.status, score.headers["shipway-fallback"]) == (200, "score")
    assert (score.document["p"], score.document["version"]) == (0.25, 0)

    assert server.apply(shop.route(3, token=4)).status == 200
    assert server.predict(make_row(5, amount=BROKEN), request="none").status == 503

    told = server.status()
    assert told["fallbacks"] == {"fraud": {"last": 1, "previous": 1, "score": 1}}
    assert (told["counts"]["fell_back"], told["counts"]["failed"]) == (3, 4)
    server.flush()
    rows = shop.log()
    said = {
        request: role for request, role in rows.select("request", "role").iter_rows() if role.startswith("fallback")
    }
    assert said == {way: f"fallback {way}" for way in ("last", "previous", "score")}
    # The version that was to answer failed on each of them, as whoever judges it sees, and sees nothing else.
    judged = distinct_predictions(rows)
    failed = judged.filter(judged["error"].is_not_null())
    assert sorted(failed["request"]) == ["last", "none", "previous", "score"]
    assert set(failed["version"]) == {3}
    assert set(judged["role"]) == {"live"}


def test_a_candidate_fails_as_itself(shop, serve, make_row):
    server = serve(shop.state, "--replay")
    server.apply(shop.route(1, 3, weight=1.0, salt="s", terms=terms(score=0.5)))
    answer = server.predict(make_row(1, amount=BROKEN), request="trial")
    assert answer.headers["shipway-fallback"] == "score"
    server.flush()
    rows = shop.log().filter(shop.log()["version"] == 3)
    assert rows["role"].to_list() == ["live"]
    assert rows["error"].to_list() == ["SW-801"]


@pytest.mark.parametrize("score", [-0.1, 1.5])
def test_a_score_that_is_none_is_refused(shop, serve, score):
    server = serve(shop.state)
    assert server.apply(shop.route(1, terms=terms(score=score))).status == 422
