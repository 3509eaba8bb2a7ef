"""Answers as plain data."""

import msgspec

from shipway.app.feature import Features
from shipway.app.model import show_model
from shipway.cli.document import make_document
from shipway.core.body import RunStarted

DAY = 86_400_000_000


def test_instants_are_told_by_fields_never_by_names_users_gave():
    keys, values = {"cut": 5}, {"at": 7, "period": [1, 2]}
    features = Features(name="f", keys=keys, at=DAY, now=2 * DAY, values=values)
    assert make_document([features]) == [
        {
            "name": "f",
            "keys": keys,
            "at": "1970-01-02T00:00:00Z",
            "now": "1970-01-03T00:00:00Z",
            "values": values,
            "needs": {},
        }
    ]


def test_facts_that_are_instants_are_written_and_tags_are_kept():
    params = {"cut": 0, "period": [0, DAY], "now": DAY, "seed": 7}
    started = RunStarted(task="t", key="k", inputs={"cut": "x"}, params=params)
    assert make_document(started) == {
        "type": "run-started",
        "task": "t",
        "key": "k",
        "inputs": {"cut": "x"},
        "params": {
            "cut": "1970-01-01T00:00:00Z",
            "period": ["1970-01-01T00:00:00Z", "1970-01-02T00:00:00Z"],
            "now": "1970-01-02T00:00:00Z",
            "seed": 7,
        },
    }
    assert make_document(msgspec.structs.replace(started, params={"now": 0}))["params"] == {"now": 0}


def test_everything_but_instants_is_as_it_was(ran_shop):
    """Bundles hold expressions and numbers of every kind; only the cut and when labels were judged are instants."""
    detail = show_model(ran_shop.project, "returned@1")
    (labels,) = (each for each in detail.evidence if each.check == "label_maturity")
    assert make_document(labels)["facts"].pop("judged_at") == "2025-01-01T00:00:00Z"
    others = [each for each in detail.evidence if each is not labels]
    for part in (*others, *detail.verdicts, *detail.bundle.inputs, detail.bundle.keyed.views, detail.bundle.parity):
        assert msgspec.json.encode(make_document(part)) == msgspec.json.encode(part)
