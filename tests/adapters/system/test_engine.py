"""Processes of this machine as an engine."""

import multiprocessing
from functools import partial

import pytest

from shipway.adapters.system.engine import LocalEngine
from shipway.testing.engine import CASES


@pytest.mark.parametrize("case", CASES)
def test_local_engine_conforms(case, tmp_path):
    case(partial(LocalEngine, 2), tmp_path)
    assert multiprocessing.active_children() == []
