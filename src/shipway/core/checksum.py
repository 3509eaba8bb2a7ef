"""The checksums of a bundle: the digest of each of its files, in the form that `sha256sum` reads."""

from collections.abc import Mapping

from shipway.core.bundle import CHECKSUMS, MANIFEST, Manifest
from shipway.kit.canonical import digest_bytes


def write_checksums(digests: Mapping[str, str]) -> bytes:
    """Return what `sha256sum --check` reads, given the digest of each file by its path."""
    return "".join(f"{digest}  {path}\n" for path, digest in sorted(digests.items())).encode()


def digest_files(manifest: Manifest, bundle: str) -> dict[str, str]:
    """Return the digest of every file of a bundle by its path, the manifest and the checksums among them.

    Args:
        manifest: the bundle's.
        bundle: the digest of the manifest, which is the bundle's name.
    """
    digests = {**manifest.files, MANIFEST: bundle}
    return {**digests, CHECKSUMS: digest_bytes(write_checksums(digests))}
