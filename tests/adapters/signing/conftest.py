"""Keys of elliptic curves in PEM files, made once."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

CURVES = {"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1(), "other": ec.SECP256R1()}


def write_pair(folder, name, key, password=None):
    lock = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (folder / f"{name}.pem").write_bytes(private)
    (folder / f"{name}.pub").write_bytes(public)


@pytest.fixture(scope="session")
def keys(tmp_path_factory):
    """A folder with NAME.pem and NAME.pub: p256, p384, p521, other, locked (by "sesame"), and two that cannot sign."""
    folder = tmp_path_factory.mktemp("keys")
    for name, curve in CURVES.items():
        write_pair(folder, name, ec.generate_private_key(curve))
    write_pair(folder, "locked", ec.generate_private_key(ec.SECP256R1()), b"sesame")
    write_pair(folder, "odd", ec.generate_private_key(ec.SECP256K1()))
    write_pair(folder, "edwards", ed25519.Ed25519PrivateKey.generate())
    return folder
