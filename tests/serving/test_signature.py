"""A server that trusts keys loads nothing else."""

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from shipway.adapters.file.blob import FileBlobs
from shipway.adapters.signing.signer import KeySigner
from shipway.adapters.signing.verifier import KeyVerifier
from shipway.core.bundle import CHECKSUMS, MANIFEST, Manifest
from shipway.core.checksum import digest_files, write_checksums
from shipway.core.signature import ATTESTATIONS, SIGNATURE
from shipway.serving.signature import check_signature
from shipway.testing.refusal import expect_refusal


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    for name in ("ours", "theirs"):
        key = ec.generate_private_key(ec.SECP256R1())
        pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        (folder / f"{name}.pem").write_bytes(key.private_bytes(pem, form, serialization.NoEncryption()))
        public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
        (folder / f"{name}.pub").write_bytes(public)
    return folder


def sign(shop, number, key, tmp_path):
    """Sign a version of the shop and return the signature's digest."""
    blobs, bundle = FileBlobs(shop.state / "blobs"), shop.bundles[number]
    manifest = msgspec.json.decode(blobs.get(bundle), type=Manifest)
    digests = {**manifest.files, MANIFEST: bundle}
    folder = tmp_path / f"signed-{number}-{key.stem}"
    folder.mkdir()
    for path, digest in digests.items():
        (folder / path).write_bytes(blobs.get(digest))
    (folder / CHECKSUMS).write_bytes(write_checksums(digests))
    return blobs.put(KeySigner(key).sign(folder, beside=ATTESTATIONS))


def test_signature_counts_only_for_its_bundle_and_key(stored_shop, keys, tmp_path):
    blobs, (first, second) = FileBlobs(stored_shop.state / "blobs"), (stored_shop.bundles[1], stored_shop.bundles[2])
    signature = sign(stored_shop, 1, keys / "ours.pem", tmp_path)
    ours, theirs = KeyVerifier([keys / "ours.pub"]), KeyVerifier([keys / "theirs.pub"])
    check_signature(first, signature, blobs, ours)
    for bundle, name, verifier, code in (
        (first, "", ours, "SW-511"),
        (second, signature, ours, "SW-512"),
        (first, first, ours, "SW-512"),
        (first, signature, theirs, "SW-513"),
        (first, "0" * 64, ours, "SW-605"),
        (signature, signature, ours, "SW-502"),
    ):
        with expect_refusal(code):
            check_signature(bundle, name, blobs, verifier)


def test_server_serves_what_is_signed_and_refuses_the_rest(shop, serve, keys, tmp_path):
    signature = sign(shop, 1, keys / "ours.pem", tmp_path)
    server = serve(shop.state, "--signer", str(keys / "theirs.pub"), "--signer", str(keys / "ours.pub"), "--replay")
    unsigned = shop.route(1)
    refused = server.apply(unsigned)
    assert (refused.status, refused.document["code"]) == (503, "SW-511")
    stable = msgspec.structs.replace(unsigned.stable, signature=signature)
    assert server.apply(msgspec.structs.replace(unsigned, stable=stable, token=1)).status == 200
    assert server.predict().status == 200
    other = msgspec.structs.replace(shop.route(2).stable, signature=signature)
    refused = server.apply(msgspec.structs.replace(unsigned, stable=other, token=2))
    assert refused.document["code"] == "SW-512"
    assert server.predict().document["version"] == 1


def test_server_of_exported_bundles_loads_those_alone_that_are_signed(start_alone, mirrors, keys, tmp_path):
    first, _ = mirrors(tmp_path / "out", 1, 2)
    (first / SIGNATURE).write_bytes(KeySigner(keys / "ours.pem").sign(first, beside=ATTESTATIONS))
    server = start_alone("--bundles", str(tmp_path / "out"), "--signer", str(keys / "ours.pub"))
    index = server.ask("POST", "/v2/repository/index").document
    assert [(line["version"], line["state"]) for line in index] == [("1", "READY"), ("2", "UNAVAILABLE")]
    assert index[1]["reason"].startswith("SW-511")


def test_server_with_a_key_that_is_none_does_not_start(shop, keys, tmp_path):
    from shipway.serving.__main__ import main

    (tmp_path / "none.pub").write_text("no key")
    assert main(["--state", str(shop.state), "--signer", str(tmp_path / "none.pub")]) == 1


def test_digests_are_of_every_file(stored_shop):
    blobs = FileBlobs(stored_shop.state / "blobs")
    manifest = msgspec.json.decode(blobs.get(stored_shop.bundles[1]), type=Manifest)
    assert set(digest_files(manifest, manifest.digest)) == {*manifest.files, MANIFEST, CHECKSUMS}
