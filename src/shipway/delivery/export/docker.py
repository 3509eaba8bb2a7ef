"""A bundle as a folder that `docker build` makes a server of."""

import json
from collections.abc import Sequence
from typing import Final

from shipway.core.error import ShipwayError
from shipway.delivery.export.parcel import Parcel
from shipway.delivery.lock import read_lock

BASE: Final = "python:3.11-slim"
"""The image that the server's is built from, unless the build names another one, such as one pinned by digest."""
PORT: Final = 8080
_LOCK: Final = "lock.txt"
_DOCKERFILE: Final = """\
# {name}, bundle {digest}
# docker build --tag {model}:{version} .
# Pin the base by its digest where builds must repeat: --build-arg BASE={base}@sha256:...
ARG BASE={base}
FROM ${{BASE}}
WORKDIR /app
# Wheels that no package index has go into the folder wheels, such as that of a shipway of your own.
COPY wheels /app/wheels
COPY requirements.txt /app/
RUN pip install --no-cache-dir --find-links /app/wheels --requirement requirements.txt
COPY bundles /app/bundles
USER 10001
EXPOSE {port}
HEALTHCHECK --start-period=10s CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:{port}/v2/health/ready')"]
ENTRYPOINT {entry}
"""


def write_docker(parcel: Parcel, needed: Sequence[str], shipway: str) -> dict[str, bytes]:
    """Return the files of a folder to build the image of a server from.

    Args:
        parcel: the bundle.
        needed: the distributions a server needs beside shipway itself.
        shipway: shipway's version.

    Raises:
        ShipwayError: SW-501 if the bundle's lock pins no version of one that is needed.
    """
    manifest = parcel.manifest
    words = ["python", "-m", "shipway.serving", "--bundles", "/app/bundles"]
    words += ["--host", "0.0.0.0", "--port", str(PORT)]
    entry = json.dumps(words)
    text = _DOCKERFILE.format(
        name=parcel.name,
        digest=parcel.digest,
        model=manifest.model,
        version=manifest.version,
        base=BASE,
        port=PORT,
        entry=entry,
    )
    folder = f"bundles/{manifest.model}-{manifest.version}"
    return {
        "Dockerfile": text.encode(),
        "requirements.txt": pin_requirements(parcel, needed, shipway).encode(),
        "wheels/.keep": b"",
        **{f"{folder}/{path}": content for path, content in parcel.files.items()},
    }


def pin_requirements(parcel: Parcel, needed: Sequence[str], shipway: str) -> str:
    """Return the requirements of a server as the bundle's environment had them, one pinned version a line.

    Args:
        parcel: the bundle.
        needed: names of distributions, shipway's own left out.
        shipway: shipway's version.

    Raises:
        ShipwayError: SW-501 if the bundle's lock has no version of one that is needed.
    """
    pinned = read_lock(parcel.contents[_LOCK].decode())
    missing = [name for name in needed if name not in pinned]
    if missing:
        fact = f"the environment {parcel.name} was made in lacked {missing[0]}, which a server needs"
        raise ShipwayError("SW-501", fact, "install shipway[serve] where bundles are made, and run again with --force")
    served = [f"shipway=={shipway}", *(f"{name}=={pinned[name]}" for name in sorted(needed))]
    return "".join(f"{line}\n" for line in served)
