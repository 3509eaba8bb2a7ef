"""MLflow model folders: which flavors a model has, and its bytes in a form that runs no code.

A folder comes from anywhere. What its `MLmodel` names is read only where it lies inside the folder, and nothing is
unpickled: a pickle is a program.
"""

from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from shipway.core.error import ShipwayError
from shipway.kit.archive import check_archive

DESCRIPTION: Final = "MLmodel"
_MOST_BYTES: Final = 1 << 20
_PICKLES: Final = ("pickle", "cloudpickle", "joblib")
_TYPES: Final = frozenset(
    {
        "collections.OrderedDict",
        "lightgbm.basic.Booster",
        "lightgbm.sklearn.LGBMClassifier",
        "lightgbm.sklearn.LGBMRegressor",
    }
)
"""What a skops file may hold beyond what skops itself trusts, which is scikit-learn's and NumPy's."""


class MlflowModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model folder of MLflow.

    Attributes:
        folder: where it is.
        flavors: flavor to what is said of it.
        columns: names of its inputs, where its signature names columns.
    """

    folder: Path
    flavors: dict[str, dict[str, Any]]
    columns: tuple[str, ...] = ()

    def file(self, flavor: str, field: str) -> Path:
        """Return the file that a flavor names.

        Raises:
            ShipwayError: SW-502 if it names none, or one that is not there or not inside the folder.
        """
        named = self.flavors[flavor].get(field)
        path = self.folder / str(named)
        if not isinstance(named, str) or not path.resolve().is_relative_to(self.folder.resolve()) or not path.is_file():
            fact = f"{self.folder}: {DESCRIPTION} says that {flavor} is in {named!r}, which is no file of this folder"
            raise ShipwayError("SW-502", fact, "fetch the whole folder again, with every file MLflow wrote")
        return path

    def load(self, flavor: str) -> tuple[Path, Any]:
        """Return a flavor's file, and what is in it: bytes of an ONNX graph, or an estimator.

        Raises:
            ShipwayError: SW-502 if the file is not there or cannot be read, SW-515 if loading it would run a program.
        """
        path = self.file(flavor, "pickled_model" if flavor == "sklearn" else "data")
        self.refuse_pickle(flavor, path)
        if flavor == "onnx":
            return path, read_graph(path)
        if path.suffix == ".skops":
            return path, load_skops(path)
        return path, load_booster(flavor, path)

    def refuse_pickle(self, flavor: str, path: Path) -> None:
        """Refuse a file that would have to be unpickled, with SW-515."""
        written = self.flavors[flavor].get("serialization_format")
        if written in _PICKLES or path.suffix in (".pkl", ".pickle", ".joblib"):
            raise ShipwayError(
                "SW-515",
                f"{path} is a pickle, and whoever loads a pickle runs the program in it",
                f'save the model with mlflow.{flavor}.save_model(..., serialization_format="skops"), or as ONNX',
            )


def read_mlflow(folder: Path) -> MlflowModel:
    """Read what a folder says of the model in it.

    Raises:
        ShipwayError: SW-502 if there is no `MLmodel` or it cannot be read.
    """
    path = folder / DESCRIPTION
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ValueError("it is larger than a description is")
        document = msgspec.convert(yaml.safe_load(path.read_bytes()), _Document)
        inputs = None if document.signature is None else document.signature.get("inputs")
        columns = () if inputs is None else tuple(each.name for each in msgspec.json.decode(inputs, type=list[_Column]))
    except (OSError, ValueError, TypeError, yaml.YAMLError, msgspec.MsgspecError, RecursionError) as error:
        said = str(error).splitlines()[0]
        raise ShipwayError("SW-502", f"{path} cannot be read ({said})", "name the folder that MLflow wrote") from error
    return MlflowModel(folder=folder, flavors=document.flavors, columns=columns if all(columns) else ())


def load_skops(path: Path) -> object:
    """Return the estimator in a skops file, which holds no code.

    Raises:
        ShipwayError: SW-515 if it holds a type that is not known to run no code when it is built; SW-502 if it cannot
            be read; SW-701 if skops is not installed.
    """
    try:
        import skops.io as skops  # pyright: ignore[reportMissingImports]
    except ModuleNotFoundError as error:
        hint = "pip install 'shipway[mlflow]', or save the model as ONNX"
        raise ShipwayError("SW-701", f"{path} is read by skops, which is not installed", hint) from error
    library: Any = skops
    try:
        check_archive(path)
        unknown: list[str] = library.get_untrusted_types(file=path)
        odd = sorted(set(unknown) - _TYPES)
        if odd:
            fact = f"{path} holds {odd[0]}, which is not among the types that are built without running a program"
            raise ShipwayError("SW-515", fact, "save the model as ONNX: mlflow.onnx.save_model")
        return library.load(path, trusted=unknown)
    except ShipwayError:
        raise
    except Exception as error:
        # The library raises whatever it comes upon in a file that somebody made.
        fact = f"{path} cannot be read ({type(error).__name__}: {error})"
        raise ShipwayError("SW-502", fact, "fetch the whole folder again, with every file MLflow wrote") from error


def read_graph(path: Path) -> bytes:
    """Return an ONNX graph with the tensors that lie in files beside it; SW-502 if it cannot be read."""
    import onnx

    library: Any = onnx
    try:
        return library.load(path, load_external_data=True).SerializeToString(deterministic=True)
    except Exception as error:
        # The library raises whatever its parser comes upon in a file that somebody made.
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        hint = "fetch the whole folder again, with every file MLflow wrote"
        raise ShipwayError("SW-502", f"{path} is not an ONNX graph ({said})", hint) from error


def load_booster(flavor: str, path: Path) -> object:
    """Return the booster in a library's own file.

    Raises:
        ShipwayError: SW-502 if it cannot be read, SW-701 if its library is not installed.
    """
    if flavor == "lightgbm":
        import lightgbm
        from lightgbm.basic import LightGBMError

        try:
            return lightgbm.Booster(model_str=path.read_text(encoding="utf-8"))
        except (LightGBMError, UnicodeDecodeError) as error:
            hint = "fetch the whole folder again, with every file MLflow wrote"
            raise ShipwayError("SW-502", f"{path} is not a LightGBM model ({error})", hint) from error
    from shipway.adapters.xgboost.foreign import load_file

    return load_file(path)


class _Document(msgspec.Struct):
    flavors: dict[str, dict[str, Any]]
    signature: dict[str, Any] | None = None


class _Column(msgspec.Struct):
    name: str = ""
