"""Loads on a function: the suite of generators, and calls that raise."""

import time

import numpy as np
import pytest

from shipway.adapters.system.load import CallLoad
from shipway.core.load import RAISED
from shipway.testing import load as suite
from shipway.testing.refusal import expect_refusal


@pytest.mark.parametrize("case", suite.CASES)
def test_generator_conforms(case):
    case(lambda seconds, workers: CallLoad(lambda _: time.sleep(seconds), workers=workers))


def test_calls_are_numbered_and_what_they_raise_is_noted():
    seen, book = [], suite.Notebook()

    def call(number):
        seen.append(number)
        if number == 2:
            raise ValueError("on purpose")

    CallLoad(call).run([np.arange(4) * suite.MS], book)
    assert seen == [0, 0, 1, 2, 3]  # the first one before the load shows that it can be called at all
    assert [outcome for *_, outcome in book.notes] == [200, 200, RAISED, 200]


def test_function_that_cannot_be_called_is_refused():
    with expect_refusal("SW-442"):
        CallLoad(lambda _: 1 / 0).run([np.zeros(1, dtype=np.int64)], suite.Notebook())
