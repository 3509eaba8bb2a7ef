import platform
from importlib.metadata import distributions, version

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.markers import Marker
from packaging.requirements import Requirement

from shipway.core.error import ShipwayError
from shipway.delivery.lock import evaluate_marker, lock_environment

EXTRAS = ("train", "serve", "My_Extra")

comparisons = st.one_of(
    st.builds(
        "python_version {} '{}'".format,
        st.sampled_from(["<", "<=", ">", ">=", "==", "!="]),
        st.sampled_from(["3.9", "3.11", "3.11.0", "3.12", "4"]),
    ),
    st.builds(
        '{} {} "{}"'.format,
        st.sampled_from(["sys_platform", "os_name", "platform_system", "implementation_name"]),
        st.sampled_from(["==", "!=", "in", "not in"]),
        st.sampled_from(["linux", "win32", "posix", "Linux", "cpython", "linux darwin"]),
    ),
    st.builds("extra == '{}'".format, st.sampled_from(EXTRAS)),
)
markers = st.recursive(
    comparisons,
    lambda inner: st.one_of(
        st.builds("{} and {}".format, inner, inner),
        st.builds("{} or {}".format, inner, inner),
        st.builds("({})".format, inner),
    ),
    max_leaves=6,
)


@given(markers, st.sampled_from(EXTRAS))
def test_conditions_hold_as_packaging_says(marker, extra):
    assert evaluate_marker(marker, [extra]) == Marker(marker).evaluate({"extra": extra})


def test_a_condition_on_an_extra_holds_for_any_of_those_asked_for():
    assert evaluate_marker('extra == "serve"', ["train", "serve"])
    assert not evaluate_marker('extra == "serve"', ["train"])
    assert not evaluate_marker('extra == "serve"')
    assert evaluate_marker('extra == "my-extra"', ["My_Extra"])


@pytest.mark.parametrize(
    "marker",
    ["", "python_version", "python_version ~= '3'", "nothing == '1'", "(os_name == 'x'", "'a' == 'a' b", "a ?"],
)
def test_what_cannot_be_read_is_refused(marker):
    with pytest.raises(ShipwayError) as refused:
        evaluate_marker(marker)
    assert refused.value.code == "SW-501"


def test_every_condition_of_what_is_installed_can_be_read():
    read = 0
    for installed in distributions():
        for text in installed.requires or ():
            marker = Requirement(text).marker
            if marker is not None and "~=" not in str(marker):
                assert evaluate_marker(str(marker), ["x"]) == marker.evaluate({"extra": "x"}), text
                read += 1
    assert read > 100


def test_the_lock_is_sorted_and_says_the_python_version():
    first, *lines = lock_environment().splitlines()
    assert first == f"# Python {platform.python_version()}"
    names = [line.partition("==")[0] for line in lines]
    assert names == sorted(set(names))
    assert lock_environment() == lock_environment()
    assert lock_environment().endswith("\n")


def test_the_lock_has_what_models_are_made_and_served_with():
    lines = lock_environment().splitlines()
    for name in ("shipway", "numpy", "polars", "lightgbm", "scikit-learn", "skl2onnx", "onnxruntime", "protobuf"):
        assert f"{name}=={version(name)}" in lines
    names = {line.partition("==")[0] for line in lines}
    assert names.isdisjoint({"pytest", "ruff", "altair", "hypothesis"})


def test_extras_that_are_not_asked_for_are_left_out():
    text = lock_environment(extras=())
    assert "lightgbm==" not in text
    assert "numpy==" in text


def test_a_lock_without_its_root_is_refused():
    with pytest.raises(ShipwayError) as refused:
        lock_environment("no-such-distribution-anywhere")
    assert refused.value.code == "SW-501"
