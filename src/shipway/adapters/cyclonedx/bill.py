"""A bundle's bill of materials, CycloneDX 1.6 as JSON (ECMA-424)."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

import msgspec
from cyclonedx.model import bom, component
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from shipway.kit.canonical import canonical_json, digest_value

# The library's classes are made by a decorator that hides their types.
_bom: Final[Any] = bom
_component: Final[Any] = component
_MODEL: Final = "model"


class CyclonedxBill:
    """Writes bills of materials; it answers the port `Bill`."""

    name = "cyclonedx"

    def write(self, model: str, version: str, packages: Mapping[str, str]) -> bytes:
        """Return the bill of a model that was made, and is served, with some distributions of the Python index.

        Equal input gives equal bytes: there is no time in it, and its serial number is of what it says.

        Args:
            model: the model's name.
            version: its version.
            packages: distribution to version.
        """
        said = digest_value([model, version, dict(packages)])
        bill = _bom.Bom(serial_number=uuid5(NAMESPACE_URL, f"shipway:{said}"))
        whole = _component.Component(
            name=model, version=version, type=_component.ComponentType.MACHINE_LEARNING_MODEL, bom_ref=_MODEL
        )
        parts = [_describe(name, number) for name, number in sorted(packages.items())]
        bill.metadata.component = whole
        bill.components.update(parts)
        bill.register_dependency(whole, parts)
        written: dict[str, Any] = msgspec.json.decode(JsonV1Dot6(bill).output_as_string())
        del written["metadata"]["timestamp"]
        return canonical_json(written)


def _describe(name: str, version: str) -> Any:
    url = PackageURL("pypi", None, name, version)
    return _component.Component(
        name=name, version=version, type=_component.ComponentType.LIBRARY, purl=url, bom_ref=url.to_string()
    )
