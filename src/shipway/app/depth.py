"""What evidence on declared slices and on behaviour holds beside its number, read for the pages that show it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import msgspec

from shipway.core.check import Check, Evidence
from shipway.core.measure import SliceRegression
from shipway.core.probe import Behaviour, Probe, describe_change, describe_expectation
from shipway.maths.interval import Estimate, interval
from shipway.validation.counterexample import Counterexample
from shipway.validation.probe import say_no_case

Found: TypeAlias = Iterable[tuple[Check, Evidence]]
"""Checks with what was measured, in the order of the gates."""
Read: TypeAlias = Callable[[str], bytes]
"""Gives the bytes of a blob by its digest."""


class SliceData(msgspec.Struct, frozen=True, kw_only=True):
    """One slice: size, mean loss of candidate and baseline, and their difference (above 0 is worse).

    Attributes:
        name: the slice.
        n: rows.
        clusters: independent groups among them.
        candidate: mean loss of the candidate.
        baseline: mean loss of the baseline.
        difference: candidate less baseline.
        interval: its clustered 95 % interval; None where one cluster does not tell.
        p: one-sided p of being worse; None where the slice is under support.
        regressed: whether it was found worse, false discoveries controlled.
    """

    name: str
    n: int
    clusters: int
    candidate: float
    baseline: float
    difference: float
    interval: tuple[float, float] | None
    p: float | None
    regressed: bool


class SlicesData(msgspec.Struct, frozen=True, kw_only=True):
    """The slices of one check, those tested by evidence of being worse, and those under support by how much worse.

    `loss` says what a row loses, such as log loss.
    """

    check: str
    baseline: str
    loss: str
    said: str
    tested: tuple[SliceData, ...]
    under_support: tuple[SliceData, ...]


class TrialData(msgspec.Struct, frozen=True, kw_only=True):
    """One change of features and what it did to predictions.

    Attributes:
        change: in words.
        n: rows tested.
        mean_change: of the prediction; None where none was tested.
        share_violating: the share that did what it must not.
        counterexample: the simplest failure that was found; None where nothing failed.
        said: why no row was tested; empty where some were.
    """

    change: str
    n: int
    mean_change: float | None
    share_violating: float | None
    counterexample: Counterexample | None = None
    said: str = ""


class BehaviourData(msgspec.Struct, frozen=True, kw_only=True):
    """One behavioural test: its name, what it expects in words, and its changes."""

    name: str
    expects: str
    trials: tuple[TrialData, ...]


def read_slices(found: Found, read: Read) -> Iterator[SlicesData]:
    """Yield the slices of each check on declared slices that has any.

    Args:
        found: what was measured.
        read: reads the blobs that evidence cites.
    """
    for check, evidence in found:
        rows = _detail(evidence, read) if isinstance(check.measure, SliceRegression) else []
        if rows:
            yield SlicesData(
                check=check.text,
                baseline=str(evidence.facts["baseline"]),
                loss=str(evidence.facts["loss"]),
                said=str(evidence.facts["said"]),
                tested=tuple(_slice(row) for row in rows if row["decides"]),
                under_support=tuple(_slice(row) for row in rows if not row["decides"]),
            )


def read_behaviours(found: Found, read: Read) -> Iterator[BehaviourData]:
    """Yield the behavioural tests, each with the simplest case that fails it; the arguments are as for slices."""
    for check, evidence in found:
        match check.measure:
            case Behaviour(probes=probes):
                together = ", all changed together" if len(probes[0].change) > 1 else ""
                trials = tuple(_trials(probes, evidence, read))
                expects = f"{describe_expectation(probes[0].expect)}{together}"
                yield BehaviourData(name=check.name, expects=expects, trials=trials)
            case Probe() as probe:
                trial = TrialData(
                    change=", ".join(map(describe_change, probe.change)) or "as it is",
                    n=evidence.n,
                    # Of a class that no version learned nothing was asked at all.
                    mean_change=evidence.facts.get("mean_change"),
                    share_violating=evidence.value if evidence.n else None,
                    counterexample=next(
                        (msgspec.convert(row, Counterexample) for row in _detail(evidence, read)), None
                    ),
                    said="" if evidence.n else str(evidence.facts["said"]),
                )
                yield BehaviourData(name=check.name, expects=describe_expectation(probe.expect), trials=(trial,))
            case _:
                pass


def _trials(probes: Iterable[Probe], evidence: Evidence, read: Read) -> Iterator[TrialData]:
    """Yield what each change of a behavioural test did; where nothing was asked at all every one says why."""
    left: Mapping[str, int] = evidence.facts.get("left_out", {})
    trials = msgspec.convert(_detail(evidence, read), list[TrialData])
    for trial in trials:
        yield trial if trial.n else msgspec.structs.replace(trial, said=say_no_case(left.get(trial.change, 0)))
    for probe in probes if not trials else ():
        change, said = ", ".join(map(describe_change, probe.change)), str(evidence.facts["said"])
        yield TrialData(change=change, n=0, mean_change=None, share_violating=None, said=said)


def _slice(row: Mapping[str, Any]) -> SliceData:
    error, clusters = row["standard_error"], row["clusters"]
    estimate = None if error is None else Estimate(row["difference"], error, row["n"], clusters)
    return SliceData(
        name=row["slice"],
        n=row["n"],
        clusters=clusters,
        candidate=row["candidate_loss"],
        baseline=row["baseline_loss"],
        difference=row["difference"],
        interval=None if estimate is None else interval(estimate),
        p=row["p"],
        regressed=row["regressed"],
    )


def _detail(evidence: Evidence, read: Read) -> list[dict[str, Any]]:
    return [] if evidence.detail is None else msgspec.json.decode(read(evidence.detail))
