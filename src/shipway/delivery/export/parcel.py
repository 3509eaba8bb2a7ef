"""What is exported: a bundle whole, with the signature that lies beside it."""

from collections.abc import Mapping
from dataclasses import dataclass

from shipway.core.bundle import PORTABLE, Manifest
from shipway.core.error import ShipwayError
from shipway.core.signature import SIGNATURE


@dataclass(frozen=True, slots=True)
class Parcel:
    """A bundle on its way.

    Attributes:
        digest: the bundle's name.
        manifest: what it says of itself.
        contents: every file of it by its path, the manifest and the checksums among them.
        signature: its signature; None where it is not signed.
    """

    digest: str
    manifest: Manifest
    contents: Mapping[str, bytes]
    signature: bytes | None = None

    @property
    def name(self) -> str:
        """Return the version it is, such as `delay@2`."""
        return f"{self.manifest.model}@{self.manifest.version}"

    @property
    def files(self) -> dict[str, bytes]:
        """Return what stands in the bundle's folder: its contents, and the signature beside them."""
        return {**self.contents} if self.signature is None else {**self.contents, SIGNATURE: self.signature}

    def portable(self, target: str) -> bytes:
        """Return the portable form of the model.

        Args:
            target: who asks for it, for the message.

        Raises:
            ShipwayError: SW-501 where the model has a native form only.
        """
        if self.manifest.served != PORTABLE:
            fact = f"{target} takes ONNX, and {self.name} has its native form only, because {self.manifest.because}"
            raise ShipwayError("SW-501", fact, "export it --as docker or --as oci, which take any bundle")
        return self.contents[PORTABLE]
