"""The Python client of shipway's server, and of any other that speaks the Open Inference Protocol.

It needs neither a project nor a library beyond msgspec. What it is made of is loaded on first use: asyncio by the one
that awaits, NumPy by the first tensor.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shipway.client.answer import Features, IndexEntry, Inference, ModelInfo, Prediction, ServerInfo, TensorInfo
    from shipway.client.awaiting import AsyncClient
    from shipway.client.blocking import Client
    from shipway.client.policy import Policy

_PLACES = {
    "AsyncClient": "awaiting",
    "Client": "blocking",
    "Policy": "policy",
    **dict.fromkeys(
        ("Features", "IndexEntry", "Inference", "ModelInfo", "Prediction", "ServerInfo", "TensorInfo"), "answer"
    ),
}

__all__ = [
    "AsyncClient",
    "Client",
    "Features",
    "IndexEntry",
    "Inference",
    "ModelInfo",
    "Policy",
    "Prediction",
    "ServerInfo",
    "TensorInfo",
]


def __getattr__(name: str) -> object:
    """Return one of the names above; AttributeError for any other."""
    if name not in _PLACES:
        raise AttributeError(f"module 'shipway.client' has no attribute {name!r}")
    return getattr(import_module(f"shipway.client.{_PLACES[name]}"), name)
