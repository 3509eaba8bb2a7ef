"""A counterexample as one clause."""

import pytest

from shipway.validation.counterexample import Counterexample, Said, write_briefly

ROW = Counterexample(
    test="t", case="row 7", before=Said(value=0.226), after=Said(value=0.215), changed={"wind": (12.0, 27.5)}
)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (ROW, "wind 12 to 27.5, in row 7: 0.2260, then 0.2150"),
        (
            Counterexample(
                test="t",
                case="row 7",
                after=Said(label="late", value=0.9),
                typical=True,
                others={"carrier": "EV", "gate": None},
            ),
            "with carrier EV, gate missing, all else typical: late (0.9000)",
        ),
        (
            Counterexample(
                test="t",
                case="row 1",
                before=Said(value=1.0),
                after=Said(),
                changed={"x": (None, 1.0)},
                others={f"c{at}": float(at) for at in range(6)},
            ),
            "x missing to 1, with c0 0, c1 1, c2 2, c3 3 and 2 more columns, in row 1: 1.0000, then no number",
        ),
        (
            Counterexample(
                test="t", case="a", before=Said(label="good"), after=Said(label="bad"), text_before="a", text_after="b"
            ),
            "'a' to 'b': good, then bad",
        ),
        (Counterexample(test="t", case="b", after=Said(label="bad"), text_after="it's b"), '"it\'s b": bad'),
    ],
)
def test_said_in_one_clause(found, said):
    assert write_briefly(found) == said
