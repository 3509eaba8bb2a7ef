from functools import partial, wraps
from pathlib import Path

import numpy as np
import pytest

from shipway.core.error import ShipwayError
from shipway.training.fit import fit
from shipway.training.frame import TrainFrame

FRAME = TrainFrame(
    x=np.zeros((4, 1)),
    y=np.asarray([True, False, True, False]),
    at=np.arange(4),
    columns=("a",),
    categories={},
    monotone=(0,),
    threads=1,
    seed=0,
)


def train(frame, *, leaves=31, fail=False):
    if fail:
        check_leaves(leaves)
    return {"rows": frame.rows, "leaves": leaves}


def check_leaves(leaves):
    raise ValueError(f"{leaves} leaves are too many\nor too few")


def line_of(text):
    lines = Path(__file__).read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.strip().startswith(text))


def refuse(function, params, code="SW-206"):
    with pytest.raises(ShipwayError) as refused:
        fit(function, FRAME, params)
    assert refused.value.code == code
    return refused.value


def test_the_function_gets_frame_and_parameters():
    assert fit(train, FRAME, {"leaves": 7}) == {"rows": 4, "leaves": 7}
    assert fit(partial(train, leaves=3), FRAME, {}) == {"rows": 4, "leaves": 3}


def test_a_failure_names_the_innermost_line_of_the_project():
    refused = refuse(train, {"fail": True})
    assert f"{Path(__file__).name}:{line_of('raise ValueError')}: ValueError: 31 leaves are too many" in refused.fact
    assert refused.fact.startswith("train failed")
    assert isinstance(refused.__cause__, ValueError)


def test_a_failure_inside_a_library_names_the_projects_line():
    def call(frame):
        return np.linalg.inv(frame.x)

    assert f"{Path(__file__).name}:{line_of('return np.linalg.inv')}: LinAlgError" in refuse(call, {}).fact


def test_a_parameter_the_function_lacks_names_its_definition():
    refused = refuse(train, {"leafs": 3})
    assert f"{Path(__file__).name}:{line_of('def train')}: TypeError" in refused.fact
    assert "'leafs'" in refused.fact


def test_a_wrapped_function_is_found_below_its_wrapper():
    @wraps(train)
    def wrapper(frame, **params):
        return train(frame, **params)

    assert f"{Path(__file__).name}:{line_of('raise ValueError')}" in refuse(wrapper, {"fail": True}).fact


def test_a_callable_without_source_still_fails_in_words():
    assert "a callable without source: TypeError" in refuse(partial(int, "x", 1, 2), {}).fact


def test_nothing_returned_is_refused():
    def forget(frame):
        frame.rows  # noqa: B018

    refused = refuse(forget, {}, "SW-207")
    assert f"{Path(__file__).name}:{line_of('def forget')}" in refused.fact


def test_interrupts_pass():
    def stop(frame):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(stop, FRAME, {})
