"""What is signed here is verified by the library's own command line, and what it refuses is refused here."""

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest
from model_signing import signing, verifying

from shipway.adapters.signing.key import name_key, read_public_key
from shipway.adapters.signing.signer import KeySigner
from shipway.adapters.signing.verifier import KeyVerifier
from shipway.core.error import ShipwayError
from shipway.core.signature import ATTESTATIONS, SIGNATURE
from shipway.kit.canonical import digest_bytes
from shipway.testing.refusal import expect_refusal
from shipway.testing.signature import SIGNATURE_CASES, Seal


def digests_of(folder):
    paths = (path for path in folder.rglob("*") if path.is_file())
    named = ((path.relative_to(folder), path) for path in paths)
    return {
        name.as_posix(): digest_bytes(path.read_bytes()) for name, path in named if name.parts[0] not in ATTESTATIONS
    }


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "bundle"
    (folder / "code").mkdir(parents=True)
    for path in ("manifest.json", "SHA256SUMS", "code/a.py"):
        (folder / path).write_text(path)
    return folder


@pytest.mark.parametrize("curve", ["p256", "p384", "p521"])
@pytest.mark.parametrize("case", SIGNATURE_CASES)
def test_keys_conform(case, curve, keys, tmp_path):
    def make():
        name = name_key(read_public_key(keys / f"{curve}.pub"))
        trusted = [keys / "other.pub", keys / f"{curve}.pub"]
        return Seal(KeySigner(keys / f"{curve}.pem"), KeyVerifier(trusted), KeyVerifier(trusted[:1]), name)

    case(make, tmp_path)


def test_the_librarys_command_line_verifies_it(folder, keys):
    (folder / SIGNATURE).write_bytes(KeySigner(keys / "p256.pem").sign(folder, beside=ATTESTATIONS))
    (folder / "attestations").mkdir()
    (folder / "attestations" / "latency.json").write_text("comes later")
    words = [
        "verify",
        "key",
        str(folder),
        "--signature",
        str(folder / SIGNATURE),
        "--public_key",
        str(keys / "p256.pub"),
    ]
    done = subprocess.run([sys.executable, "-m", "model_signing", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (folder / "code" / "a.py").write_text("other")
    done = subprocess.run([sys.executable, "-m", "model_signing", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "code/a.py" in done.stderr


def test_what_the_library_signs_is_verified(folder, keys):
    signing.Config().use_elliptic_key_signer(private_key=keys / "p384.pem").sign(folder, folder.parent / SIGNATURE)
    signature = (folder.parent / SIGNATURE).read_bytes()
    assert KeyVerifier([keys / "p384.pub"]).verify(signature, digests_of(folder))


def test_locked_key_signs(folder, keys):
    signature = KeySigner(keys / "locked.pem", password="sesame").sign(folder, beside=ATTESTATIONS)
    assert KeyVerifier([keys / "locked.pub"]).verify(signature, digests_of(folder))


def repack(signature, change):
    """Change the signed statement, and leave the proof as it was."""
    document = json.loads(signature)
    payload = json.loads(base64.b64decode(document["dsseEnvelope"]["payload"]))
    change(document, payload)
    document["dsseEnvelope"]["payload"] = base64.b64encode(json.dumps(payload).encode()).decode()
    return json.dumps(document).encode()


def rename(document, payload):
    payload["subject"][0]["name"] = "another"


def forge(document, payload):
    payload["predicate"]["resources"][0]["digest"] = "0" * 64


def empty(document, payload):
    payload["predicate"]["resources"] = []


def misname(document, payload):
    document["dsseEnvelope"]["payloadType"] = "text/plain"


def unsign(document, payload):
    document["dsseEnvelope"]["signatures"] = []


def predicate(document, payload):
    payload["predicateType"] = "https://example.org/other"


def media(document, payload):
    document["mediaType"] = "application/json"


@pytest.mark.parametrize("change", [rename, forge, empty, misname, unsign, predicate, media])
def test_changed_statement_is_refused_as_the_library_does(folder, keys, change):
    signature = repack(KeySigner(keys / "p256.pem").sign(folder, beside=ATTESTATIONS), change)
    assert verdicts(folder, signature, keys / "p256.pub") == (False, False)


@pytest.mark.parametrize("key", ["p256", "other", "p384"])
@pytest.mark.parametrize("damage", ["none", "changed", "added", "removed", "bit"])
def test_verdict_is_the_librarys(folder, keys, key, damage):
    signature = KeySigner(keys / "p256.pem").sign(folder, beside=ATTESTATIONS)
    match damage:
        case "changed":
            (folder / "manifest.json").write_text("other")
        case "added":
            (folder / "more").write_text("more")
        case "removed":
            (folder / "code" / "a.py").unlink()
        case "bit":
            document = json.loads(signature)
            proof = bytearray(base64.b64decode(document["dsseEnvelope"]["signatures"][0]["sig"]))
            proof[-1] ^= 1
            document["dsseEnvelope"]["signatures"][0]["sig"] = base64.b64encode(proof).decode()
            signature = json.dumps(document).encode()
    expected = key == "p256" and damage == "none"
    assert verdicts(folder, signature, keys / f"{key}.pub") == (expected, expected)


def verdicts(folder: Path, signature: bytes, key: Path) -> tuple[bool, bool]:
    """Whether the library and shipway accept a signature."""
    place = folder.parent / SIGNATURE
    place.write_bytes(signature)
    try:
        verifying.Config().use_elliptic_key_verifier(public_key=key).verify(folder, place)
        library = True
    except Exception:  # noqa: BLE001 - it raises whatever it comes upon
        library = False
    try:
        KeyVerifier([key]).verify(signature, digests_of(folder))
        ours = True
    except ShipwayError:
        ours = False
    return library, ours


def test_signature_that_names_no_key_is_tried_with_each(folder, keys):
    document = json.loads(KeySigner(keys / "p256.pem").sign(folder, beside=ATTESTATIONS))
    document["verificationMaterial"]["publicKey"] = {}
    signature = json.dumps(document).encode()
    name = name_key(read_public_key(keys / "p256.pub"))
    assert KeyVerifier([keys / "p384.pub", keys / "p256.pub"]).verify(signature, digests_of(folder)) == name
    with expect_refusal("SW-513"):
        KeyVerifier([keys / "p384.pub", keys / "other.pub"]).verify(signature, digests_of(folder))


def test_shards_are_not_believed(folder, keys):
    signature = KeySigner(keys / "p256.pem").sign(folder, beside=ATTESTATIONS)

    def shard(document, payload):
        payload["predicate"]["serialization"]["method"] = "shards"

    with expect_refusal("SW-512"):
        KeyVerifier([keys / "p256.pub"]).verify(repack(signature, shard), digests_of(folder))
