"""Keys in PEM files."""

import subprocess
import sys

import pytest

from shipway.adapters.signing.key import check_private_key, name_key, read_public_key
from shipway.testing.refusal import expect_refusal


@pytest.mark.parametrize("name", ["p256", "p384", "p521"])
def test_pairs_are_read(keys, name):
    assert len(name_key(read_public_key(keys / f"{name}.pub"))) == 64
    check_private_key(keys / f"{name}.pem", None)


@pytest.mark.parametrize("name", ["odd.pub", "edwards.pub", "p256.pem", "none.pub"])
def test_what_is_no_public_key_of_ours_is_refused(keys, name):
    with expect_refusal("SW-514") as refusals:
        read_public_key(keys / name)
    assert name in refusals[0].fact


@pytest.mark.parametrize(
    ("name", "password"),
    [("odd.pem", None), ("edwards.pem", None), ("p256.pub", None), ("none.pem", None), ("locked.pem", None),
     ("locked.pem", b"wrong"), ("p256.pem", b"sesame")],
)  # fmt: skip
def test_what_cannot_sign_is_refused(keys, name, password):
    with expect_refusal("SW-514") as refusals:
        check_private_key(keys / name, password)
    assert name in refusals[0].fact
    assert "sesame" not in refusals[0].fact


def test_locked_key_is_unlocked(keys):
    check_private_key(keys / "locked.pem", b"sesame")


def test_verifying_wakes_no_library_but_cryptography():
    code = "import sys, shipway.adapters.signing.verifier; print(*sorted({m.partition('.')[0] for m in sys.modules}))"
    woken = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "cryptography" in woken
    heavy = {"model_signing", "sigstore", "sigstore_models", "OpenSSL", "pydantic", "google", "polars", "requests"}
    assert not heavy & set(woken)
