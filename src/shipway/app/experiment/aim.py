"""What a comparison of an experiment is to achieve: its error, its power, and how often it is looked at."""

from dataclasses import replace
from typing import Final

from shipway.core.effect import Role
from shipway.core.experiment import Experiment
from shipway.maths.power import Aim

_LOOKS: Final = 10
"""Looks that a plan reckons with; more of them cost next to nothing."""
_ALWAYS: Final = 1.75
"""How many times the units of a fixed test an always-valid interval takes for the same power (reference/stats 2.3)."""


def aim_of(experiment: Experiment, role: Role) -> Aim:
    """Return what a comparison of the control with the rarest variant is to achieve."""
    design, weights = experiment.design, list(experiment.variants.values())
    alpha = design.alpha / (len(experiment.metrics) * len(experiment.treatments) if role == "metric" else 1)
    rarest = min(weights[1:])
    looks = 1 if design.spending == "always_valid" else _LOOKS
    spending = "pocock" if design.spending == "pocock" else "obrien-fleming"
    return Aim(alpha, design.power, share=rarest / (weights[0] + rarest), looks=looks, spending=spending)


def aims_of(experiment: Experiment, role: Role) -> list[tuple[Aim, float]]:
    """Return what comparisons of the control with each treatment are to achieve, and the share of all units in each.

    Treatments of one weight are one comparison.
    """
    aim, weights = aim_of(experiment, role), list(experiment.variants.values())
    return [
        (replace(aim, share=weight / (weights[0] + weight)), (weights[0] + weight) / sum(weights))
        for weight in dict.fromkeys(weights[1:])
    ]


def pair_share(experiment: Experiment) -> float:
    """Return the share of all units that are in the control or the rarest variant."""
    weights = list(experiment.variants.values())
    return (weights[0] + min(weights[1:])) / sum(weights)


def price_of(experiment: Experiment) -> float:
    """Return how many times the units of a fixed test the design takes that the aim does not reckon with."""
    return _ALWAYS if experiment.design.spending == "always_valid" else 1.0
