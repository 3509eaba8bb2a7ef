"""Classifiers as converters write them, and as a portable model of classes has them."""

import warnings

import lightgbm
import numpy as np
import onnx
import onnxmltools
import onnxruntime
import pytest
import skl2onnx
import xgboost
from onnx import ModelProto, TensorProto, helper
from onnxmltools.convert.common import data_types
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
from sklearn.ensemble import RandomForestClassifier, StackingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier

from shipway.adapters.onnx.classifier import split_classes, take_classes
from shipway.adapters.onnx.runtime import OnnxRuntime
from shipway.adapters.sklearn.model import SklearnFormat
from shipway.testing.model import make_labelled, make_rows

TEXTS = ("early", "late", "on the way")


def make_whole(seed=1, classes=3):
    """Rows without gaps, and a label of classes."""
    x, y = make_labelled(seed, "class", 600, classes)
    return np.nan_to_num(x), y


def convert(estimator, *, maps=True, double=False):
    """The graph that skl2onnx makes of an estimator, its input called as it suggests."""
    kind = DoubleTensorType if double else FloatTensorType
    options = None if maps else {id(estimator): {"zipmap": False}}
    model = skl2onnx.convert_sklearn(estimator, initial_types=[("X", kind([None, 3]))], options=options)
    return model.SerializeToString()


ESTIMATORS = {
    "linear": LogisticRegression(),
    "forest": RandomForestClassifier(5, max_depth=4, random_state=0, n_jobs=1),
    "bayes": GaussianNB(),
    "network": MLPClassifier([4], max_iter=20, random_state=0),
    "one against the rest": OneVsRestClassifier(LogisticRegression()),
    "stacked": StackingClassifier([("a", GaussianNB())], final_estimator=LogisticRegression()),
}


@pytest.mark.parametrize("maps", [True, False], ids=["maps", "matrix"])
@pytest.mark.parametrize("labels", [TEXTS, (3, 5, 9), (0, 1, 2)], ids=["texts", "numbers", "places"])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_classifier_of_scikit_learn_says_what_its_classes_are_called(name, labels, maps):
    x, y = make_whole()
    with warnings.catch_warnings():
        # A few rounds are enough of a network here.
        warnings.simplefilter("ignore")
        estimator = ESTIMATORS[name].fit(x, np.array(labels)[y])
    found = take_classes(convert(estimator, maps=maps))
    assert found is not None
    data, classes = found
    assert classes == tuple(map(str, labels))
    onnx.checker.check_model(onnx.load_from_string(data))
    predictor = OnnxRuntime().load(data)
    assert (predictor.predicts, predictor.columns) == ("class", 3)
    probe = np.nan_to_num(make_rows(2, 100)[0])
    np.testing.assert_allclose(predictor.predict(probe), estimator.predict_proba(probe), atol=1e-5)
    assert take_classes(data) == (data, ("0", "1", "2"))
    assert not {"ZipMap", "ArrayFeatureExtractor"} & {
        node.op_type for node in ModelProto.FromString(data).graph.node[-2:]
    }


@pytest.mark.parametrize("classes", [2, 3])
def test_boosted_trees_as_converters_write_them(classes):
    x, y = make_whole(classes=classes)
    types = [("input", data_types.FloatTensorType([None, 3]))]
    trees = lightgbm.LGBMClassifier(n_estimators=3, verbosity=-1, n_jobs=1).fit(x, y)
    for maps in (True, False):
        graph = onnxmltools.convert_lightgbm(trees, initial_types=types, zipmap=maps)
        found = take_classes(graph.SerializeToString())
        assert found is not None
        assert found[1] == tuple(map(str, range(classes)))
        np.testing.assert_allclose(OnnxRuntime().load(found[0]).predict(x), trees.predict_proba(x), atol=1e-5)
    more = xgboost.XGBClassifier(n_estimators=3, n_jobs=1).fit(x, y)
    found = take_classes(onnxmltools.convert_xgboost(more, initial_types=types).SerializeToString())
    assert found is not None
    np.testing.assert_allclose(OnnxRuntime().load(found[0]).predict(x), more.predict_proba(x), atol=1e-5)


def test_double_precision_stays():
    x, y = make_whole()
    estimator = LogisticRegression().fit(x, y)
    found = take_classes(convert(estimator, maps=False, double=True))
    assert found is not None
    predictor = OnnxRuntime().load(found[0])
    assert not predictor.single
    probe = np.nan_to_num(make_rows(2, 100)[0])
    np.testing.assert_allclose(predictor.predict(probe), estimator.predict_proba(probe), atol=1e-6)


@pytest.mark.parametrize("classes", [("a", "b"), TEXTS, tuple(f"[{place}]" for place in range(64))])
def test_classes_are_split_and_joined_to_the_bit(classes):
    x, _ = make_whole(classes=len(classes))
    estimator = LogisticRegression(max_iter=20)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator.fit(np.vstack([x] * 3), np.arange(3 * len(x)) % len(classes))
    data = SklearnFormat().dump(estimator, "class")
    split = split_classes(data, classes)
    onnx.checker.check_model(onnx.load_from_string(split), full_check=True)
    assert split == split_classes(data, classes)
    session = onnxruntime.InferenceSession(split)
    assert [each.name for each in session.get_outputs()] == [f"probabilities[{name}]" for name in classes]
    said = session.run(None, {"x": x.astype(np.float32)})
    assert {each.shape for each in said} == {(len(x),)}
    np.testing.assert_array_equal(np.column_stack(said).astype(np.float64), OnnxRuntime().load(data).predict(x))
    assert take_classes(split) == (data, classes)


def make_plain(outputs, *, inputs=(("x", TensorProto.FLOAT, ["n", 3]),), names=("said",)):
    """A graph of some outputs that all are its first input or a text."""
    nodes = [helper.make_node("Identity", [inputs[0][0]], [name]) for name in names]
    given = [helper.make_tensor_value_info(*each) for each in inputs]
    said = [helper.make_tensor_value_info(*each) for each in outputs]
    graph = helper.make_graph(nodes, "plain", given, said)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9).SerializeToString()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no graph",
        make_plain([("said", TensorProto.FLOAT, ["n", 3])]),
        make_plain([("probabilities", TensorProto.FLOAT, ["n", 1])], names=("probabilities",)),
        make_plain([("probabilities", TensorProto.FLOAT, ["n", 65])], names=("probabilities",)),
        make_plain([("probabilities[a]", TensorProto.FLOAT, ["n"])], names=("probabilities[a]",)),
        make_plain(
            [("one", TensorProto.FLOAT, ["n", 3]), ("two", TensorProto.FLOAT, ["n", 3])], names=("one", "two")
        ),
        make_plain(
            [("said", TensorProto.FLOAT, ["n", 3])],
            inputs=(("a", TensorProto.FLOAT, ["n", 3]), ("b", TensorProto.FLOAT, ["n", 3])),
        ),
        make_plain([("said", TensorProto.STRING, ["n", 3])], inputs=(("a", TensorProto.STRING, ["n", 3]),)),
        make_plain([("said", TensorProto.FLOAT, ["n", 3, 3])], inputs=(("a", TensorProto.FLOAT, ["n", 3, 3]),)),
    ],
    ids=[
        "empty", "junk", "matrix", "one class", "too many", "one of classes", "two matrices", "two inputs", "texts",
        "images",
    ],
)  # fmt: skip
def test_any_other_graph_is_none(data):
    assert take_classes(data) is None


def test_a_regressor_and_a_classifier_of_more_classes_than_are_logged_are_none():
    x, _ = make_whole()
    assert take_classes(convert(LinearRegression().fit(x, x[:, 0]))) is None
    many = LogisticRegression(max_iter=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        many.fit(np.vstack([x] * 2), np.arange(2 * len(x)) % 65)
    for maps in (True, False):
        assert take_classes(convert(many, maps=maps)) is None
