"""Python objects as models: what they may be, and the attacks that never run."""

import base64
import importlib
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from shipway.adapters.onnx.runtime import OnnxRuntime
from shipway.adapters.python.model import PythonFormat
from shipway.core.error import ShipwayError
from shipway.ports.model import open_runtime
from shipway.testing.model import FORMAT_CASES, FormatSample, make_labelled, make_rows

RULES = '''
"""A model that a team wrote itself."""

from dataclasses import dataclass, field

import numpy as np


@dataclass
class Rules:
    """A logistic regression by hand."""

    weights: np.ndarray | None = None
    classes_: np.ndarray | None = None
    n_features_in_: int = 0
    notes: dict = field(default_factory=dict)

    def fit(self, x, y):
        filled = np.nan_to_num(np.clip(x, -9, 9))
        self.weights = np.linalg.lstsq(filled, y.astype(float), rcond=None)[0]
        self.classes_, self.n_features_in_ = np.unique(y), x.shape[1]
        return self

    def predict_proba(self, x):
        score = (np.nan_to_num(np.clip(x, -9, 9)) * self.weights).sum(axis=1)
        p = 1 / (1 + np.exp(-score))
        return np.column_stack([1 - p, p])


class Line:
    """A least-squares line by hand; it has no probabilities."""

    weights = None

    def fit(self, x, y):
        self.weights = np.linalg.lstsq(np.nan_to_num(np.clip(x, -9, 9)), y, rcond=None)[0]
        self.n_features_in_ = x.shape[1]
        return self

    def predict(self, x):
        return (np.nan_to_num(np.clip(x, -9, 9)) * self.weights).sum(axis=1)


class Shares:
    """Says of each class how frequent it is where the first column is low, and where it is high."""

    shares = None

    def fit(self, x, y):
        self.classes_, self.n_features_in_ = np.unique(y), x.shape[1]
        counts = [np.bincount(y[part], minlength=len(self.classes_)) + 1.0 for part in (x[:, 0] > 0, ~(x[:, 0] > 0))]
        self.shares = np.array([count / count.sum() for count in counts])
        return self

    def predict_proba(self, x):
        return self.shares[np.where(x[:, 0] > 0, 0, 1)]


class Multiplied(Shares):
    """The same, with what sums to two."""

    def predict_proba(self, x):
        return 2 * super().predict_proba(x)


class Cut(Shares):
    """The same, without the last class."""

    def predict_proba(self, x):
        return super().predict_proba(x)[:, :-1]


def thirds(x):
    return np.full((len(x), 3), 1 / 3)


def as_it_is(x):
    return x


def first_times_ten(x):
    return 10 * x[:, 0]


def first_is_high(x):
    return np.where(x[:, 0] > 0, 0.9, 0.1)


def says_too_much(x):
    return np.full(len(x), 2.0)


def closes_over(bound):
    def inner(x):
        return np.full(len(x), bound)
    return inner
'''


@pytest.fixture(scope="module")
def rules(tmp_path_factory):
    """The module, as it is imported beside a project's file."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "team_rules.py").write_text(RULES)
    sys.path.insert(0, str(folder))
    yield importlib.import_module("team_rules")
    sys.path.remove(str(folder))
    del sys.modules["team_rules"]


@pytest.fixture
def allowed():
    return PythonFormat(unpickle=True)


def refuse(code, call, *args):
    with pytest.raises(ShipwayError) as refused:
        call(*args)
    assert refused.value.code == code
    return refused.value.fact


@pytest.mark.parametrize("case", FORMAT_CASES)
def test_python_conforms(case, rules):
    case(
        lambda: FormatSample(
            model_format=PythonFormat(unpickle=True),
            runtime=OnnxRuntime(),
            fit=lambda x, y, seed: rules.Rules().fit(x, y),
            unfitted=rules.Rules(),
            predict=lambda model, x: model.predict_proba(x)[:, 1],
            portable=False,
        )
    )


@pytest.mark.parametrize("case", FORMAT_CASES)
def test_objects_that_predict_numbers_conform(case, rules):
    case(
        lambda: FormatSample(
            model_format=PythonFormat(unpickle=True),
            runtime=OnnxRuntime(),
            fit=lambda x, y, seed: rules.Line().fit(x, y),
            unfitted=rules.Line(),
            predict=lambda model, x: model.predict(x),
            portable=False,
            kind="number",
        )
    )


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("case", FORMAT_CASES)
def test_objects_that_tell_classes_apart_conform(case, classes, rules):
    case(
        lambda: FormatSample(
            model_format=PythonFormat(unpickle=True),
            runtime=OnnxRuntime(),
            fit=lambda x, y, seed: rules.Shares().fit(x, y),
            unfitted=rules.Shares(),
            predict=lambda model, x: model.predict_proba(x),
            portable=False,
            kind="class",
            classes=classes,
        )
    )


def test_what_is_no_probability_of_each_class_is_refused(rules, allowed):
    x, y = make_labelled(1, "class", 300)
    twice = allowed.load(allowed.dump(rules.Multiplied().fit(x, y), "class"))
    assert "no probability of each class" in refuse("SW-207", twice.predict, x[:5])
    half = rules.Multiplied().fit(x, y)
    half.shares = np.full((2, 3), 0.2)
    assert "no probability of each class" in refuse("SW-207", allowed.load(allowed.dump(half)).predict, x[:5])
    cut = allowed.load(allowed.dump(rules.Cut().fit(x, y), "class"))
    assert "shape (5, 2)" in refuse("SW-207", cut.predict, x[:5])


def test_objects_of_other_classes_than_codes_are_refused(rules, allowed):
    x, y = make_labelled(1, "class", 300)
    model = rules.Shares().fit(x, y)
    model.classes_ = ["early", "late", "lost"]
    assert "not the whole numbers from 0 to 2" in refuse("SW-501", allowed.dump, model, "class")
    assert "tells 3 classes apart" in refuse("SW-501", allowed.dump, model, "condition")
    assert "gives probabilities" in refuse("SW-501", allowed.dump, model, "number")
    assert "gives no probabilities" in refuse(
        "SW-501", allowed.dump, rules.Line().fit(*make_labelled(1, "number")), "class"
    )


def test_a_function_may_tell_classes_apart(rules, allowed):
    loaded = allowed.load(allowed.dump(rules.thirds, "class"))
    assert loaded.predicts == "class"
    np.testing.assert_array_equal(loaded.infer({"x": np.zeros((2, 5))})["probabilities"], np.full((2, 3), 1 / 3))
    one = allowed.load(allowed.dump(rules.first_is_high, "class"))
    assert "shape (2,)" in refuse("SW-207", one.predict, np.zeros((2, 3)))


def test_of_a_function_the_label_says_what_it_predicts(rules, allowed):
    x, _ = make_labelled(1, "number", 20)
    assert "does not say" in refuse("SW-501", allowed.dump, rules.first_times_ten)
    number = allowed.load(allowed.dump(rules.first_times_ten, "number"))
    assert number.predicts == "number"
    x = np.nan_to_num(x)
    np.testing.assert_array_equal(number.infer({"x": x})["prediction"], 10 * x[:, 0])
    condition = allowed.load(allowed.dump(rules.first_times_ten, "condition"))
    assert condition.predicts == "condition"
    assert "no probability" in refuse("SW-207", condition.predict, x)
    assert "no finite number" in refuse("SW-207", number.predict, np.full((2, 3), np.nan))
    assert "shape (2, 3)" in refuse("SW-207", allowed.load(allowed.dump(rules.as_it_is, "number")).predict, x[:2])


def test_a_form_that_does_not_say_its_kind_is_of_a_condition(rules, allowed):
    """Those that were written before labels could be numbers."""
    document = json.loads(allowed.dump(rules.first_is_high, "condition"))
    assert document.pop("predicts") == "condition"
    assert allowed.load(json.dumps(document).encode()).predicts == "condition"


def test_nothing_is_packed_or_loaded_unless_the_project_allows_it(rules, allowed):
    model = rules.Rules().fit(*make_rows(1))
    data = allowed.dump(model)
    assert "does not allow" in refuse("SW-503", PythonFormat().dump, model)
    assert "does not allow" in refuse("SW-503", PythonFormat().load, data)
    assert "does not allow" in refuse("SW-503", open_runtime("python").load, data)
    assert open_runtime("python", unpickle=True).load(data).predict(make_rows(2)[0]).shape == (2_000,)


def test_a_model_answers_in_a_process_that_has_no_such_module(rules, allowed, tmp_path):
    model = rules.Rules(notes={"by": "the team"}).fit(*make_rows(1))
    (tmp_path / "model").write_bytes(allowed.dump(model))
    x = make_rows(2, 5)[0]
    code = (
        "import sys, json, numpy as np\n"
        "from shipway.adapters.python.model import PythonFormat\n"
        "model = PythonFormat(unpickle=True).load(open('model', 'rb').read())\n"
        f"x = np.asarray(json.loads({json.dumps(json.dumps(np.nan_to_num(x).tolist()))}))\n"
        "assert 'team_rules' not in sys.modules\n"
        "print(json.dumps(model.predict(x).tolist()))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == model.predict_proba(np.nan_to_num(x))[:, 1].tolist()


def test_a_function_is_a_model(rules, allowed):
    data = allowed.dump(rules.first_is_high, "condition")
    assert allowed.load(data).predict(np.asarray([[1.0, 0.0], [-1.0, 0.0]])).tolist() == [0.9, 0.1]


def test_what_is_no_probability_is_refused_when_it_is_said(rules, allowed):
    loaded = allowed.load(allowed.dump(rules.says_too_much, "condition"))
    assert "no probability" in refuse("SW-207", loaded.predict, np.zeros((2, 3)))


def test_what_has_no_name_in_a_module_is_refused(rules, allowed):
    assert "cannot be pickled" in refuse("SW-501", allowed.dump, rules.closes_over(0.5), "condition")


class Trap:
    """Asks for a function of the standard library when it is unpickled."""

    def __init__(self, function, *arguments):
        self.asked = function, arguments

    def __reduce__(self):
        return self.asked


def attack(state, modules=None):
    return json.dumps(
        {"form": 1, "columns": 3, "modules": modules or {}, "state": base64.b64encode(state).decode()}
    ).encode()


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (os.system, ("touch trap",)),
        (subprocess.check_output, (["touch", "trap"],)),
        (eval, ("open('trap', 'w')",)),
        (exec, ("open('trap', 'w')",)),
        (__import__, ("this",)),
        (open, ("trap", "w")),
        (importlib.import_module, ("this",)),
    ],
    ids=lambda given: getattr(given, "__name__", ""),
)
def test_a_malicious_pickle_is_refused_before_any_of_it_runs(
    allowed, tmp_path, monkeypatch, function, arguments, protocol
):
    monkeypatch.chdir(tmp_path)
    state = pickle.dumps(["harmless", Trap(function, *arguments)], protocol)
    assert "asks for" in refuse("SW-503", allowed.load, attack(state))
    assert list(tmp_path.iterdir()) == []
    pickle.loads(pickle.dumps(Trap(Path("ran").touch)))
    assert Path("ran").exists(), "the attack is one: unpickled as it is, it runs"


@pytest.mark.parametrize(
    "state",
    [
        b"cos\nsystem\n(S'touch trap'\ntR.",
        b"(S'touch trap'\nios\nsystem\n.",
        b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94\x93\x8c\x0atouch trap\x85R.",
        b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94h\x00h\x01\x93\x8c\x0atouch trap\x85R.",
        b"\x80\x04\x8c\x0anumpy.f2py\x8c\x03run\x93.",
        b"\x80\x04\x8c\x05numpy\x8c\x0atesting.os\x93.",
        b"\x80\x02\x82\x01.",
        b"Pthing\n.",
        b"\x80\x04\x93.",
        b"\x80\x04N.cos\nsystem\n.",
    ],
    ids=[
        "global",
        "inst",
        "stack global",
        "memo",
        "a door of numpy",
        "dots",
        "extension",
        "persistent",
        "none",
        "after",
    ],
)
def test_a_pickle_written_by_hand_is_refused(allowed, tmp_path, monkeypatch, state):
    monkeypatch.chdir(tmp_path)
    refuse("SW-503", allowed.load, attack(state))
    assert list(tmp_path.iterdir()) == []


def test_packaged_source_does_not_lend_its_imports(allowed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    state = b"\x80\x04\x8c\x01m\x8c\x0fos.__dict__.get\x93."
    assert "asks for" in refuse("SW-503", allowed.load, attack(state, {"m": "import os\n"}))


def test_source_that_fails_is_damage(allowed):
    state = b"\x80\x04\x8c\x01m\x8c\x01f\x93."
    assert "the source of m" in refuse("SW-502", allowed.load, attack(state, {"m": "1 / 0\n"}))
    refuse("SW-502", allowed.load, attack(b"\x80\x04\x8c\x01m\x8c\x04gone\x93.", {"m": "f = 1\n"}))
