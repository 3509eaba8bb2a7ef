"""What is known of rows without asking their service: labels count where they are of the kind that versions predict."""

import polars as pl
import pytest

from shipway.app.control.offline import LABELS, keep_labels


@pytest.mark.parametrize("declared", ["condition", "number", "class"])
@pytest.mark.parametrize("predicts", ["condition", "number", "class"])
def test_labels_of_another_kind_are_none(declared, predicts):
    value = {"condition": True, "number": 0.5, "class": "late"}[declared]
    labels = pl.DataFrame({"row": ["a"], "label": [value], "known_at": [1]}, schema=LABELS[declared])
    kept = keep_labels(labels, predicts)
    assert kept.schema == LABELS[predicts]
    assert kept.height == (declared == predicts)
