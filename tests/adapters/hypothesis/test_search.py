import random

from shipway.adapters.hypothesis.search import HypothesisSearch


def test_a_model_that_answers_otherwise_when_asked_again_does_not_stop_it():
    drawn = random.Random(4)
    measure = lambda choices: [drawn.random() - 0.9 for _ in choices]
    assert HypothesisSearch().find((50,), measure, batch=8, batches=50, seed=1) is not None
