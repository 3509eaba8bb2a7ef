import numpy as np
import pytest

from shipway.maths.vector import Vector, apply_operator, kind_of_scalar, normalise, repeat, result_kind


def vector(values, dtype=None):
    return Vector(np.array(values, dtype=dtype), np.ones(len(values), dtype=np.bool_))


@pytest.mark.parametrize(
    ("given", "dtype"), [(np.int8, np.int64), (np.uint16, np.int64), (np.float32, np.float64), (np.bool_, np.bool_)]
)
def test_elements_are_widened(given, dtype):
    found = normalise(vector([0, 1], given))
    assert found.values.dtype == dtype
    assert found.values.tolist() == [0, 1]


def test_not_a_number_becomes_null_and_null_stays_so():
    found = normalise(Vector(np.array([1.0, np.nan, 2.0, np.inf]), np.array([True, True, False, True])))
    assert found.valid.tolist() == [True, False, False, True]


def test_other_elements_are_refused():
    with pytest.raises(ValueError, match="datetime64"):
        normalise(vector(["2013-01-01"], "datetime64[us]"))


@pytest.mark.parametrize(("value", "kind"), [(True, "bool"), (1, "int"), (1.0, "float"), ("1", "text")])
def test_a_value_repeats_as_its_kind(value, kind):
    assert kind_of_scalar(value) == kind
    column = repeat(value, 3)
    assert column.values.tolist() == [value] * 3
    assert column.valid.all()


@pytest.mark.parametrize(
    ("op", "kinds", "kind"),
    [
        ("add", ["bool", "bool"], "int"),
        ("add", ["int", "float"], "float"),
        ("div", ["int", "int"], "float"),
        ("neg", ["bool"], "int"),
        ("lt", ["text", "text"], "bool"),
        ("is_null", ["text"], "bool"),
        ("is_in", ["text"], "bool"),
        ("fill", ["bool", "bool"], "bool"),
        ("fill", ["bool", "int"], "int"),
        ("fill", ["int", "float"], "float"),
        ("fill", ["text", "text"], "text"),
        ("not", ["bool"], "bool"),
        ("same", ["int", "float"], "bool"),
        ("matches", ["text", "text"], "bool"),
        ("length", ["text"], "int"),
    ],
)
def test_the_kind_of_a_result_is_known_beforehand(op, kinds, kind):
    assert result_kind(op, kinds) == kind
    samples = {"bool": [True, False], "int": [2, 3], "float": [0.5, 2.0], "text": ["a", "b"]}
    dtypes = {"bool": np.bool_, "int": np.int64, "float": np.float64, "text": np.object_}
    found = apply_operator(op, [vector(samples[one], dtypes[one]) for one in kinds])
    assert found.values.dtype == dtypes[kind]


def test_true_counts_as_one():
    yes = vector([True, False])
    assert apply_operator("add", [yes, yes]).values.tolist() == [2, 0]
    assert apply_operator("sub", [yes, vector([True, True])]).values.tolist() == [0, -1]
    assert apply_operator("neg", [yes]).values.tolist() == [-1, 0]
