"""What callers count on: a version that says less is odd, and so is a fixed answer that no version could give."""

import msgspec
import pytest

from shipway.core.bundle import LAYOUT, Manifest, OutputColumn, declare_outputs
from shipway.core.caller import find_odd, find_odd_score

THREE = ("late", "lost", "ok")


def say(kind, classes=(), number=1):
    """Return the manifest of a version that predicts a kind of label."""
    return Manifest(
        layout=LAYOUT, model="sort", version=number, format="linear", native="n", served="s", runtime="onnx", cut=0,
        inputs=(), outputs=declare_outputs(kind, classes), training={}, metrics={}, verdict={}, files={},
    )  # fmt: skip


def give(*outputs):
    """Return the manifest of a model that predicts no label."""
    return msgspec.structs.replace(say("number"), reads="tensors", outputs=outputs)


BOX = OutputColumn(name="box", datatype="FP32", shape=(-1, 4))


@pytest.mark.parametrize(
    ("stable", "candidate", "odd"),
    [
        (say("condition"), say("condition"), ""),
        (say("number"), say("number"), ""),
        (say("condition"), say("number"), "says a number alone"),
        (say("number"), say("condition"), "says a probability alone"),
        (say("number"), say("class", THREE), "says a probability of each class"),
        (say("class", THREE), say("condition"), "says a probability alone"),
        (say("condition"), give(BOX), "says something else than one number a row"),
        (say("class", THREE), say("class", THREE), ""),
        (say("class", THREE), say("class", ("early", *THREE)), ""),
        (say("class", THREE), say("class", ("late", "ok")), "gives 'probabilities' without class 'lost'"),
        (give(BOX), say("class", THREE), "gives no 'box'"),
        (give(BOX), give(BOX, msgspec.structs.replace(BOX, name="other")), ""),
    ],
)
def test_callers_miss_what_a_version_says_less(stable, candidate, odd):
    assert find_odd(stable, candidate) == odd


@pytest.mark.parametrize(
    ("stable", "score", "wrong"),
    [
        (say("condition"), 0.5, None),
        (say("condition"), 1.5, "1.5 is no probability, and sort@1 says a probability"),
        (say("condition"), "0.5", "names classes, and sort@1 says a probability"),
        (say("number"), -40.5, None),
        (say("number"), {"late": 1.0}, "names classes, and sort@1 says a number"),
        (say("class", THREE), "lost", None),
        (say("class", THREE), {"late": 0.5, "ok": 0.5}, None),
        (say("class", THREE), 0.5, "is one number, and sort@1 says a probability of each class"),
        (say("class", THREE), "early", "names class 'early', and there is 'late', 'lost', 'ok'"),
        (say("class", THREE), {"late": 0.5}, "has no probabilities from 0 to 1 that make 1 together"),
        (give(BOX), 0.5, "is for a label, and sort@1 says something else than one number a row"),
    ],
)
def test_a_fixed_answer_is_one_that_the_version_could_give(stable, score, wrong):
    found = find_odd_score(score, stable)
    if wrong is None:
        assert found is None
    else:
        assert found is not None
        assert found[0].startswith(wrong)
        assert found[1]
