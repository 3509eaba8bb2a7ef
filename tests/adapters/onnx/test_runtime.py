import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from shipway.adapters.onnx.runtime import OnnxRuntime
from shipway.core.error import ShipwayError
from shipway.testing.model import RUNTIME_CASES, RuntimeSample, make_rows

WEIGHTS = np.asarray([[-0.5, 0.5], [0.25, -0.25], [0.1, -0.1]], dtype=np.float32)


def make_graph(columns=3, inputs=1):
    """A logistic regression on clipped columns, written by hand; a missing value reads as zero."""
    names = ["x", *(f"y{i}" for i in range(1, inputs))]
    shape = [None, columns]
    nodes = [
        helper.make_node("IsNaN", ["x"], ["hole"]),
        helper.make_node("Where", ["hole", "zero", "x"], ["full"]),
        helper.make_node("Clip", ["full", "low", "high"], ["clipped"]),
        helper.make_node("MatMul", ["clipped", "weights"], ["score"]),
        helper.make_node("Softmax", ["score"], ["probability"], axis=1),
    ]
    constants = {"zero": np.float32(0), "low": np.float32(-3), "high": np.float32(3), "weights": WEIGHTS}
    graph = helper.make_graph(
        nodes,
        "logistic",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in names],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, [None, 2])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def predict(x):
    score = np.clip(np.nan_to_num(x, nan=0.0, posinf=3.0, neginf=-3.0), -3, 3) @ WEIGHTS.astype(np.float64)
    return 1 / (1 + np.exp(score[:, 0] - score[:, 1]))


def make_line(name="prediction", shape=(None, 1), more=()):
    """A linear regression on clipped columns, written by hand; a missing value reads as zero."""
    nodes = [
        helper.make_node("IsNaN", ["x"], ["hole"]),
        helper.make_node("Where", ["hole", "zero", "x"], ["full"]),
        helper.make_node("Clip", ["full", "low", "high"], ["clipped"]),
        helper.make_node("MatMul", ["clipped", "weights"], ["tall"]),
        helper.make_node("Reshape", ["tall", "shape"], [name]),
        *(helper.make_node("Identity", ["tall"], [each]) for each in more),
    ]
    constants = {
        "zero": np.float32(0), "low": np.float32(-3), "high": np.float32(3), "weights": WEIGHTS[:, 1:] * 40,
        "shape": np.array([-1] if len(shape) == 1 else [-1, 1]),
    }  # fmt: skip
    graph = helper.make_graph(
        nodes,
        "line",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 3])],
        [helper.make_tensor_value_info(each, TensorProto.FLOAT, list(shape)) for each in (*more, name)],
        [numpy_helper.from_array(np.asarray(value), key) for key, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def predict_line(x):
    known = np.clip(np.nan_to_num(x, nan=0.0, posinf=3.0, neginf=-3.0), -3, 3)
    return known @ (WEIGHTS[:, 1] * 40).astype(np.float64)


@pytest.mark.parametrize("shape", [(None, 1), (None,)], ids=["tall", "flat"])
@pytest.mark.parametrize("case", RUNTIME_CASES)
def test_onnx_runtime_conforms_with_numbers(case, shape):
    case(lambda: RuntimeSample(OnnxRuntime(), make_line(shape=shape), predict_line, "number"))


def test_one_number_of_another_name_is_predicted_and_given_by_its_name():
    predictor = OnnxRuntime().load(make_line("minutes"))
    assert predictor.predicts == "number"
    x = make_rows(1, 20)[0]
    np.testing.assert_allclose(predictor.predict(x), predict_line(x), rtol=1e-5, atol=1e-5)
    assert predictor.infer({"x": x})["minutes"].shape == (20, 1)


def test_one_number_that_is_called_a_probability_is_one():
    predictor = OnnxRuntime().load(make_line("probability", (None,)))
    assert predictor.predicts == "condition"
    x = make_rows(1, 20)[0]
    assert predictor.infer({"x": x})["probability"].shape == (20,)


@pytest.mark.parametrize("graph", [make_line(more=("other",)), make_line(shape=(None, 3))], ids=["two", "three wide"])
def test_more_than_one_number_is_no_label(graph):
    assert OnnxRuntime().load(graph).predicts is None


def make_shares(columns, given="float_input"):
    """A softmax over the places of one matrix: of each row so many numbers that make one together."""
    graph = helper.make_graph(
        [helper.make_node("Softmax", [given], ["probabilities"], axis=1)],
        "shares",
        [helper.make_tensor_value_info(given, TensorProto.FLOAT, [None, columns])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, columns])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9).SerializeToString()


@pytest.mark.parametrize("graph", [make_shares(3), make_line("prediction"), make_line("probability")])
def test_a_graph_that_predicts_is_asked_by_its_own_names_too(graph):
    predictor = OnnxRuntime().load(graph)
    (given,), (output,) = predictor.inputs, predictor.outputs
    x = np.nan_to_num(make_rows(1, 20)[0]).astype(np.float32)
    np.testing.assert_array_equal(predictor.infer({"x": x})[output.name], predictor.predict(x))
    said = predictor.infer({given.name: x})[output.name]
    np.testing.assert_allclose(said.reshape(predictor.predict(x).shape), predictor.predict(x), atol=1e-6)
    with pytest.raises(ShipwayError, match="SW-202"):
        predictor.infer({"z": x})


@pytest.mark.parametrize(("columns", "kind"), [(3, "class"), (64, "class"), (65, None)])
def test_more_classes_than_a_label_can_have_are_none(columns, kind):
    predictor = OnnxRuntime().load(make_shares(columns))
    assert predictor.predicts == kind
    said = predictor.infer({"float_input": np.zeros((2, columns), dtype=np.float32)})
    np.testing.assert_allclose(said["probabilities"], 1 / columns, rtol=1e-6)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("case", RUNTIME_CASES)
def test_onnx_runtime_conforms(case, threads):
    case(lambda: RuntimeSample(OnnxRuntime(threads=threads), make_graph(), predict))


@pytest.mark.parametrize("graph", [make_graph(columns=None), make_graph(inputs=2)], ids=["any columns", "two inputs"])
def test_graph_of_another_shape_predicts_no_probability(graph):
    predictor = OnnxRuntime().load(graph)
    with pytest.raises(ShipwayError, match="predicts no label by a matrix") as refused:
        predictor.predict(np.zeros((2, 3)))
    assert refused.value.code == "SW-202"
    x = make_rows(1, 20)[0].astype(np.float32)
    said = predictor.infer({column.name: x for column in predictor.inputs})
    assert list(said) == ["probability"]
    assert said["probability"].shape == (20, 2)
    np.testing.assert_allclose(said["probability"][:, 1], predict(x), atol=1e-6)
    for wrong in ({}, {"z": x}, {column.name: x[0] for column in predictor.inputs}):
        with pytest.raises(ShipwayError) as refused:
            predictor.infer(wrong)
        assert refused.value.code == "SW-202"


def test_a_graph_says_what_it_reads_and_gives():
    predictor = OnnxRuntime().load(make_graph(columns=None))
    assert [(each.name, each.datatype, each.shape) for each in predictor.inputs] == [("x", "FP32", (-1, -1))]
    assert [(each.name, each.datatype, each.shape) for each in predictor.outputs] == [("probability", "FP32", (-1, 2))]


def test_a_batch_is_predicted_without_a_word(capfd):
    OnnxRuntime().load(make_graph()).predict(np.zeros((64, 3)))
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_numbers_beyond_single_precision_are_infinite():
    predictor = OnnxRuntime().load(make_graph())
    huge = predictor.predict(np.asarray([[1e300, 0.0, -1e300]]))
    assert huge[0] == pytest.approx(predict(np.asarray([[3.0, 0.0, -3.0]]))[0], abs=1e-6)


def test_the_providers_that_are_named_run_the_graph():
    x, _ = make_rows(3)
    usual = OnnxRuntime().load(make_graph()).predict(x)
    assert np.array_equal(OnnxRuntime(providers=("cpu", "cpu")).load(make_graph()).predict(x), usual)


@pytest.mark.parametrize(("name", "near"), [("cdua", None), ("cqu", "cpu"), ("CPUExecutionProvider", None)])
def test_a_provider_that_is_not_there_is_refused_with_those_that_are(name, near):
    with pytest.raises(ShipwayError) as refused:
        OnnxRuntime(providers=(name, "cpu"))
    assert refused.value.code == "SW-703"
    assert f"no execution provider {name!r}, and has " in refused.value.fact
    assert "cpu" in refused.value.fact
    assert near is None or f"did you mean {near!r}?" in refused.value.hint


@pytest.mark.skipif(
    "CUDAExecutionProvider" in onnxruntime.get_available_providers(), reason="this machine's ONNX Runtime has CUDA"
)
def test_a_gpu_that_is_not_there_is_no_silent_cpu():
    with pytest.raises(ShipwayError, match="SW-703"):
        OnnxRuntime(providers=("cuda", "cpu"))


@pytest.mark.skipif(
    "CUDAExecutionProvider" not in onnxruntime.get_available_providers(),
    reason="needs a GPU and onnxruntime-gpu, and this machine's ONNX Runtime has no CUDA",
)
def test_a_gpu_predicts_what_the_cpu_does():
    x, _ = make_rows(3, 5_000)
    found = OnnxRuntime(providers=("cuda", "cpu")).load(make_graph()).predict(x)
    assert np.allclose(found, OnnxRuntime().load(make_graph()).predict(x), atol=1e-4)
