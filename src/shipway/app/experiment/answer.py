"""The answers of a service as exposures: who met which version of a model, from what serving logged.

A service on which a version is on trial splits its units by a hash, sticky for as long as the weight stands. Its log
has every answer with the version that gave it and the weight it was drawn with, so an experiment between the two
versions needs no exposures of its own, and can be begun on traffic that is split already.
"""

from typing import Final

import polars as pl

from shipway.app.answered import describe_label
from shipway.app.experiment.unit import MET, SAID, UNIT, Units, day_of, sort_out
from shipway.app.workspace import Workspace
from shipway.core.error import ShipwayError
from shipway.core.experiment import Answers, Experiment
from shipway.core.prediction import OUTPUTS, PREDICTIONS
from shipway.core.projection import ServiceState, State
from shipway.core.release import Release
from shipway.core.service import CANDIDATE, STABLE
from shipway.core.trial import VersionSplit
from shipway.kit.suggestion import did_you_mean
from shipway.maths.assignment import place_unit
from shipway.monitoring.prediction import is_told, list_streams, read_predictions
from shipway.monitoring.reading import pair_versions
from shipway.ports.log import Log
from shipway.validation.experiment import DAY, VARIANT

_READ: Final = ("request", "unit", "at", "version", "role", "weight")
_PAIRED: Final = (*_READ, "row", "token", "p", "error", "latency_us", "answer_us")
_WEIGHT: Final = "_weight"
_ALIKE: Final = 1e-9
"""How far a declared share may be from the weight of a step, which people write in other ways."""


def find_service(workspace: Workspace, state: State, experiment: Experiment, answers: Answers) -> ServiceState:
    """Return the service whose answers an experiment is about.

    Raises:
        ShipwayError: SW-104 for a service that is not declared, SW-457 for one that splits by something else than the
            experiment's unit, or was never opened.
    """
    sections = workspace.project.config.services
    if answers.service not in sections:
        fact = f"experiment {experiment.name!r} is about service {answers.service!r}, which shipway.toml does not name"
        raise ShipwayError("SW-104", fact, did_you_mean(answers.service, sections))
    unit, key = sections[answers.service].unit, experiment.unit.keys[0]
    if unit != key:
        by = f"by {unit!r}" if unit else "by the row or the request that is asked about"
        fact = f"service {answers.service!r} splits {by}, and experiment {experiment.name!r} by {key!r}"
        raise ShipwayError("SW-457", fact, f'write unit = "{key}" in [services.{answers.service}]')
    if answers.service not in state.services:
        fact = f"service {answers.service!r} answered nobody yet"
        raise ShipwayError("SW-457", fact, "shipway control opens it with the newest version that may be released")
    return state.services[answers.service]


def find_split(workspace: Workspace, state: State, experiment: Experiment, at: int) -> VersionSplit | None:
    """Return the split of a service that assigns the units of an experiment from an instant on.

    Args:
        workspace: the project's state.
        state: as it stands.
        experiment: whose.
        at: domain time at which it begins.

    Returns:
        The split; None for an experiment that assigns by itself.

    Raises:
        ShipwayError: as `find_service`; SW-457 where no version is on trial, or its share is not as declared.
    """
    answers = experiment.exposed
    if not isinstance(answers, Answers):
        return None
    service = find_service(workspace, state, experiment, answers)
    release = service.walking
    if release is None:
        hint = f"release a version first, with a step in services.{service.name}.walk that holds for long enough"
        raise ShipwayError("SW-457", f"no version is on trial on {service.name!r}", hint)
    declared = experiment.variants[CANDIDATE] / sum(experiment.variants.values())
    if abs(release.weight - declared) > _ALIKE:
        fact = (
            f"{release.id} gives the candidate {release.weight:.4g} of the units, and experiment {experiment.name!r}"
            f" declares {declared:.4g}"
        )
        hint = f"begin when the walk is at that step, or write variants={{{STABLE!r}: ..., {CANDIDATE!r}: ...}}"
        raise ShipwayError("SW-457", fact, hint)
    if at < release.since:
        fact = f"{release.id} gives the candidate {release.weight:.4g} only since later than that"
        raise ShipwayError("SW-457", fact, "begin at an instant since then, or leave --at out")
    return VersionSplit(
        service=service.name,
        release=release.id,
        stable=release.stable.version,
        candidate=release.candidate.version,
        weight=release.weight,
        since=release.since,
        holds=answers.holds,
    )


def say_short(service: ServiceState, at: int, needed_us: int) -> str:
    """Return that the step of a walk ends before an experiment does; empty where it does not, or nothing walks.

    A walk goes on by itself once its step has lasted, and what is answered by another split is not looked at.
    """
    release = service.walking
    if release is None or not 0 < release.weight < 1:
        return ""
    step = release.walk[release.step]
    left = release.since + step.hold_us - at
    if left >= needed_us:
        return ""
    days = -(-needed_us // 86_400_000_000)
    return f"step {step.name} of {release.id} may be over in {max(left, 0) / 3.6e9:.3g} hours, and it takes {days} days"


def end_of(state: State, split: VersionSplit) -> int | None:
    """Return from when on a service was split in another way; None while it is as it was."""
    shares = state.services[split.service].shares
    mine = [place for place, share in enumerate(shares) if share.release == split.release and share.at <= split.since]
    following = shares[mine[-1] + 1 :] if mine else []
    return following[0].at if following else None


def read_answers(
    workspace: Workspace, answers: Answers, since: int, until: int, release: Release | None
) -> pl.DataFrame:
    """Return what a service answered in a period, oldest first: `_unit`, `_met`, `version`, `_weight`.

    A version that was to answer and failed has been met like any other: who got a fallback in its place would
    otherwise drop out because of the version.

    Args:
        workspace: the project's state.
        answers: which of them.
        since: begin of the period, microseconds since 1970 UTC, excluded.
        until: its end, included.
        release: the release whose two versions are compared where only requests count on which they differ.

    Raises:
        ShipwayError: SW-457 where only requests count on which versions differ and nothing tells; SW-605 for a damaged
            segment of the log.
    """
    if answers.differ:
        return _read_differing(workspace, answers, since, until, release)
    log = workspace.open_log(answers.service)
    # A stream without rows in the period has no columns either.
    parts = [log.read(stream, since=since + 1, until=until + 1, columns=_READ) for stream in _streams(log)]
    parts = [part for part in parts if part.height]
    if not parts:
        return _shape(
            pl.DataFrame(schema={"unit": pl.String, "at": pl.Int64, "version": pl.Int64, "weight": pl.Float64})
        )
    return _shape(pl.concat(parts).filter(pl.col("role") == "live"))


def newest_answer(workspace: Workspace, answers: Answers, since: int, until: int) -> int:
    """Return the newest instant of a service's answers in a period, up to which its log tells; 0 without any."""
    log = workspace.open_log(answers.service)
    parts = [log.read(stream, since=since, until=until + 1, columns=("at",)) for stream in _streams(log)]
    found = [part["at"].max() for part in parts if part.height]
    return max((each for each in found if isinstance(each, int)), default=0)


def _streams(log: Log) -> list[str]:
    """Return the streams that tell which version answered: of probabilities, and of anything else that models say."""
    return [stream for stream in log.streams() if stream == PREDICTIONS or stream.startswith(OUTPUTS)]


def _read_differing(
    workspace: Workspace, answers: Answers, since: int, until: int, release: Release | None
) -> pl.DataFrame:
    log = workspace.open_log(answers.service)
    numbers = () if release is None else (release.stable.version, release.candidate.version)
    kind, classes = describe_label(workspace, "" if release is None else release.model, numbers)
    if release is None or not list_streams(log, kind):
        fact = f"nothing says on which requests of {answers.service!r} two versions differ"
        hint = "differ= needs a version on trial, also in shadow, of a model that predicts a label"
        raise ShipwayError("SW-457", fact, hint)
    rows = read_predictions(log, kind, _PAIRED, classes=classes, since=since + 1, until=until + 1)
    pairs = pair_versions(rows, release.stable.version, release.candidate.version)
    # Of classes it is what one version gives to others than the other does: half of the sum of all differences.
    moved = [
        (pl.col("p_stable").arr.get(place) - pl.col("p_candidate").arr.get(place)).abs() / 2
        for place in range(len(classes))
    ]
    difference = pl.sum_horizontal(moved) if moved else (pl.col("p_stable") - pl.col("p_candidate")).abs()
    apart = difference >= answers.differ
    known = is_told("p_stable", kind) & is_told("p_candidate", kind)
    version = pl.col("answered").replace_strict(
        {STABLE: release.stable.version, CANDIDATE: release.candidate.version}, return_dtype=pl.Int64, default=None
    )
    asked = rows.select("request", "unit").unique("request", keep="first", maintain_order=True)
    met = pairs.filter(known, apart, pl.col("answered").is_not_null()).with_columns(version=version)
    return _shape(met.join(asked, on="request", how="left", maintain_order="left"))


def _shape(rows: pl.DataFrame) -> pl.DataFrame:
    columns = {"unit": UNIT, "at": MET, "weight": _WEIGHT}
    found = rows.select("unit", "at", "version", "weight").rename(columns).filter(pl.col(UNIT).is_not_null())
    return found.sort(MET, maintain_order=True)


def first_answers(answered: pl.DataFrame, experiment: Experiment, timezone: str) -> pl.DataFrame:
    """Return the first answer that each unit got, whatever the version, as `unit.find_units` does."""
    first = answered.unique(UNIT, keep="first", maintain_order=True).select(UNIT, MET)
    return first.with_columns(pl.col(UNIT).alias(experiment.unit.keys[0]), day_of(MET, timezone).alias(DAY))


def assign_answered(answered: pl.DataFrame, experiment: Experiment, split: VersionSplit, timezone: str) -> Units:
    """Return the units that met a version, each once, by the first answer that the split decided.

    * An answer for which a rule chose the version (a header of the caller) was not drawn: it is no exposure, and units
      that have no other are counted and left out.
    * A unit that met both versions, by a rule or because a server had not yet heard of the split, is left out.
    * So is one that met another version than its hash says.

    Args:
        answered: as `read_answers` gives them.
        experiment: whose.
        split: which assigned.
        timezone: whose days are meant.
    """
    names = {split.stable: STABLE, split.candidate: CANDIDATE}
    said = answered.with_columns(
        pl.col("version").replace_strict(names, default="another version", return_dtype=pl.String).alias(SAID)
    )
    drawn = first_answers(said.filter((pl.col(_WEIGHT) - split.weight).abs() <= _ALIKE), experiment, timezone)
    variants = [
        CANDIDATE if place_unit(split.release, unit) < split.weight else STABLE for unit in drawn[UNIT].to_list()
    ]
    found = sort_out(drawn.with_columns(pl.Series(VARIANT, variants, dtype=pl.String)), said, [UNIT])
    ruled = said[UNIT].n_unique() - drawn.height
    return Units(found.rows, misassigned=found.misassigned, crossed=found.crossed, ruled=ruled)
