"""Python objects and functions that predict, as the source of their module and a pickle of their state.

A pickle runs what it asks for and source is code, so neither is touched unless the project says `unpickle = true` under
`[security]`. Also then a pickle may ask only for the modules that are packaged with it, for installed ones outside of
the standard library, and for the few names there that make values; one that asks for `os.system` is refused before any
of it runs.
"""

import ast
import importlib
import inspect
import pickle
import pickletools
import sys
from collections.abc import Callable
from functools import cache
from importlib.metadata import packages_distributions
from types import FunctionType, ModuleType
from typing import Any, Final, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipway.core.error import ShipwayError
from shipway.core.label import NONE_SAID, LabelKind, find_no_predictions
from shipway.core.tensor import PREDICTED, Tensors, read_matrix
from shipway.kit.canonical import canonical_json, digest_bytes
from shipway.kit.pickled import HARMLESS, list_names, load_pickle

_ALLOW: Final = "allow it in shipway.toml, if you trust who made it: [security] unpickle = true"
_AGAIN: Final = "fetch the bundle again, or make it again with --force"
_SAY: Final[dict[LabelKind, str]] = {
    "condition": "return a number from 0 to 1 for each row",
    "number": "say a number also where one is missing",
    "class": "return numbers from 0 to 1 that sum to one in each row",
}
_PROTOCOL: Final = 5
_CLOSED: Final = frozenset({"shipway", "pip", "setuptools", "pkg_resources", "_pytest", "pytest"})
"""Distributions that run commands for a living, and are part of no model."""
_MOST_BYTES: Final = 1 << 30


class Packed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The native form.

    Attributes:
        form: its version.
        columns: how many columns it reads; 0 where it does not say.
        modules: name to source of the modules that are packaged.
        state: the pickle.
        predicts: which kind of label.
        classes: how many it tells apart; 0 where its label is none, or it does not say.
    """

    form: Literal[1]
    columns: int
    modules: dict[str, str]
    state: bytes
    predicts: LabelKind = "condition"
    classes: int = 0


class PythonPredictor:
    """A loaded object or function; any number of threads may call it at once, if it allows that itself."""

    def __init__(self, estimator: Any, columns: int, kind: LabelKind, classes: int = 0) -> None:
        """Wrap what predicts.

        Args:
            estimator: the object or function.
            columns: how many it reads; 0 where it does not say.
            kind: of the label that it predicts.
            classes: how many it tells apart; 0 where its label is none, or it does not say.
        """
        self._predict = _method_of(estimator, kind)
        self._columns = columns
        self._classes = classes
        self.predicts: Final[LabelKind | None] = kind
        self._name: Final = PREDICTED[kind]
        self.single: Final = False

    def predict(self, x: NDArray[np.float64] | NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the probability that the label is true, the number, or the probability of each class.

        Raises:
            ShipwayError: SW-202 if the rows do not have the model's columns, SW-207 if what it returns is not one
                probability, one finite number or the probabilities of all classes for each row.
        """
        if x.ndim != 2 or (self._columns and x.shape[1] != self._columns):
            hint = "give one row for each prediction, with the columns the model was trained on in their order"
            raise ShipwayError("SW-202", f"the model reads {self._columns} columns and was given shape {x.shape}", hint)
        if not len(x):
            return np.empty((0, self._classes) if self.predicts == "class" else 0)
        found = np.asarray(self._predict(np.asarray(x, dtype=np.float64)), dtype=np.float64)
        self._check_said(found, len(x))
        return found

    def _check_said(self, found: NDArray[np.float64], rows: int) -> None:
        kind = self.predicts or "number"
        width = found.shape[1] if found.ndim == 2 else 0
        due = width > 1 and self._classes in (0, width) if kind == "class" else found.ndim == 1
        if not due or len(found) != rows:
            each = f"{self._classes or 'as many'} probabilities" if kind == "class" else "one number"
            hint = f"return an array of {each} for each row"
            raise ShipwayError("SW-207", f"the model returned shape {found.shape} for {rows} rows", hint)
        if find_no_predictions(kind, found).any():
            fact = f"the model returned what is {NONE_SAID[kind]} for {rows} rows"
            raise ShipwayError("SW-207", fact, _SAY[kind])

    def infer(self, inputs: Tensors) -> dict[str, NDArray[np.float64]]:
        """Return what is predicted, by its name; SW-202 for anything but rows of the model's columns."""
        return {self._name: self.predict(read_matrix(inputs))}


class PythonFormat:
    """Objects with `predict_proba` or `predict`, and functions of a matrix; it answers the port `ModelFormat`.

    An object that has `predict_proba` predicts a condition or, as its `classes_` say, a class; any other a number. A
    function may do any of these: the label says which.

    Attributes:
        runs_code: loading runs code from the bytes, which every other format never does.
    """

    name = "python"
    ending = "python.json"
    runs_code = True

    def __init__(self, *, threads: int = 1, unpickle: bool = False) -> None:
        """Keep whether the project allows to run what is loaded; threads are the object's own affair."""
        del threads
        self._unpickle = unpickle

    def accepts(self, estimator: object) -> bool:
        """Tell whether an object predicts: by `predict_proba`, by `predict`, or as a function."""
        if isinstance(estimator, FunctionType):
            return True
        return any(callable(getattr(estimator, name, None)) for name in ("predict_proba", "predict"))

    def dump(self, estimator: object, kind: LabelKind | None = None) -> bytes:
        """Return the source of the module that it is written in, and its state.

        Raises:
            ShipwayError: SW-501 if it is not fitted, predicts no label of that kind or does not say of which, has no
                name in a module of its own, or holds what cannot be pickled; SW-503 if the project does not allow it.
        """
        self._refuse_unallowed("a Python object")
        found = _check_kind(estimator, kind)
        try:
            # Once there and back, so that what is shared by chance is not in the bytes.
            state = pickle.dumps(pickle.loads(pickle.dumps(estimator, _PROTOCOL)), _PROTOCOL)
            state = pickletools.optimize(state)
        except Exception as error:
            hint = "return an object or a function that is defined at the top of a module beside the project's file"
            raise _refused(f"cannot be pickled ({type(error).__name__}: {error})", hint) from error
        modules = {name: _read_source(name) for name in sorted({module for module, _ in list_names(state)})}
        packed = {name: source for name, source in modules.items() if source is not None}
        columns = int(getattr(estimator, "n_features_in_", 0))
        classes = len(getattr(estimator, "classes_", ())) if found == "class" else 0
        return canonical_json(
            Packed(form=1, columns=columns, modules=packed, state=state, predicts=found, classes=classes)
        )

    def load(self, data: bytes) -> PythonPredictor:
        """Return what predicts, after its source was run.

        Raises:
            ShipwayError: SW-502 if the bytes are not one, SW-503 if the project does not allow to run them, or they ask
                for what no model needs.
        """
        packed = _read(data)
        self._refuse_unallowed("this model")
        _check_names(packed)
        sources = {name: _run(name, source) for name, source in packed.modules.items()}

        def find(module: str, name: str) -> Any:
            _check_name(module, name, packed)
            found: Any = sources[module] if module in sources else importlib.import_module(module)
            for part in name.split("."):
                found = getattr(found, part)
            return found

        try:
            return PythonPredictor(load_pickle(packed.state, find), packed.columns, packed.predicts, packed.classes)
        except ShipwayError:
            raise
        # A pickle fails in every way there is.
        except Exception as error:
            raise ShipwayError("SW-502", f"these bytes are not a Python model ({error})", _AGAIN) from error

    def to_onnx(self, data: bytes, columns: int) -> bytes:
        """Refuse: SW-501, since there is no graph in Python source; SW-502 if the bytes are not a model."""
        packed = _read(data)
        if packed.columns not in (0, columns):
            raise _refused(f"reads {packed.columns} columns, not {columns}", "train it on every column of frame.x")
        raise _refused("is code, which has no portable form", "use estimators of a library that converts")

    def _refuse_unallowed(self, what: str) -> None:
        if not self._unpickle:
            raise ShipwayError(
                "SW-503", f"loading {what} runs code of its own, which this project does not allow", _ALLOW
            )


def _method_of(estimator: Any, kind: LabelKind) -> Callable[[NDArray[np.float64]], Any]:
    if isinstance(estimator, FunctionType):
        return estimator
    if kind == "number":
        return estimator.predict

    if kind == "class":
        return estimator.predict_proba

    def predict(x: NDArray[np.float64]) -> Any:
        return np.asarray(estimator.predict_proba(x))[:, 1]

    return predict


def _check_kind(estimator: object, kind: LabelKind | None) -> LabelKind:
    """Return which kind of label it predicts; SW-501 where that is not the one asked for, or it is not fitted."""
    name = type(estimator).__name__
    if isinstance(estimator, FunctionType):
        if kind is None:
            hint = "say which: dump(function, kind)"
            raise _refused("is a function, which does not say what it predicts", hint)
        return kind
    if not callable(getattr(estimator, "predict_proba", None)):
        if kind in ("condition", "class"):
            raise _refused(
                f"is a {name}, which gives no probabilities", f"the label is a {kind}: give it a predict_proba"
            )
        if not getattr(estimator, "n_features_in_", 0):
            hint = "return it after fit(), which leaves the number of columns in n_features_in_; or return a function"
            raise _refused(f"is a {name} that is not fitted", hint)
        return "number"
    if kind == "number":
        hint = "the label is a number: return an object that has predict and no predict_proba"
        raise _refused(f"is a {name}, which gives probabilities", hint)
    classes: Any = getattr(estimator, "classes_", None)
    if classes is None:
        hint = "return it after fit(), which leaves the labels that it tells apart in classes_"
        raise _refused(f"is a {name} that is not fitted", hint)
    if kind == "condition" and len(classes) != 2:
        raise _refused(f"tells {len(classes)} classes apart", "fit it on frame.y, which is true or false")
    if kind == "class" and list(classes) != list(range(len(classes))):
        hint = "fit it on all of frame.y, whose whole numbers are the places of frame.classes"
        raise _refused(f"tells classes apart that are not the whole numbers from 0 to {len(classes) - 1}", hint)
    return kind or ("condition" if len(classes) == 2 else "class")


def _read_source(name: str) -> str | None:
    """Return the source of a module of the user's own; None for one that is installed, and so only named."""
    if _is_installed(name):
        return None
    module = sys.modules.get(name)
    if name == "__main__" or name.startswith("shipway_project_") or module is None:
        hint = "define it in a module of its own beside the project's file, and import it from there"
        raise _refused(f"is defined in {name}, which is not packaged", hint)
    try:
        source = inspect.getsource(module)
    except (OSError, TypeError) as error:
        raise _refused(f"is defined in {name}, whose source is not there", "keep it in a .py file") from error
    for node in ast.walk(ast.parse(source)):
        for imported in _imports(node):
            if not _is_installed(imported):
                raise _refused(f"is defined in {name}, which imports {imported}", "keep all of its code in one module")
    return source


def _is_installed(module: str) -> bool:
    root = module.partition(".")[0]
    return root in sys.stdlib_module_names or root in _distributions()


@cache
def _distributions() -> frozenset[str]:
    return frozenset(packages_distributions())


def _imports(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [each.name for each in node.names]
    if isinstance(node, ast.ImportFrom):
        return ["." * node.level + (node.module or "")]
    return []


def _run(name: str, source: str) -> ModuleType:
    """Return a module made of packaged source, under a name that only the same source has."""
    alias = f"shipway_bundle_{digest_bytes(source.encode())[:16]}"
    if alias in sys.modules:
        return sys.modules[alias]
    module = ModuleType(alias)
    # Found under its name while it runs: dataclasses and the like look there.
    sys.modules[alias] = module
    try:
        exec(compile(source, f"<{name} of a bundle>", "exec"), module.__dict__)
    except Exception as error:
        del sys.modules[alias]
        fact = f"the source of {name} in the bundle failed: {type(error).__name__}: {error}"
        raise ShipwayError("SW-502", fact, _AGAIN) from error
    return module


def _read(data: bytes) -> Packed:
    try:
        if len(data) > _MOST_BYTES:
            raise ValueError(f"they are {len(data):,}")
        return msgspec.json.decode(data, type=Packed)
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
        raise ShipwayError("SW-502", f"these bytes are not a Python model ({error})", _AGAIN) from error


def _check_names(packed: Packed) -> None:
    try:
        names = list_names(packed.state)
    except ValueError as error:
        raise ShipwayError("SW-503", f"the pickle of this model cannot be followed: {error}", _AGAIN) from error
    for module, name in names:
        _check_name(module, name, packed)


def _check_name(module: str, name: str, packed: Packed) -> None:
    """Refuse a name that no model needs: of the standard library, of shipway, and whatever is hidden by underscores."""
    if module in packed.modules:
        if "." in name and any(part.startswith("__") for part in name.split(".")):
            raise _unsafe(module, name)
        return
    root = module.partition(".")[0]
    if (module, name) in HARMLESS:
        return
    if root in sys.stdlib_module_names or root not in _distributions() or root in _CLOSED:
        raise _unsafe(module, name)
    if module.startswith(("numpy.testing", "numpy.f2py", "numpy.distutils")) or "." in name:
        raise _unsafe(module, name)


def _unsafe(module: str, name: str) -> ShipwayError:
    hint = "do not use it: whoever made this bundle meant it to run something else than a model"
    return ShipwayError("SW-503", f"the pickle of this model asks for {module}.{name}, which no model needs", hint)


def _refused(fact: str, hint: str) -> ShipwayError:
    return ShipwayError("SW-501", f"the Python model {fact}", hint)
