"""Details are read from the rows that evidence cites, in the order of the checks."""

import msgspec
import pytest

from shipway.app.detail import collect_details
from shipway.core.check import Check, Evidence
from shipway.core.measure import Attribution, Score
from shipway.core.slice_measure import AdvantageTrend, Fairness

ROWS = {
    "rates": [
        {"group": "sex=f", "rate": "acts", "n": 9, "clusters": 3, "decides": True, "value": 0.1, "low": 0.0,
         "high": 0.2},
        {"group": "sex=m", "rate": "acts", "n": 0, "clusters": 0, "decides": False, "value": None, "low": None,
         "high": None},
    ],
}  # fmt: skip


def _evidence(name: str, facts: dict[str, object], detail: str | None = None) -> Evidence:
    return Evidence(
        check=name, subject="model:m@1", value=0.0, low=0.0, high=0.0, n=9, clusters=3,
        facts={"said": f"said of {name}", **facts}, detail=detail,
    )  # fmt: skip


def _read(digest: str) -> bytes:
    return msgspec.json.encode(ROWS[digest])


@pytest.fixture
def checks() -> list[Check]:
    measures = {
        "parity": Fairness("demographic_parity", ("sex",)),
        "auc": Score("auc"),
        "heard": Attribution(("a",)),
        "trend": AdvantageTrend(),
    }
    return [Check(name, measure, "candidate", f"{name}()") for name, measure in measures.items()]


def test_rows_become_what_is_shown_and_a_check_without_evidence_is_left_out(checks):
    evidence = {
        "parity": _evidence("parity", {"most": "sex=m", "least": "sex=f"}, "rates"),
        "auc": _evidence("auc", {}),
        "heard": _evidence("heard", {"method": "linear", "unit": "log-odds", "baseline": -1}),
    }
    found = collect_details(checks, evidence, _read)
    (parity,), (heard,) = found.fairness, found.attributions
    assert (parity.check, parity.said, parity.apart) == ("parity()", "said of parity", ("sex=m", "sex=f"))
    assert [(each.group, each.value, each.decides) for each in parity.groups] == [
        ("sex=f", 0.1, True),
        ("sex=m", None, False),
    ]
    assert (heard.baseline, heard.sizes) == (-1.0, ())
    assert (found.searches, found.trends, found.agreements) == ((), (), ())


def test_what_could_not_be_compared_has_nobody_apart(checks):
    found = collect_details(checks, {"parity": _evidence("parity", {})}, _read)
    assert found.fairness[0].apart == ()
