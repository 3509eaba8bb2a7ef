"""Lanes: what the head of a request says of the way it takes, worked out once for all requests with that head."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from shipway.serving.call import Call
from shipway.serving.inference import HEADER
from shipway.serving.response import is_json

PREDICT: Final = "/v1/predict/"
MODELS: Final = "/v2/models/"
_INFER: Final = "/infer"
_PLAIN: Final = "identity"


@dataclass(frozen=True, slots=True)
class Lane:
    """The way of a request.

    Attributes:
        service: the name that is asked to predict; empty where nothing is.
        keyed: whether its row comes by key; vectors come with it otherwise.
        usual: whether it is a POST of JSON, of the JSON alone and as it is: one that has nothing else to be looked at.
    """

    service: str
    keyed: bool
    usual: bool


NO_LANE: Final = Lane("", keyed=False, usual=False)


def find_lane(call: Call) -> Lane:
    """Return the way of a request by its path, its method and its headers."""
    path = call.path
    if path.startswith(PREDICT):
        service, keyed = path[len(PREDICT) :], True
    elif path.startswith(MODELS) and path.endswith(_INFER) and path.count("/") == MODELS.count("/") + 1:
        service, keyed = path[len(MODELS) : -len(_INFER)], False
    else:
        return NO_LANE
    headers = call.headers
    plain = headers.get("content-encoding", _PLAIN).lower() == _PLAIN and HEADER not in headers
    usual = call.method == "POST" and plain and is_json(headers.get("content-type", ""))
    return Lane(unquote(service), keyed, usual)
