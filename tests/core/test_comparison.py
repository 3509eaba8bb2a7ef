"""What differs between two bundles, in words."""

import msgspec
import pytest

from shipway.core.bundle import LAYOUT, InputColumn, KeyedFeatures, Manifest, Parity
from shipway.core.comparison import compare_bundles, compare_inputs, compare_metrics
from shipway.core.feature import FeatureView
from shipway.maths.expression import Constant

DAY = 86_400_000_000


def column(name, **fields):
    return InputColumn(**{"name": name, "kind": "number", "low": 0.0, "high": 10.0} | fields)


def manifest(*columns, **fields):
    said = {
        "layout": LAYOUT,
        "model": "m",
        "version": 1,
        "format": "lightgbm",
        "native": "native.txt",
        "served": "model.onnx",
        "runtime": "onnx",
        "cut": 10 * DAY,
        "inputs": columns,
        "parity": Parity(rows=10, largest=0.0, mean=0.0, tolerance=1e-4),
        "training": {"rows": 1000, "rate": 0.25, "frame": "f"},
        "metrics": {},
        "verdict": {},
        "files": {"native.txt": "n", "lock.txt": "l"},
    }
    return Manifest(**said | fields)


def test_a_bundle_does_not_differ_from_itself():
    one = manifest(column("a"), column("b", kind="category", low=None, high=None, categories=("x",)))
    assert compare_inputs(one, one) == ()
    assert compare_bundles(one, one) == ["both learned from the same frame", "the model is the same to the byte"]


@pytest.mark.parametrize(
    ("fields", "change", "said"),
    [
        ({"high": 12.0}, "shifted", "0 to 12 in training, 0 to 10 before"),
        ({"missing": 0.2}, "shifted", "20.0% missing, 0.0% before"),
        ({"low": None, "high": None}, "shifted", "no value in training, 0 to 10 before"),
        ({"monotone": 1}, "moved", "its rise never lowers the prediction, and may go either way before"),
        (
            {"kind": "category", "low": None, "high": None, "categories": ("x",)},
            "moved",
            "it is a category of BYTES, and was a number of FP64; it knows 'x'",
        ),
    ],
)
def test_a_column_that_changed_says_how(fields, change, said):
    found = compare_inputs(manifest(column("a")), manifest(column("a", **fields)))
    assert (found[0].name, found[0].change, found[0].said) == ("a", change, said)


def test_an_end_that_moved_a_little_is_not_told():
    assert compare_inputs(manifest(column("a")), manifest(column("a", high=10.9, missing=0.009))) == ()


def test_columns_come_go_and_are_defined_otherwise():
    def keyed(value):
        view = FeatureView("v", None, {"a": Constant(value)})
        return KeyedFeatures(at="t", spine="s", key=("k",), views=(view,), schema={})

    before = manifest(column("v_a"), column("gone"), features=keyed(1.0))
    after = manifest(column("v_a"), column("new"), features=keyed(2.0))
    assert [(each.name, each.change) for each in compare_inputs(before, after)] == [
        ("v_a", "defined"),
        ("new", "added"),
        ("gone", "removed"),
    ]
    said = compare_bundles(before, after)
    assert said[:3] == ["1 input added: new", "1 input removed: gone", "1 input computed otherwise: v_a"]


def test_categories_that_came_and_went_are_named():
    before = manifest(column("c", kind="category", low=None, high=None, categories=("x", "y")))
    after = manifest(column("c", kind="category", low=None, high=None, categories=("y", "z")))
    assert compare_inputs(before, after)[0].said == "it knows 'z'; it knows 'x' no more"


def test_what_bundles_are_made_of_is_compared():
    before = manifest()
    training = {"rows": 1500, "rate": 0.3, "frame": "g"}
    files = {"native.txt": "m", "lock.txt": "k"}
    after = msgspec.structs.replace(
        before, cut=17 * DAY, training=training, format="sklearn", parity=None, because="of that", files=files
    )
    assert compare_bundles(before, after) == [
        "its cut is 7 days later",
        "1,500 training rows, against 1,000",
        "30.0% of them true, against 25.0%",
        "library: sklearn, against lightgbm",
        "parity: native form only, because of that, against ONNX within 0.0e+00 on 10 rows, 0.0001 is allowed",
        "they were made in environments with other packages",
    ]


def test_metrics_say_whether_their_intervals_touch():
    before = {"auc": (0.70, 0.68, 0.72), "log_loss": (0.5, 0.4, 0.6), "same": (1.0, 1.0, 1.0), "old": (1.0, 1.0, 1.0)}
    after = {"auc": (0.75, 0.73, 0.77), "log_loss": (0.45, 0.4, 0.5), "same": (1.0, 1.0, 1.0)}
    assert compare_metrics(before, after, same_rows={"log_loss": False}) == [
        "auc is higher, 0.75 against 0.7: the intervals do not touch",
        "log_loss is lower, 0.45 against 0.5: the intervals overlap, so it may be chance; measured on other rows",
        "old was measured of one of them only",
    ]


def test_a_rate_that_reads_the_same_is_no_difference():
    one, other = (manifest(training={"rows": 9, "rate": rate}) for rate in (0.14655, 0.1466))
    assert not [said for said in compare_bundles(one, other) if "true" in said]
