"""What metrics take: how likely all of them are shown together."""

import pytest

from shipway.app.experiment.past import launch_power
from shipway.app.experiment.planned import PlannedMetric


def test_a_guardrail_of_which_nothing_is_shown_is_never_a_launch():
    def metric(role, power):
        return PlannedMetric(
            name=role, role=role, text="", value=1.0, deviation=1.0, sharpened=0.0, cap=None, detect=0.1, relative=True,
            units=10, smallest=0.1, power=power,
        )  # fmt: skip

    metrics = [metric("metric", 0.6), metric("metric", 0.9), metric("guardrail", 0.8), metric("guardrail", 0.95)]
    assert launch_power(metrics) == pytest.approx(0.9 - 0.2 - 0.05)
    assert launch_power([*metrics, metric("guardrail", None)]) == 0.0
    assert launch_power(metrics[2:]) is None
