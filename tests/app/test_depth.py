"""What evidence on behaviour holds beside its number, also where nothing could be asked."""

from typing import Any

import msgspec

from shipway import behaviours as b
from shipway.app.depth import read_behaviours
from shipway.core.check import Check, Evidence
from shipway.core.probe import Add, Behaviour, Moves, Probe

PARTS: dict[str, Any] = {
    "tests": [
        {"change": "age +1", "n": 9, "mean_change": 0.1, "share_violating": 0.5},
        {"change": "size +1", "n": 0, "mean_change": None, "share_violating": None},
        {"change": "pay +1", "n": 0, "mean_change": None, "share_violating": None},
    ]
}


def _read(digest: str) -> bytes:
    return msgspec.json.encode(PARTS[digest])


def _evidence(said: str, n: int, facts: dict[str, Any], detail: str | None = None) -> Evidence:
    return Evidence(check="c", subject="model:m@1", value=0.5, low=0.0, high=1.0, n=n, clusters=0,
                    facts={"said": said, **facts}, detail=detail)  # fmt: skip


def test_a_test_of_a_class_that_nobody_knows_says_so_and_has_no_numbers():
    probe = b.probe("dearer", change=b.add("price", 1), expect=b.never_falls(), of="locker")
    both = Check(
        "both",
        Behaviour((Probe(change=(Add("a", 1.0),), expect=Moves(least=0.0), of="locker"),)),
        "candidate",
        "both()",
    )
    why = "no row is 'locker', and no version learned it"
    one, several = read_behaviours([(probe, _evidence(why, 0, {})), (both, _evidence(why, 0, {}))], _read)
    for found in (one, several):
        (trial,) = found.trials
        assert (trial.n, trial.mean_change, trial.share_violating, trial.said) == (0, None, None, why)
    assert (one.trials[0].change, several.trials[0].change) == ("price +1", "a +1")


def test_a_change_without_a_row_says_why():
    probes = tuple(Probe(change=(Add(name, 1.0),), expect=Moves(least=0.0)) for name in ("age", "size", "pay"))
    check = Check("grows", Behaviour(probes), "candidate", "grows()")
    facts = {"left_out": {"pay +1": 7}}
    (found,) = read_behaviours([(check, _evidence("half of them", 9, facts, "tests"))], _read)
    assert [trial.said for trial in found.trials] == [
        "",
        "no case is as the test asks, or can be changed",
        "all 7 changed rows would leave what training saw",
    ]
