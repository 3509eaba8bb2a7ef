"""Signatures of bundles: statements beside a bundle that name the digest of each of its files.

A signature is a Sigstore bundle of version 0.3 with a DSSE envelope around an in-toto statement, as the OpenSSF's model
signing writes them; what is here reads one without any library of theirs.
"""

from base64 import b64decode
from collections.abc import Mapping
from typing import Annotated, Final, Literal

import msgspec

from shipway.core.error import ShipwayError
from shipway.kit.canonical import digest_bytes

SIGNATURE: Final = "model.sig"
"""The signature's file, beside the files of a bundle."""
ATTESTATIONS: Final = (SIGNATURE, "attestations")
"""What may lie beside a bundle's content without being part of it: it states something of the bundle's digest."""
_PAYLOAD: Final = "application/vnd.in-toto+json"
_AGAIN: Final = "sign the bundle again: shipway bundle sign REF --key KEY"

Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """What a signature says, before anyone asked whether it is true.

    Attributes:
        signer: SHA-256 of the public key in PEM, as who signed states it; empty where it is not stated.
        message: the bytes that were signed.
        proof: the signature of those bytes.
        digests: path of each file to the SHA-256 it was signed with.
    """

    signer: str
    message: bytes
    proof: bytes
    digests: dict[str, str]

    def compare(self, digests: Mapping[str, str]) -> list[str]:
        """Return every difference between the files that were signed and those that are there, as clauses.

        Args:
            digests: path of each file of a bundle to its SHA-256, the manifest and the checksums among them.
        """
        said = [f"{path} was signed and is not there" for path in sorted(self.digests.keys() - digests.keys())]
        said += [f"{path} was not signed" for path in sorted(digests.keys() - self.digests.keys())]
        both = sorted(digests.keys() & self.digests.keys())
        return said + [f"{path} is not what was signed" for path in both if digests[path] != self.digests[path]]


class _Key(msgspec.Struct):
    hint: str | None = None


class _Material(msgspec.Struct):
    key: _Key = msgspec.field(name="publicKey")


class _Signature(msgspec.Struct):
    sig: str


class _Envelope(msgspec.Struct):
    payload: str
    kind: Literal["application/vnd.in-toto+json"] = msgspec.field(name="payloadType")
    signatures: Annotated[list[_Signature], msgspec.Meta(min_length=1, max_length=1)]


class _Bundle(msgspec.Struct):
    media: Literal["application/vnd.dev.sigstore.bundle.v0.3+json"] = msgspec.field(name="mediaType")
    material: _Material = msgspec.field(name="verificationMaterial")
    envelope: _Envelope = msgspec.field(name="dsseEnvelope")


class _Resource(msgspec.Struct):
    name: str
    algorithm: Literal["sha256"]
    digest: Sha256


class _Serialization(msgspec.Struct):
    method: Literal["files"]
    hash: Literal["sha256"] = msgspec.field(name="hash_type")


class _Predicate(msgspec.Struct):
    serialization: _Serialization
    resources: list[_Resource]


class _Digest(msgspec.Struct):
    sha256: Sha256


class _Subject(msgspec.Struct):
    digest: _Digest


class _Statement(msgspec.Struct):
    kind: Literal["https://in-toto.io/Statement/v1"] = msgspec.field(name="_type")
    subject: Annotated[list[_Subject], msgspec.Meta(min_length=1, max_length=1)]
    predicate_kind: Literal["https://model_signing/signature/v1.0"] = msgspec.field(name="predicateType")
    predicate: _Predicate


def read_signature(data: bytes) -> Signed:
    """Read a signature; nothing of it is believed yet.

    Raises:
        ShipwayError: SW-512 if the bytes are not a signature of a model's files by a key.
    """
    try:
        bundle = msgspec.json.decode(data, type=_Bundle)
        payload = b64decode(bundle.envelope.payload, validate=True)
        proof = b64decode(bundle.envelope.signatures[0].sig, validate=True)
        statement = msgspec.json.decode(payload, type=_Statement)
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
        raise refuse_signature(f"cannot be read ({error})") from error
    resources = statement.predicate.resources
    digests = {each.name: each.digest for each in resources}
    if len(digests) != len(resources):
        raise refuse_signature("names a file twice")
    if digest_bytes(bytes.fromhex("".join(each.digest for each in resources))) != statement.subject[0].digest.sha256:
        raise refuse_signature("names files that are not those of its subject")
    return Signed(
        signer=bundle.material.key.hint or "",
        message=b"DSSEv1 %d %b %d %b" % (len(_PAYLOAD), _PAYLOAD.encode(), len(payload), payload),
        proof=proof,
        digests=digests,
    )


def refuse_signature(said: str) -> ShipwayError:
    """Return the error of a signature that is not one of what it lies beside."""
    return ShipwayError("SW-512", f"the signature {said}", _AGAIN)


def refuse_unsigned(what: str) -> ShipwayError:
    """Return the error of a bundle without any signature where one is asked for."""
    return ShipwayError("SW-511", f"{what} is not signed", _AGAIN)
