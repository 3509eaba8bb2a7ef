"""The conformance suite of the ports Signer and Verifier, which are tested with one another."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shipway.kit.canonical import digest_bytes
from shipway.ports.signature import Signer, Verifier
from shipway.testing.refusal import expect_refusal


@dataclass(frozen=True, slots=True)
class Seal:
    """A signer and who verifies it.

    Attributes:
        signer: signs with a key.
        verifier: trusts that key and another one.
        stranger: trusts another key only.
        name: the key's name.
    """

    signer: Signer
    verifier: Verifier
    stranger: Verifier
    name: str


Make = Callable[[], Seal]
Case = Callable[[Make, Path], None]

_BESIDE: Final = ("model.sig", "notes")


def _write(folder: Path) -> dict[str, str]:
    """Write a folder of files and return their digests."""
    contents = {"manifest.json": b"{}", "native.txt": bytes(range(256)), "code/a b.py": b"", ".gitignore": b"x"}
    for path, content in contents.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    (folder / "notes").mkdir()
    (folder / "notes" / "latency.json").write_text("{}")
    return {path: digest_bytes(content) for path, content in contents.items()}


def check_what_is_signed_is_verified(make: Make, folder: Path) -> None:
    """A signature is of every file that is not beside the content, by the key's name; each verifier says so."""
    seal, digests = make(), _write(folder)
    signature = seal.signer.sign(folder, beside=_BESIDE)
    assert seal.verifier.verify(signature, digests) == seal.name
    (folder / "model.sig").write_bytes(signature)
    assert seal.verifier.verify(seal.signer.sign(folder, beside=_BESIDE), digests) == seal.name


def check_other_files_are_named(make: Make, folder: Path) -> None:
    """A file that was changed, added or taken away is refused, and named."""
    seal, digests = make(), _write(folder)
    signature = seal.signer.sign(folder, beside=_BESIDE)
    changed = digests | {"native.txt": digest_bytes(b"other")}
    added = digests | {"more.txt": digest_bytes(b"")}
    removed = {path: digest for path, digest in digests.items() if path != "code/a b.py"}
    for files, path in ((changed, "native.txt"), (added, "more.txt"), (removed, "code/a b.py")):
        with expect_refusal("SW-512") as refusals:
            seal.verifier.verify(signature, files)
        assert path in refusals[0].fact


def check_strangers_are_refused(make: Make, folder: Path) -> None:
    """A signature of a key that is not trusted is somebody else's, also where the files are right."""
    seal, digests = make(), _write(folder)
    signature = seal.signer.sign(folder, beside=_BESIDE)
    with expect_refusal("SW-513") as refusals:
        seal.stranger.verify(signature, digests)
    assert seal.name[:12] in refusals[0].fact


def check_changed_signatures_are_refused(make: Make, folder: Path) -> None:
    """Bytes that are no signature, and those of a signature that was cut, are refused."""
    seal, digests = make(), _write(folder)
    signature = seal.signer.sign(folder, beside=_BESIDE)
    for strange in (b"", b"{}", b"[]", b"\xff" * 40, signature[: len(signature) // 2], signature[1:]):
        with expect_refusal("SW-512"):
            seal.verifier.verify(strange, digests)


SIGNATURE_CASES: Final[tuple[Case, ...]] = (
    check_what_is_signed_is_verified,
    check_other_files_are_named,
    check_strangers_are_refused,
    check_changed_signatures_are_refused,
)
"""The cases that every Signer passes with its Verifier."""
