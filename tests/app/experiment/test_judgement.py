"""What a look shows of a rare event, judged from its counts alone."""

import pytest
from tests.core.test_conclusion import CRASH, plan

from shipway.app.experiment.judgement import Comparison, judge_effects
from shipway.core.bound import UNBOUNDED
from shipway.validation.rare import Happened


def judge(control, variant, planned=20, units=1_000):
    """Return the effect and the evidence of a first look at so many events."""
    each = Comparison(
        rule=CRASH,
        role="metric",
        variant="new",
        effect=CRASH.check.measure,
        measured=Happened((units // 2, units // 2), control, variant, 0.5, planned),
        units=units,
        information=(control + variant) / planned,
        before=(),
    )
    [effect], [evidence] = judge_effects(plan(), [each], "log", 1)
    return effect, evidence


def test_evidence_of_an_end_that_is_open_reaches_as_far_as_there_is():
    effect, evidence = judge(0, 20)
    assert (effect.low > 0, effect.high) == (True, None)
    assert (evidence.low, evidence.high, evidence.n) == (effect.low, UNBOUNDED, 1_000)
    effect, evidence = judge(20, 0)
    assert (effect.low, effect.high < 0) == (None, True)
    assert (evidence.low, evidence.high, evidence.n) == (-1.0, effect.high, 1_000)
    effect, evidence = judge(1, 1)
    assert (effect.low, effect.high) == (None, None)
    assert (evidence.low, evidence.high, evidence.n) == (0.0, 0.0, 0)


def test_an_effect_without_events_of_the_control_is_told_with_its_looks_allowed_for():
    found = judge(0, 20)[0].unbiased
    assert (found.estimate, found.high) == (pytest.approx(39.0), None)
    assert 0 < found.low < found.estimate
    assert found.p < 0.001
    found = judge(20, 0)[0].unbiased
    assert (found.estimate, found.low) == (-1.0, -1.0)
    assert found.high < 0
