"""XGBoost's own model files, checked before the library reads them."""

from pathlib import Path
from typing import Any, Final

import xgboost
from xgboost.core import XGBoostError

from shipway.adapters.xgboost.binary import read_binary
from shipway.adapters.xgboost.document import read_document
from shipway.core.error import ShipwayError
from shipway.kit.canonical import canonical_json

# The library has no types for what it hands out.
_xgboost: Final[Any] = xgboost


def load_file(path: Path) -> Any:
    """Return the booster in a file that XGBoost wrote, `model.json` or `model.ubj`.

    Raises:
        ShipwayError: SW-502 if the file is not a whole model.
    """
    data = path.read_bytes()
    text = data if data.lstrip()[:2] in (b'{"', b"{ ") else canonical_json(read_binary(data))
    read_document(text)
    booster = _xgboost.Booster()
    try:
        booster.load_model(bytearray(text))
    except XGBoostError as error:
        said = str(error).splitlines()[0]
        hint = "save it again, as model.ubj or model.json"
        raise ShipwayError("SW-502", f"{path} is not an XGBoost model ({said})", hint) from error
    return booster
