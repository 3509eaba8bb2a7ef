"""Folders for `docker build`."""

import json
import re

from shipway.delivery.export.docker import pin_requirements, write_docker
from shipway.delivery.verification import verify_bundle
from shipway.ports.model import open_runtime
from shipway.testing.refusal import expect_refusal


def test_folder_has_all_that_the_dockerfile_copies(parcel, write, tmp_path):
    folder = write(write_docker(parcel, ["onnxruntime", "numpy"], "0.1.0"), tmp_path)
    text = (folder / "Dockerfile").read_text()
    for source in re.findall(r"^COPY (\S+) ", text, re.MULTILINE):
        assert (folder / source).exists()
    assert verify_bundle(folder / "bundles" / "delay-3", open_runtime, digest=parcel.digest) == []
    assert (folder / "requirements.txt").read_text().splitlines() == [
        "shipway==0.1.0",
        "numpy==2.4.6",
        "onnxruntime==1.32.0",
    ]


def test_image_starts_the_server_on_its_bundles(parcel):
    text = write_docker(parcel, [], "0.1.0")["Dockerfile"].decode()
    (entry,) = re.findall(r"^ENTRYPOINT (.*)$", text, re.MULTILINE)
    assert json.loads(entry)[:5] == ["python", "-m", "shipway.serving", "--bundles", "/app/bundles"]
    assert [line.split()[0] for line in text.splitlines() if line.startswith("FROM")] == ["FROM"]
    assert text.index("USER 10001") < text.index("ENTRYPOINT")


def test_what_the_environment_lacked_is_not_made_up(parcel):
    with expect_refusal("SW-501") as refusals:
        pin_requirements(parcel, ["numpy", "uvloop"], "0.1.0")
    assert "uvloop" in refusals[0].fact
