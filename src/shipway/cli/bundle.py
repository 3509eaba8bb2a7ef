"""`shipway bundle`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, cast

import msgspec
from cyclopts import App, Parameter

from shipway.app.arrival import ImportedModel, import_model
from shipway.app.bundle import (
    BuiltBundle,
    InspectedBundle,
    VerifiedBundle,
    build_version,
    check_bundle,
    inspect_bundle,
)
from shipway.app.count import write_plural
from shipway.app.exchange import check_form, export_folder, export_version
from shipway.app.model import ExportedBundle
from shipway.app.signing import SignedBundle, sign_folder, sign_version, verify_folder, verify_version
from shipway.cli.door import Door, Given, read_time
from shipway.cli.failure import UsageError
from shipway.cli.latency import show_latency
from shipway.cli.render import (
    Cell,
    Console,
    show_facts,
    show_table,
    show_title,
    watch_run,
    word,
    write_instant,
    write_interval,
)
from shipway.core.bundle import CHECKSUMS, MANIFEST, InputColumn, OutputColumn
from shipway.core.error import ShipwayError
from shipway.core.latency import read_profile

if TYPE_CHECKING:
    from shipway.app.project import Project

_SHOWN: Final = ("cut", "format", "classes", "shares")
"""What training saw that stands in lines of its own."""

app = App(
    name="bundle",
    help_epilogue="""\
A bundle is named as a version, such as delay@2, or as a folder that one was exported to, which needs no project

Examples:
  shipway bundle build delay@2              build it again: it is the same, to the last byte
  shipway bundle verify delay@2 --public-key release.pub
  shipway bundle inspect ./bundle --json
  shipway bundle drift delay@2 --log delay --since 2024-06-01
  shipway bundle sign delay@2 --key release.pem
  shipway bundle export delay@2 image --as oci
  shipway bundle import scorer.onnx --as scorer""",
)


@app.command(name="build", help="Build the bundle of a version again, and compare it with the registered one")
def build(ref: str, folder: Path | None = None, /, *, door: Given) -> None:
    """Build the bundle of a version again, and compare it with the registered one.

    Args:
        ref: the version, such as delay@2; a model's name alone is its newest
        folder: where to write it; it must be empty or absent
        door: how to answer
    """
    with watch_run(json=door.json) as watch:
        built = build_version(door.project(), ref, folder, watch=watch)
    door.answer(built, _show_built)
    if built.differs:
        fact = f"{built.version} is registered as {(built.registered or '')[:12]}, and {built.bundle[:12]} was built"
        raise ShipwayError("SW-502", fact, f"other are {', '.join(built.differs)}")


@app.command(name="verify", help="Find every damage of a bundle, and ask whose signature it has")
def verify(what: str, /, *, public_key: list[Path] | None = None, door: Given) -> None:
    """Find every damage of a bundle, and ask whose signature it has.

    Args:
        what: the version, such as delay@2, or the folder of an exported bundle
        public_key: the public key that is trusted, PEM; may be given more than once; without one, those of the project
        door: how to answer
    """
    folder = _folder(what)
    project = door.project() if folder is None else _project_here(door)
    verified = check_bundle(project if folder is None else None, what)
    keys = public_key or (() if project is None else project.signers)
    if keys and not verified.damage:
        if folder is not None:
            signed = verify_folder(folder, keys)
        else:
            assert project is not None
            signed = verify_version(project, what, keys)
        verified = msgspec.structs.replace(verified, signer=signed.key)
    door.answer(verified, _show_verified)
    if verified.damage:
        fact = f"{what} is damaged in {write_plural(len(verified.damage), 'place')}: {verified.damage[0]}"
        raise ShipwayError("SW-502", fact, "fetch the bundle again, or make it again with shipway run --force")


@app.command(name="inspect", help="Show everything a bundle says; nothing in it is loaded")
def inspect(what: str, /, *, door: Given) -> None:
    """Show everything a bundle says; nothing in it is loaded.

    Args:
        what: the version, such as delay@2, or the folder of an exported bundle
        door: how to answer
    """
    door.answer(inspect_bundle(None if _folder(what) else door.project(), what), _show_inspected)


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


@app.command(name="import", help="Make a registered version of a model that was made elsewhere")
def import_(
    source: Path,
    /,
    *,
    name: Annotated[str, Parameter(name="--as")],
    sample: Path | None = None,
    cut: str | None = None,
    classes: Annotated[list[str] | None, Parameter(name="--class")] = None,
    door: Given,
) -> None:
    """Make a registered version of a model that was made elsewhere.

    Args:
        source: an ONNX file, or the folder of an MLflow model
        name: what the model is called here
        sample: rows that it meets, Parquet or JSON; without it, rows are drawn within what it declares
        cut: until when it may have learned, such as 2024-06-01; without it, until now
        classes: what a class is called, once for each in their order; without it, as the model calls them
        door: how to answer
    """
    project, until = door.project(), read_time(cut, "--cut", door.project())
    made = import_model(project, source, name, sample=sample, cut=until, classes=classes or ())
    door.answer(made, _show_imported)


@app.command(name="drift", help="Compare rows, or what a service was asked, with what training saw")
def drift(
    what: str,
    /,
    *,
    rows: str | None = None,
    log: str | None = None,
    since: str | None = None,
    until: str | None = None,
    door: Given,
) -> None:
    """Compare rows, or what a service was asked, with what training saw.

    Args:
        what: the version, such as delay@2, or the folder of an exported bundle
        rows: a table or a file that has the columns the model reads
        log: a service, whose log of requests to this version is compared
        since: with --log, only what was asked about from then on, such as 2013-06-01
        until: with --log, only what was asked about before then
        door: how to answer
    """
    from shipway.app.drift import compare_log, compare_rows
    from shipway.cli.drift import show_drift

    folder = _folder(what)
    if (rows is None) == (log is None):
        raise UsageError("it is not said what to compare", "give either --rows TABLE_OR_FILE or --log SERVICE")
    if rows is not None:
        if since is not None or until is not None:
            raise UsageError("rows have no instants to choose by", "leave out --since and --until, or give --log")
        project = door.project() if folder is None else _project_here(door)
        door.answer(compare_rows(project, what, rows, registered=folder is None), show_drift)
        return
    if folder is not None or log is None:
        raise UsageError(f"{what} is a folder, and logs tell versions", "name the version, such as delay@2")
    project = door.project()
    period = read_time(since, "--since", project), read_time(until, "--until", project)
    door.answer(compare_log(project, what, log, *period), show_drift)


def _folder(what: str) -> Path | None:
    """Return the folder that a word names, by a bundle in it or because it is a path; None where it is a version."""
    folder = Path(what)
    if len(folder.parts) != 1 or what.startswith("."):
        return folder
    return folder if any((folder / name).is_file() for name in (MANIFEST, CHECKSUMS)) else None


def _project_here(door: Door) -> "Project | None":
    """Return the project that trusts keys; None where there is none, which a folder does not need."""
    try:
        return door.project()
    except ShipwayError as error:
        if error.code != "SW-101":
            raise
        return None


def _show_built(console: Console, built: BuiltBundle) -> None:
    said = f"{write_plural(len(built.files), 'file')}, {built.size_bytes / 1e6:.1f} MB"
    facts: dict[str, Cell] = {"version": built.version, "bundle": built.bundle, "files": said}
    if built.registered is None:
        facts["registered"] = word("none")
    else:
        facts["registered"] = "the same" if not built.differs else built.registered
    if built.differs:
        facts["differs in"] = ", ".join(built.differs)
    if built.path is not None:
        facts["written to"] = built.path
    show_facts(console, facts)


def _show_verified(console: Console, verified: VerifiedBundle) -> None:
    for sentence in verified.damage:
        console.print(f"damage: {sentence}")
    beside = f", signed by key {verified.signer[:12]}" if verified.signer else ""
    beside += f", beside it {', '.join(verified.beside)}" if verified.beside else ""
    state = "whole" if not verified.damage else "damaged"
    console.print(f"bundle {verified.bundle[:12]}: {write_plural(verified.files, 'file')}, {state}{beside}")


def _show_inspected(console: Console, found: InspectedBundle) -> None:
    manifest = found.manifest
    packages = write_plural(len(found.packages), "distribution")
    files = ", ".join(f"{path} ({size:,})" for path, size in found.sizes.items())
    facts: dict[str, Cell] = {
        "model": f"{manifest.model}@{manifest.version}",
        "bundle": found.bundle,
        "layout": str(manifest.layout),
        "form": f"{manifest.format} as {manifest.native}",
        "served": f"{manifest.served} by {manifest.runtime}",
        "compared": manifest.compared,
        "cut": write_instant(manifest.cut, "UTC"),
        "training": ", ".join(
            f"{key} {value}" for key, value in sorted(manifest.training.items()) if key not in _SHOWN
        ),
        **({"classes": manifest.told_apart} if manifest.classes else {}),
        "gates": word(str(manifest.verdict.get("outcome", "none"))),
        "golden": write_plural(found.golden_rows, "row"),
        "environment": f"{packages}: {', '.join(f'{name} {version}' for name, version in found.packages.items())}",
        "files": files,
    }
    if manifest.features is None:
        facts["features"] = "none: it answers by vector only"
    else:
        views = ", ".join(view.name for view in manifest.features.views)
        facts["features"] = f"{views} of {manifest.features.spine} at {manifest.features.at}"
    show_facts(console, facts)
    console.print()
    show_table(console, ("input", "kind", "datatype", "shape", "range", "missing"), map(_input, manifest.inputs))
    console.print()
    show_table(console, ("output", "datatype", "shape", "classes"), map(_output, manifest.outputs))
    if manifest.metrics:
        console.print()
        metrics = ((name, write_interval(*values)) for name, values in sorted(manifest.metrics.items()))
        show_table(console, ("check", "measured"), metrics)
    if manifest.slices:
        console.print()
        rows = ((s.name, f"{s.rows:,}", f"{s.loss:.4f}", f"{s.baseline:.4f}") for s in manifest.slices)
        show_table(console, ("slice", "rows", "loss", "baseline"), rows)
    for kind, attestation in sorted(found.attestations.items()):
        console.print()
        profile = read_profile(attestation)
        if profile is not None:
            show_latency(console, profile)
            continue
        show_title(console, f"attestation {kind}")
        show_facts(console, {key: _say(value) for key, value in sorted(attestation.body.items())})


def _input(column: InputColumn) -> tuple[str, ...]:
    said = "" if column.low is None or column.high is None else f"{column.low:g} to {column.high:g}"
    if column.categories:
        shown = ", ".join(column.categories[:5])
        said = shown if len(column.categories) <= 5 else f"{shown} and {len(column.categories) - 5} more"
    return column.name, column.kind, column.datatype, _shape(column.shape), said, f"{column.missing:.1%}"


def _output(column: OutputColumn) -> tuple[str, ...]:
    return column.name, column.datatype, _shape(column.shape), ", ".join(column.classes)


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(
        "rows" if not place else "any" if length == -1 else str(length) for place, length in enumerate(shape)
    )


def _say(value: object) -> str:
    if isinstance(value, list):
        return "; ".join(_say(each) for each in cast("list[object]", value))
    if isinstance(value, dict):
        return ", ".join(f"{key} {each}" for key, each in cast("dict[str, object]", value).items())
    return str(value)


def _show_exported(console: Console, made: ExportedBundle, form: str) -> None:
    size = f"{write_plural(len(made.files), 'file')}, {made.size_bytes / 1e6:.1f} MB"
    console.print(f"bundle {made.bundle[:12]} in {made.path} as {form}: {size}")


def _show_imported(console: Console, made: ImportedModel) -> None:
    said = "was there already" if made.unchanged else "is registered"
    console.print(f"{made.version} {said}: bundle {made.bundle[:12]}, from {made.kind}")
    console.print(f"reads {', '.join(made.inputs)}; gives {', '.join(made.outputs)}")


def _show_signed(console: Console, signed: SignedBundle, done: str) -> None:
    said = f"{done}: {write_plural(signed.files, 'file')} by key {signed.key[:12]}"
    console.print(f"bundle {signed.bundle[:12]} of {signed.what} {said}")
