"""How tensors stand in the log: few places as columns, many by digest, and never two columns of one name."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.core.bundle import InputColumn, OutputColumn
from shipway.core.prediction import OUTPUT_COLUMNS, PREDICTION_COLUMNS
from shipway.core.record import MOST_COLUMNS, MOST_PLACES, find_no_answers, find_odd_outputs, plan_outputs, plan_tensors
from shipway.core.tensor import DATATYPES


def output(name="y", datatype="FP32", shape=(-1,), classes=()):
    return OutputColumn(name=name, datatype=datatype, shape=shape, classes=classes)


@pytest.mark.parametrize(
    ("declared", "columns"),
    [
        (output(), ("output y",)),
        (output(shape=(-1, 1)), ("output y",)),
        (output(shape=(-1, 2)), ("output y[0]", "output y[1]")),
        (output(shape=(-1, 1, 2)), ("output y[0,0]", "output y[0,1]")),
        (output(shape=(-1, 2), classes=("a", "b")), ("output y[a]", "output y[b]")),
        (output(shape=(-1, -1), classes=("a", "b")), ("output y[a]", "output y[b]")),
        (output(shape=(-1, 2), classes=("a", "a")), ()),
        (output(shape=(-1, -1)), ()),
        (output(shape=(-1, MOST_PLACES)), tuple(f"output y[{place}]" for place in range(MOST_PLACES))),
        (output(shape=(-1, MOST_PLACES + 1)), ()),
        (output(shape=()), ()),
    ],
)
def test_places_have_columns_while_they_are_few(declared, columns):
    (record,) = plan_tensors([declared], "output ")
    assert record.columns == columns
    assert (record.digest, record.extent) == (("", "") if columns else ("output y digest", "output y shape"))


def test_a_text_may_be_too_long_for_its_column():
    (record,) = plan_tensors([InputColumn(name="t", kind="tensor", datatype="BYTES")], "input ")
    assert (record.kind, record.columns, record.digest) == ("text", ("input t",), "input t digest")


@pytest.mark.parametrize(
    ("outputs", "y", "chosen"),
    [
        ([output("minutes")], "minutes", ""),
        ([output("minutes", "INT64", (-1, 1)), output("spread")], "minutes", ""),
        ([output("label", "INT64"), output("p", shape=(-1, 2), classes=("a", "b"))], "", "p"),
        ([output("vector", shape=(-1, 3))], "", ""),
        ([output("text", "BYTES")], "", ""),
        ([output("text", "BYTES"), output("minutes")], "", ""),
        ([output("hash", "UINT64")], "", ""),
    ],
)
def test_the_prediction_is_the_class_or_the_first_number(outputs, y, chosen):
    records = plan_outputs(outputs)
    assert (records.y, records.chosen) == (y, chosen)


names = st.text("ab[0],", min_size=1, max_size=5)
shapes = st.lists(st.integers(-1, 9).filter(bool), max_size=3).map(lambda rest: (-1, *rest))
declared = st.builds(output, names, st.sampled_from(sorted(DATATYPES)), shapes)


@given(st.lists(declared, max_size=12, unique_by=lambda each: each.name))
def test_no_two_columns_have_one_name_and_there_are_not_too_many(outputs):
    records = plan_outputs(outputs)
    columns = [name for record in records.tensors for name in record.columns]
    assert len(set(columns)) == len(columns) <= MOST_COLUMNS
    assert set(columns).isdisjoint(OUTPUT_COLUMNS)
    assert [record.name for record in records.tensors] == [each.name for each in outputs]


@pytest.mark.parametrize(
    ("candidate", "said"),
    [
        ([output(), output("more")], ""),
        ([output("x")], "gives no 'y'"),
        ([output(datatype="FP64")], "gives 'y' as FP64 and not as FP32"),
        ([output(shape=(-1, 2))], "gives 'y' of shape [-1, 2] and not [-1]"),
        ([output(classes=("a", "b"))], "gives 'y' of classes"),
    ],
)
def test_callers_may_find_more_and_miss_nothing(candidate, said):
    assert find_odd_outputs([output()], candidate) == said


def of_classes(*classes, shape=None):
    return output("p", shape=(-1, len(classes)) if shape is None else shape, classes=classes)


@pytest.mark.parametrize(
    ("stable", "candidate", "said"),
    [
        ([of_classes("a", "c")], [of_classes("a", "b", "c")], ""),
        ([of_classes("a", "c", shape=(-1, -1))], [of_classes("a", "b", "c", shape=(-1, -1))], ""),
        ([of_classes("a", "c")], [of_classes("a", "b")], "gives 'p' without class 'c'"),
        ([of_classes("a", "c")], [of_classes("c", "a")], "gives 'p' of classes in another order"),
        ([of_classes("a", "c")], [of_classes("a", "b", "c", shape=(-1,))], "gives 'p' of shape [-1]"),
        ([of_classes("a", "c")], [output("p", shape=(-1, 2))], "gives 'p' without class 'a'"),
        (
            [output("code"), of_classes("a", "c")],
            [output("code"), of_classes("a", "b", "c")],
            "gives 'p' with a class more, 'b', beside other outputs",
        ),
    ],
)
def test_a_version_may_know_more_classes_than_callers_do(stable, candidate, said):
    assert find_odd_outputs(stable, candidate) == said


def test_the_log_of_outputs_is_that_of_predictions_with_another_prediction():
    assert [name for name in OUTPUT_COLUMNS if name not in ("y", "class")] == [
        name for name in PREDICTION_COLUMNS if name != "p"
    ]
    assert {name: OUTPUT_COLUMNS[name] for name in PREDICTION_COLUMNS if name != "p"} == {
        name: kind for name, kind in PREDICTION_COLUMNS.items() if name != "p"
    }


def test_rows_without_an_answer_are_found_whatever_a_model_predicts():
    nan = np.nan
    classes = output("p", shape=(-1, 2), classes=("a", "b"))
    said = {
        "y": np.array([1.0, nan, np.inf, -5.0]),
        "p": np.array([[0.9, 0.9], [1.5, -0.5], [nan, 1.0], [1.000_001, -0.000_001]]),
    }
    assert find_no_answers(plan_outputs([output()]), said).tolist() == [False, True, True, False]
    assert find_no_answers(plan_outputs([output(), classes]), said).tolist() == [False, True, True, False]
    assert not find_no_answers(plan_outputs([output("p", shape=(-1, 2))]), said).any()
    assert find_no_answers(plan_outputs([]), {}).shape == (0,)


def test_texts_are_no_probabilities_of_classes():
    assert plan_outputs([output(datatype="BYTES", shape=(-1, 2), classes=("a", "b"))]).chosen == ""
