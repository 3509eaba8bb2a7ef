"""The words for what is split otherwise than unit by unit: a service's versions, clusters and stretches of time."""

from collections.abc import Mapping
from typing import Final

from shipway.core.argument import take_event, take_name, take_width, write
from shipway.core.check import finite
from shipway.core.error import ShipwayError
from shipway.core.experiment import Answers, Experiment, Switchback, effect_of
from shipway.core.feature import Entity, Event
from shipway.core.service import CANDIDATE, STABLE
from shipway.kit.duration import format_duration
from shipway.kit.suggestion import did_you_mean

VERSIONS: Final = (STABLE, CANDIDATE)
"""The variants of an experiment between the versions of a service, the control first."""


def answers(service: str, *, differ: float = 0.0, holds: bool = False) -> Answers:
    """Take the exposures of an experiment from what a service answers while a version is on trial.

    The service splits its units between the version in service and the one on trial, always in the same way, and its
    log says who met which: no exposures are written beside it. The variants are `stable` and `candidate`.

    Args:
        service: the service's name in shipway.toml.
        differ: only requests count that both versions predicted, one of them in shadow, with probabilities at least
            this far apart (triggered analysis); 0 for all requests.
        holds: whether the walk of the release stays at the step it is at until the experiment is decided: for the
            candidate it goes on, for the stable version it goes back. A gate that fails takes it back before that.

    Raises:
        ShipwayError: SW-106 for a name that is no text or a difference that is no probability.
    """
    name = take_name(service, "a service's name")
    apart = finite(f"`differ` of the answers of {name!r}", differ)
    if not 0 <= apart < 1:
        raise ShipwayError("SW-106", f"`differ` of the answers of {name!r} is {apart:g}", "write such as 0.02")
    return Answers(name, apart, bool(holds))


def switchback(*, every: str, burn_in: str = "0s") -> Switchback:
    """Split time: all of a unit, such as a city, meets one variant for a while, then the same or another one.

    Each slot of each unit is assigned by a hash of its own, and is what counts once. Slots begin at whole multiples of
    `every` since 1970 UTC.

    Args:
        every: how long a slot lasts, such as `30m`.
        burn_in: how long the variant of the slot before is still felt; what happens in the first so much of a slot is
            left out, and windows of metrics are at most as wide as the rest.

    Raises:
        ShipwayError: SW-106 for a length that is none, or where nothing of a slot would be left.
    """
    length = take_width(every, "`every` of sw.switchback")
    felt = 0 if burn_in in ("0s", "0m", "0h") else take_width(burn_in, "`burn_in` of sw.switchback")
    if felt >= length:
        fact = f"a slot of {every} with a burn-in of {burn_in} has nothing left"
        raise ShipwayError("SW-106", fact, "make slots longer than what is felt of the one before")
    return Switchback(length, felt)


def take_exposed(exposed: object, where: str) -> Event | Answers:
    """Return a stream of exposures, or the answers of a service; SW-106 for anything else."""
    if isinstance(exposed, Event | Answers):
        return exposed
    return take_event(exposed, where)


def take_cluster(cluster: object, unit: Entity, where: str) -> Entity | None:
    """Return what is assigned in place of the unit; SW-106 for what cannot be."""
    if cluster is None:
        return None
    if not isinstance(cluster, Entity) or not cluster.keys:
        hint = 'name an entity that holds several units, sw.entity("city")'
        raise ShipwayError("SW-106", f"{where} is {write(cluster)}", hint)
    if set(cluster.keys) == set(unit.keys):
        raise ShipwayError("SW-106", f"{where} is the unit itself", "drop cluster=")
    return cluster


def take_switchback(given: object, where: str) -> Switchback | None:
    """Return how time is split; SW-106 for anything else."""
    if given is None or isinstance(given, Switchback):
        return given
    raise ShipwayError("SW-106", f"{where} is {write(given)}", 'write switchback=sw.switchback(every="30m")')


def check_assignment(noun: Experiment) -> None:
    """Refuse what does not go together with how an experiment assigns; SW-106."""
    if isinstance(noun.exposed, Answers):
        _check_answers(noun, noun.exposed)
    if noun.against_holdout:
        _check_holdout(noun)
    if noun.cluster is not None:
        _refuse(noun, "assigns clusters", {"switchback": noun.switchback, "strata": noun.strata})
        for rule in noun.rules:
            if effect_of(rule).kind in ("quantile", "rare"):
                what = "a quantile" if effect_of(rule).kind == "quantile" else "a rare event"
                fact = f"{rule.check.name} of experiment {noun.name!r} is {what}, and units depend on each other"
                raise ShipwayError("SW-106", fact, "measure a mean, a rate or a ratio where clusters are assigned")
    if noun.switchback is not None:
        _check_switchback(noun, noun.switchback)


def _check_holdout(noun: Experiment) -> None:
    _refuse(noun, "compares a holdout", {"variant": noun.variant, "share": noun.share != 1})
    for rule in noun.rules:
        if effect_of(rule).covariates:
            fact = (
                f"{rule.check.name} of experiment {noun.name!r} has covariates as known at the exposure, which what was"
                " launched before may have changed"
            )
            raise ShipwayError("SW-106", fact, "drop covariates=, or take strata= that no launch changes")


def _check_answers(noun: Experiment, exposed: Answers) -> None:
    given = {
        "layer": noun.layer,
        "where": noun.where,
        "variant": noun.variant,
        "slices": noun.slices,
        "strata": noun.strata,
        "cluster": noun.cluster,
        "switchback": noun.switchback,
        "share": noun.share != 1,
    }
    _refuse(noun, f"is split by the service {exposed.service!r}", given)
    if tuple(noun.variants) != VERSIONS:
        fact = f"the variants of experiment {noun.name!r} are {' and '.join(noun.variants)}"
        hint = f"{did_you_mean(noun.treatments[-1], VERSIONS)}: write variants={{'stable': 1, 'candidate': 1}}"
        raise ShipwayError("SW-106", fact, hint)
    if len(noun.unit.keys) != 1:
        fact = f"the unit of experiment {noun.name!r} has {len(noun.unit.keys)} keys, and a service splits by one"
        raise ShipwayError("SW-106", fact, f"name what services.{exposed.service}.unit names")


def _check_switchback(noun: Experiment, switchback: Switchback) -> None:
    given = {"layer": noun.layer, "share": noun.share != 1, "where": noun.where, "slices": noun.slices}
    _refuse(noun, "splits time", given | {"strata": noun.strata})
    for rule in noun.rules:
        width = effect_of(rule).width_us
        if width > switchback.counts_us:
            length, felt = format_duration(switchback.every_us), format_duration(switchback.burn_in_us)
            fact = (
                f"{rule.check.name} of experiment {noun.name!r} looks at {format_duration(width)}, and of a slot of"
                f" {length} with a burn-in of {felt} there are {format_duration(switchback.counts_us)}"
            )
            raise ShipwayError("SW-106", fact, f'write last="{format_duration(switchback.counts_us)}"')


def _refuse(noun: Experiment, why: str, given: Mapping[str, object]) -> None:
    for name, value in given.items():
        if value:
            raise ShipwayError("SW-106", f"experiment {noun.name!r} {why}, and has {name}=", f"drop {name}=")
