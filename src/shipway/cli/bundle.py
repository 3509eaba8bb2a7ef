"""`shipway bundle`."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from shipway.app.count import write_plural
from shipway.app.exchange import check_form, export_folder, export_version
from shipway.app.model import ExportedBundle
from shipway.app.signing import SignedBundle, sign_folder, sign_version, verify_folder, verify_version
from shipway.cli.door import Given
from shipway.cli.render import Console
from shipway.core.bundle import CHECKSUMS, MANIFEST

app = App(
    name="bundle",
    help_epilogue="""\
A bundle is named as a version, such as delay@2, or as a folder that one was exported to

Examples:
  shipway bundle sign delay@2 --key release.pem
  shipway bundle verify delay@2 --public-key release.pub
  shipway bundle export delay@2 image --as oci""",
)


@app.command(name="sign", help="Sign a bundle with a private key")
def sign(what: str, /, *, key: Path, door: Given) -> None:
    """Sign a bundle with a private key.

    Args:
        what: the version, such as delay@2, or the folder of an exported bundle
        key: the private key, PEM; its password, if it has one, is taken from SHIPWAY_KEY_PASSWORD
        door: how to answer
    """
    folder = _folder(what)
    signed = sign_version(door.project(), what, key) if folder is None else sign_folder(folder, key)
    door.answer(signed, lambda console, signed: _show_signed(console, signed, "signed"))


@app.command(name="verify", help="Verify a bundle and its signature")
def verify(what: str, /, *, public_key: list[Path] | None = None, door: Given) -> None:
    """Verify a bundle and its signature.

    Args:
        what: the version, such as delay@2, or the folder of an exported bundle
        public_key: the public key that is trusted, PEM; may be given more than once; without one, those of the project
        door: how to answer
    """
    folder, keys = _folder(what), public_key or []
    if folder is None:
        signed = verify_version(door.project(), what, keys)
    else:
        signed = verify_folder(folder, keys or door.project().signers)
    door.answer(signed, lambda console, signed: _show_signed(console, signed, "verified"))


@app.command(name="export", help="Write a bundle in the format of another system")
def export(what: str, folder: Path, /, *, form: Annotated[str, Parameter(name="--as")] = "folder", door: Given) -> None:
    """Write a bundle in the format of another system.

    Args:
        what: the version, such as delay@2, or the folder of an exported bundle
        folder: where to; it must be empty or absent
        form: folder for the bundle as it is, oci, docker, mlflow or bento
        door: how to answer
    """
    source, asked = _folder(what), check_form(form)
    if source is None:
        made = export_version(door.project(), what, folder, asked)
    else:
        made = export_folder(source, folder, asked)
    door.answer(made, lambda console, made: _show_exported(console, made, asked))


def _folder(what: str) -> Path | None:
    """Return the folder that a word names; None where it names a version."""
    folder = Path(what)
    return folder if any((folder / name).is_file() for name in (MANIFEST, CHECKSUMS)) else None


def _show_exported(console: Console, made: ExportedBundle, form: str) -> None:
    size = f"{write_plural(len(made.files), 'file')}, {made.size_bytes / 1e6:.1f} MB"
    console.print(f"bundle {made.bundle[:12]} in {made.path} as {form}: {size}")


def _show_signed(console: Console, signed: SignedBundle, done: str) -> None:
    said = f"{done}: {write_plural(signed.files, 'file')} by key {signed.key[:12]}"
    console.print(f"bundle {signed.bundle[:12]} of {signed.what} {said}")
