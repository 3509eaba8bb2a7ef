"""A parcel: the small model's bundle, made in an environment that has what a server needs."""

import msgspec
import pytest

from shipway.delivery.bundle import build_bundle
from shipway.delivery.export.parcel import Parcel

LOCK = "# Python 3.11.7\nhttptools==0.9.0\nnumpy==2.4.6\nonnx==1.23.2\nonnxruntime==1.32.0\nshipway==0.1.0\n"


@pytest.fixture(scope="session")
def parcel(bundle_arguments):
    manifest, files = build_bundle(**bundle_arguments | {"lock": LOCK})
    return Parcel(manifest.digest, manifest, files)


@pytest.fixture(scope="session")
def number_parcel(number_arguments):
    """The parcel of a model of a number."""
    manifest, files = build_bundle(**number_arguments | {"lock": LOCK})
    return Parcel(manifest.digest, manifest, files)


@pytest.fixture(scope="session")
def class_parcel(class_arguments):
    """The parcel of a model of classes."""
    manifest, files = build_bundle(**class_arguments | {"lock": LOCK})
    return Parcel(manifest.digest, manifest, files)


@pytest.fixture(scope="session")
def native_only(parcel):
    """The parcel of a model that did not convert."""
    manifest = msgspec.structs.replace(
        parcel.manifest, served="native.txt", runtime="lightgbm", parity=None, because="it does not convert"
    )
    return Parcel(parcel.digest, manifest, parcel.contents)


@pytest.fixture(scope="session")
def write():
    """What writes files into a folder."""

    def write(files, folder):
        for path, content in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        return folder

    return write
