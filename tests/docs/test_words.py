"""What the page of words says about training and checks is so."""

import re
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

import shipway as sw
from shipway.adapters.sklearn.model import SklearnFormat
from shipway.core.data_measure import ColumnKind
from shipway.core.measure import SliceRegression

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "words.md").read_text(encoding="utf-8")


def frame(columns: tuple[str, ...], texts: tuple[str, ...]) -> sw.TrainFrame:
    """Make a frame with missing values in which the first column decides."""
    random = np.random.default_rng(7)
    x = random.integers(0, 4, (400, len(columns))).astype(np.float64)
    y = x[:, 0] >= 2
    x[random.random(x.shape) < 0.1] = np.nan
    return sw.TrainFrame(
        x=x,
        y=y,
        at=np.arange(400),
        columns=columns,
        categories=dict.fromkeys(texts, ("a", "b", "c", "d")),
        monotone=(0,) * len(columns),
        threads=1,
        seed=1,
    )


@pytest.mark.parametrize("texts", [(), ("one",), ("one", "two", "three")])
def test_the_linear_model_of_the_page_is_trained_and_packaged(texts: tuple[str, ...]) -> None:
    namespace: dict[str, Any] = {}
    for code in re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        exec(code, namespace)  # the page's own code is what is under test
    given = frame(("one", "two", "three"), texts)
    estimator = namespace["train"](given, strength=0.5)
    packaged = SklearnFormat()
    predicted = packaged.load(packaged.dump(estimator)).predict(given.x)
    assert np.mean((predicted > 0.5) == given.y) > 0.85


@pytest.mark.parametrize("held", [*sw.TrainFrame.__dataclass_fields__, "rows", "category_columns"])
def test_everything_a_train_frame_holds_is_listed(held: str) -> None:
    table = PAGE[PAGE.index("| of a `sw.TrainFrame` |") : PAGE.index("```python")]
    assert f"`{held}`" in table


@pytest.mark.parametrize("kind", get_args(ColumnKind))
def test_every_type_of_a_column_is_listed(kind: str) -> None:
    assert f"`{kind}`" in PAGE[PAGE.index("The types of `has_columns`") :].partition(".")[0]


def test_the_support_of_a_slice_is_what_the_page_says() -> None:
    usual = SliceRegression(("day",))
    assert f"{usual.support_rows} rows (`support_rows=`) on {usual.support_clusters} days" in PAGE
