"""The contracts of raw inputs as a person sees them: what a delivery would have to change, and saying yes to it."""

from contextlib import closing

import msgspec

from shipway.app.count import write_plural
from shipway.app.intake import load_contract, store_contract
from shipway.app.project import Project
from shipway.app.workspace import Workspace
from shipway.core.contract import Change, Contract, evolve, first_contract, revise_contract, write_contract
from shipway.core.error import ShipwayError
from shipway.core.raw import START, Piece, Raw
from shipway.core.table import MAIN
from shipway.data.intake import infer_pieces, is_sparse, plan_intake
from shipway.kit.suggestion import did_you_mean


class ContractState(msgspec.Struct, frozen=True, kw_only=True):
    """Where the contract of a raw input stands against what is delivered.

    Attributes:
        name: the raw input.
        path: the contract's file, from the project's folder.
        exists: whether there was a contract before.
        pieces: the pieces that were looked at: those that are not in yet, or all.
        changes: how they differ from it.
        accepted: whether the contract that allows them was written.
        text: that contract.
    """

    name: str
    path: str
    exists: bool
    pieces: int
    changes: list[Change]
    accepted: bool
    text: str


def propose_contract(project: Project, name: str, *, accept: bool) -> ContractState:
    """Compare what is delivered with the contract, and write the one that allows it if somebody says so.

    Args:
        project: whose.
        name: the raw input.
        accept: whether it is written.

    Raises:
        ShipwayError: SW-104 for an input there is not, SW-106 for one without a contract, or a stream; SW-221 if its
            contract is not valid; what reading the input refuses.
    """
    raw = find_input(project, name)
    if raw.stream:
        hint = f"correct {raw.contract} by hand; shipway stream --dead {name} shows what breaks it"
        raise ShipwayError("SW-106", f"raw input {name!r} is a stream, whose records are not looked at twice", hint)
    contract = load_contract(project, raw)
    with closing(Workspace(project)) as workspace:
        reader = workspace.reader(raw)
        pieces: list[Piece] = []
        if workspace.has_data:
            head = workspace.tables.head(MAIN)
            present = {} if head is None else workspace.tables.get(head).tables
            pieces = plan_intake(raw, reader, workspace.tables, present, contract).pieces
        pieces = pieces or reader.pieces(raw, START)
        seen = infer_pieces(raw, reader, pieces)
    if contract is None:
        proposed, changes = first_contract(seen), list[Change]()
    else:
        proposed, changes = evolve(contract, seen, sparse=all(is_sparse(raw, piece) for piece in pieces))
    noted = Contract(
        columns={
            column: msgspec.structs.replace(field, note=seen.columns[column].note if column in seen.columns else "")
            for column, field in proposed.columns.items()
        }
    )
    text = None if contract is None else revise_contract((project.root / raw.contract).read_text("utf-8"), noted)
    text = text or write_contract(name, noted, head=f"{write_plural(len(pieces), 'piece')} of {raw.uri}")
    write = accept and (contract is None or bool(changes))
    if write:
        store_contract(project, raw, text)
    return ContractState(
        name=name,
        path=raw.contract,
        exists=contract is not None,
        pieces=len(pieces),
        changes=changes,
        accepted=write,
        text=text,
    )


def find_input(project: Project, name: str) -> Raw:
    """Return a raw input that has a contract.

    Raises:
        ShipwayError: SW-104 for an input there is not, SW-106 for one without a contract.
    """
    if name not in project.config.raw:
        raise ShipwayError("SW-104", f"there is no raw input {name!r}", did_you_mean(name, project.config.raw))
    raw = project.config.input(name)
    if not raw.contract:
        hint = f"write it as a table in shipway.toml: [raw.{name}] with uri = {raw.uri!r}"
        raise ShipwayError("SW-106", f"raw input {name!r} is an address alone, and has no contract", hint)
    return raw
