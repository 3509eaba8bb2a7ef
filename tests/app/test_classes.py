"""Predictions are read as those of all classes that are told of."""

import numpy as np
import polars as pl

from shipway.app.classes import list_told, name_constant, read_predictions
from shipway.app.training import P, Trained
from shipway.core.artifact import Artifact
from shipway.data.plan import LABEL

FACTS = {"label": "class", "classes": ["late", "on time"], "shares": [0.3, 0.7]}
MADE = Artifact(kind="model", digest="d")
ROWS = pl.DataFrame({LABEL: ["late", None, "lost"], P: [[0.25, 0.75], [1.0, 0.0], [0.5, 0.5]]},
                    schema_overrides={P: pl.Array(pl.Float64, 2)})  # fmt: skip


def test_classes_are_those_of_all_versions_and_of_the_rows():
    other = Artifact(kind="prediction", digest="p", facts={"classes": ["late", "stolen"]})
    trained = Trained("lightgbm", MADE, MADE, FACTS, MADE)
    assert list_told(trained, {"current": ("version 1", other)}, ROWS) == ("late", "lost", "on time", "stolen")
    condition = Trained("lightgbm", MADE, MADE, {"rate": 0.3}, MADE)
    assert list_told(condition, {"current": ("version 1", other)}, ROWS) == ()


def test_a_class_that_a_version_never_learned_has_no_probability():
    p = read_predictions(ROWS, ("late", "on time"), ("late", "lost", "on time"))
    np.testing.assert_array_equal(p, [[0.25, 0, 0.75], [1, 0, 0], [0.5, 0, 0.5]])
    assert read_predictions(ROWS.clear(), ("late", "on time"), ("late", "lost", "on time")).shape == (0, 3)
    assert read_predictions(pl.DataFrame({P: [0.5]}), (), ()).tolist() == [0.5]


def test_a_hair_beyond_one_is_one_and_more_stays_to_be_refused():
    beyond = ROWS.with_columns(
        pl.Series(P, [[1 + 1e-6, -1e-6], [1.1, -0.1], [0.5, 0.5]], dtype=pl.Array(pl.Float64, 2))
    )
    p = read_predictions(beyond, ("late", "on time"), ("late", "on time"))
    np.testing.assert_array_equal(p[0], [1.0, 0.0])
    np.testing.assert_array_equal(p[1], [1.1, -0.1])


def test_the_constant_has_a_name_of_its_own_where_it_is_no_rate():
    assert name_constant("class") == {"base rate": "training shares"}
    assert name_constant("number") == {"base rate": "training mean"}
    assert name_constant("condition") == {}
