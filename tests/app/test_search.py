"""Searching versions by everything that is known of them."""

import pytest

from shipway.app.release import open_service
from shipway.app.search import Wanted, search_models
from shipway.app.standing import approve_version, move_alias, retire_version, tag_version
from shipway.core.body import EvidenceRecorded
from shipway.core.check import Evidence
from shipway.kit.duration import DAY
from shipway.testing.refusal import expect_refusal

START = 18_262 * DAY


@pytest.fixture
def four(desk):
    """Return a desk with four versions: one that answers, two that were approved and tagged, one that failed."""
    with desk.workspace() as workspace:
        for place in range(4):
            desk.register(workspace, START - (10 - place) * DAY, bundle=place < 3)
            subject, value = f"model:late@{place + 1}", 0.6 + 0.1 * place
            found = Evidence(check="auc", subject=subject, value=value, low=value - 0.05, high=value + 0.05, n=100)
            workspace.remember((subject, EvidenceRecorded(evidence=found)))
        open_service(workspace, "desk", 1, START)
    move_alias(desk.project, "late@champion", "late@2", by="", reason="r")
    approve_version(desk.project, "late@2", by="ana", reason="r")
    tag_version(desk.project, "late@2", ["team=risk"])
    tag_version(desk.project, "late@3", ["team=desk", "sox"])
    retire_version(desk.project, "late@3", by="", reason="old")
    return desk


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        ({}, [1, 2, 3, 4]),
        ({"conditions": ["auc > 0.65"]}, [2, 3, 4]),
        ({"conditions": ["auc.low > 0.7", "auc.high < 0.9"]}, [3]),
        ({"model": "late", "alias": "champion"}, [2]),
        ({"tags": ["team"]}, [2, 3]),
        ({"tags": ["team=desk", "sox="]}, [3]),
        ({"tags": ["nothing"]}, []),
        ({"use": "registered"}, [1, 2, 3]),
        ({"use": "approved"}, [2]),
        ({"use": "serving"}, [1]),
        ({"use": "retired"}, [3]),
        ({"feature": "shop"}, [1, 2, 3]),
        ({"data": "frame"}, []),
        ({"since": START - 9 * DAY, "until": START - 7 * DAY}, [2, 3]),
        ({"sort": "auc"}, [4, 3, 2, 1]),
        ({"sort": "auc", "limit": 1, "use": "registered"}, [3]),
    ],
)
def test_versions_are_found_by_what_is_known_of_them(four, wanted, numbers):
    assert [line.number for line in search_models(four.project, Wanted(**wanted))] == numbers


@pytest.mark.parametrize(
    ("wanted", "code", "hint"),
    [
        ({"model": "lat"}, "SW-104", "did you mean 'late'?"),
        ({"conditions": ["auk > 1"]}, "SW-104", "did you mean 'auc'?"),
        ({"conditions": ["auc >"]}, "SW-106", "write such as"),
        ({"sort": "aucc"}, "SW-104", "did you mean 'auc'?"),
        ({"alias": "champ"}, "SW-104", "did you mean 'champion'?"),
        ({"feature": "shopp"}, "SW-104", "did you mean 'shop'?"),
    ],
)
def test_a_wrong_name_is_refused_with_a_right_one(four, wanted, code, hint):
    with expect_refusal(code) as refused:
        search_models(four.project, Wanted(**wanted))
    assert refused[0].hint.startswith(hint)


def test_versions_are_found_by_the_frame_and_the_features_of_a_real_bundle(ran_shop):
    (line,) = search_models(ran_shop.project, Wanted(feature="basket_category"))
    assert line.ref == "returned@1"
    assert search_models(ran_shop.project, Wanted(feature="basket")) == [line]
    with expect_refusal("SW-104"):
        search_models(ran_shop.project, Wanted(feature="basket_categoty"))
