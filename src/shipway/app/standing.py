"""What people say of versions as use cases: each is one append to the ledger, with who said so and why."""

from collections.abc import Iterable, Sequence
from contextlib import closing

import msgspec

from shipway.app.model import find_version, list_model, show_model
from shipway.app.project import Project
from shipway.app.release import Remembered, deciding
from shipway.app.shelf import stock_shelf
from shipway.app.status import VersionLine
from shipway.app.workspace import Workspace
from shipway.core.body import Body
from shipway.core.error import ShipwayError
from shipway.core.projection import State, VersionState
from shipway.core.standing import (
    AliasMove,
    AliasMoved,
    VersionApproved,
    VersionRestored,
    VersionRetired,
    VersionTagged,
    check_alias,
    check_tags,
    point_of,
)
from shipway.kit.suggestion import did_you_mean

ABSENT = "none"
"""What stands in the place of a reference where an alias is expected not to be there."""


class AliasLine(msgspec.Struct, frozen=True, kw_only=True):
    """A name that points at a version.

    Attributes:
        alias: the name, as `model@name`.
        ref: the version, as `model@number`; None where the name was removed.
        since: when it was moved there, real time.
        by: who moved it.
        reason: why.
        moves: where it pointed before, oldest first, the present place last.
    """

    alias: str
    ref: str | None
    since: int
    by: str
    reason: str
    moves: list[AliasMove]


def list_aliases(project: Project, model: str | None = None) -> list[AliasLine]:
    """Return the names that point at versions, by model and name.

    Args:
        project: whose.
        model: only of this one.

    Raises:
        ShipwayError: SW-104 for a model there is no version of.
    """
    with closing(Workspace(project)) as workspace:
        state = workspace.peek()
    if model is not None:
        list_model(state, model)
    return [
        _line(each, name, moves)
        for each, aliases in sorted(state.aliases.items())
        if model in (None, each)
        for name, moves in sorted(aliases.items())
        if point_of(moves) is not None
    ]


def move_alias(project: Project, alias: str, ref: str, *, by: str, reason: str, expect: str | None = None) -> AliasLine:
    """Let a name point at a version; where it does already, nothing is remembered.

    Nothing is routed by it: releases decide which version answers.

    Args:
        project: whose.
        alias: the name, as `model@name`.
        ref: the version, of the same model.
        by: who moves it; whoever runs the process where empty.
        reason: why, in words.
        expect: the version it must point at until now, or `none` for a name that must be new; anything where None.

    Raises:
        ShipwayError: SW-104 for a version there is not, SW-106 for a name that is none, SW-405 for an empty reason,
            SW-407 for a version that is retired, SW-408 if the name is not where it was expected.
    """
    with closing(Workspace(project)) as workspace, deciding(workspace) as state:
        model, name = _split_alias(state, alias)
        check_alias(name)
        version = find_version(state, ref)
        if version.model != model:
            hint = f"an alias points at versions of its own model: write {version.model}@{name}"
            raise ShipwayError("SW-106", f"{version.ref} is no version of {model!r}", hint)
        person, said = _check_words(workspace, by, reason)
        before = _expect(state, model, name, expect)
        _refuse_retired(version, f"{model}@{name} points at none but what is in use")
        if before != version.number:
            body = AliasMoved(model=model, alias=name, before=before, number=version.number, by=person, reason=said)
            state = workspace.remember((f"alias:{model}@{name}", body))
        return _line(model, name, state.aliases[model][name])


def remove_alias(project: Project, alias: str, *, by: str, reason: str, expect: str | None = None) -> AliasLine:
    """Remove a name; the versions it pointed at stay, and so does the memory of it.

    Args:
        project: whose.
        alias: the name, as `model@name`.
        by: who removes it; whoever runs the process where empty.
        reason: why, in words.
        expect: the version it must point at until now; any where None.

    Raises:
        ShipwayError: SW-104 for a name there is not, SW-405 for an empty reason, SW-408 if it is not where it was
            expected.
    """
    with closing(Workspace(project)) as workspace, deciding(workspace) as state:
        model, name = _split_alias(state, alias)
        person, said = _check_words(workspace, by, reason)
        before = _expect(state, model, name, expect)
        if before is None:
            names = [each for each, moves in state.aliases.get(model, {}).items() if point_of(moves) is not None]
            raise ShipwayError("SW-104", f"there is no alias {model}@{name}", did_you_mean(name, names))
        body = AliasMoved(model=model, alias=name, before=before, number=None, by=person, reason=said)
        state = workspace.remember((f"alias:{model}@{name}", body))
        return _line(model, name, state.aliases[model][name])


def approve_version(project: Project, ref: str, *, by: str, reason: str, bundle: str | None = None) -> VersionLine:
    """Approve a version as the bundle it has; a person who did so already does not do it twice.

    Args:
        project: whose.
        ref: the version.
        by: who approves; one of the model's approvers where shipway.toml names any.
        reason: why, in words.
        bundle: the first digits of the bundle that was looked at; the one there is where None.

    Raises:
        ShipwayError: SW-104 for a version there is not, SW-405 for an empty name or reason, SW-406 for a person who may
            not, a version without a bundle, and another bundle than was looked at, SW-407 for a retired version.
    """
    with closing(Workspace(project)) as workspace, deciding(workspace) as state:
        version = find_version(state, ref)
        if not by.strip():
            raise ShipwayError("SW-405", "nobody's name stands under the approval", "write --by NAME --reason TEXT")
        person, said = _check_words(workspace, by, reason)
        section = project.config.models.get(version.model)
        if section is not None and section.approvers and person not in section.approvers:
            fact = f"{person!r} is no approver of {version.model!r}"
            raise ShipwayError("SW-406", fact, did_you_mean(person, section.approvers))
        if version.bundle is None:
            fact = f"{version.ref} has no bundle: its gates said {version.outcome or 'nothing yet'}"
            raise ShipwayError("SW-406", fact, f"shipway models show {version.ref} says why")
        if bundle is not None and not (bundle and version.bundle.startswith(bundle)):
            fact = f"{version.ref} is bundle {version.bundle[:12]}, not {bundle!r}"
            raise ShipwayError("SW-406", fact, f"look at it again: shipway models show {version.ref}")
        _refuse_retired(version, f"restore it first: shipway models restore {version.ref} --reason WHY")
        if person not in {each.word.by for each in version.standing.approvals_of(version.bundle)}:
            body = VersionApproved(
                model=version.model, number=version.number, bundle=version.bundle, by=person, reason=said
            )
            workspace.remember((version.subject, body))
    return show_model(project, version.ref).version


def retire_version(project: Project, ref: str, *, by: str, reason: str, anyway: bool = False) -> VersionLine:
    """Take a version out of use: it is released to no service before it is restored.

    Args:
        project: whose.
        ref: the version.
        by: who says so; whoever runs the process where empty.
        reason: why, in words.
        anyway: also where an alias points at it, which is removed, or where a service routes to it, which goes on so
            until another version takes over.

    Raises:
        ShipwayError: SW-104 for a version there is not, SW-405 for an empty reason, SW-407 where it is retired already,
            or in use and `anyway` is not said.
    """
    with closing(Workspace(project)) as workspace, deciding(workspace) as state:
        version = find_version(state, ref)
        person, said = _check_words(workspace, by, reason)
        _refuse_retired(version, f"restore it: shipway models restore {version.ref} --reason WHY")
        aliases = state.aliases_of(version.model, version.number)
        serving = state.serving(version.model, version.number)
        used = [f"service {name!r} routes to it" for name in serving]
        used += [f"{version.model}@{name} points at it" for name in aliases]
        if used and not anyway:
            hint = "release another version and move the alias first, or say --anyway"
            raise ShipwayError("SW-407", f"{version.ref} is in use: {' and '.join(used)}", hint)
        moves: list[Remembered] = [
            (
                f"alias:{version.model}@{name}",
                AliasMoved(model=version.model, alias=name, before=version.number, number=None, by=person, reason=said),
            )
            for name in aliases
        ]
        body = VersionRetired(model=version.model, number=version.number, by=person, reason=said)
        workspace.remember(*moves, (version.subject, body))
        stock_shelf(workspace)
    return show_model(project, version.ref).version


def restore_version(project: Project, ref: str, *, by: str, reason: str) -> VersionLine:
    """Take a version back into use; the aliases it had do not come back by themselves.

    Raises:
        ShipwayError: SW-104 for a version there is not, SW-405 for an empty reason, SW-407 where it is not retired.
    """
    with closing(Workspace(project)) as workspace, deciding(workspace) as state:
        version = find_version(state, ref)
        person, said = _check_words(workspace, by, reason)
        if version.standing.retired is None:
            raise ShipwayError("SW-407", f"{version.ref} is not retired", "there is nothing to take back")
        body: Body = VersionRestored(model=version.model, number=version.number, by=person, reason=said)
        workspace.remember((version.subject, body))
        stock_shelf(workspace)
    return show_model(project, version.ref).version


def tag_version(
    project: Project, ref: str, tags: Iterable[str] = (), *, remove: Sequence[str] = (), note: str = "", by: str = ""
) -> VersionLine:
    """Tag a version, take tags from it, or write a note on it; what is so already is not remembered again.

    Args:
        project: whose.
        ref: the version.
        tags: as `name=value`, or a name alone.
        remove: names of tags.
        note: what is written on it.
        by: who does; whoever runs the process where empty.

    Raises:
        ShipwayError: SW-104 for a version or a tag to be removed there is not, SW-106 for a tag that is none, or where
            nothing is said.
    """
    given = check_tags(tags)
    with closing(Workspace(project)) as workspace, deciding(workspace) as state:
        version = find_version(state, ref)
        there = version.standing.tags
        for name in remove:
            if name not in there:
                raise ShipwayError("SW-104", f"{version.ref} has no tag {name!r}", did_you_mean(name, there))
            if name in given:
                raise ShipwayError("SW-106", f"tag {name!r} is set and removed at once", "ask for one of them")
        if not given and not remove and not note.strip():
            raise ShipwayError("SW-106", "nothing is said of the version", "write such as team=risk, or --note TEXT")
        changes: dict[str, str | None] = {name: value for name, value in given.items() if there.get(name) != value}
        changes |= dict.fromkeys(remove)
        if changes or note.strip():
            body = VersionTagged(
                model=version.model,
                number=version.number,
                tags=changes,
                note=note.strip(),
                by=by.strip() or workspace.actor,
            )
            workspace.remember((version.subject, body))
    return show_model(project, version.ref).version


def _split_alias(state: State, alias: str) -> tuple[str, str]:
    model, _, name = alias.partition("@")
    list_model(state, model)
    if not name:
        raise ShipwayError("SW-106", f"{alias!r} names no alias", f"write such as {model}@champion")
    return model, name


def _expect(state: State, model: str, name: str, expect: str | None) -> int | None:
    """Return where a name points; SW-408 if that is not where it was expected."""
    found = point_of(state.aliases.get(model, {}).get(name, ()))
    if expect is None:
        return found
    due = None if expect == ABSENT else find_version(state, expect).number
    if due != found:
        there = "is not there" if found is None else f"points at {model}@{found}"
        hint = f"look at it again: shipway models alias {model}"
        raise ShipwayError("SW-408", f"{model}@{name} {there}, and was expected at {expect}", hint)
    return found


def _check_words(workspace: Workspace, by: str, reason: str) -> tuple[str, str]:
    """Return who and why without white space around; SW-405 where the reason is empty."""
    if not reason.strip():
        raise ShipwayError("SW-405", "the reason is empty", "write --reason TEXT: it is remembered with who said so")
    return by.strip() or workspace.actor, reason.strip()


def _refuse_retired(version: VersionState, hint: str) -> None:
    word = version.standing.retired
    if word is not None:
        raise ShipwayError("SW-407", f"{version.ref} was retired by {word.by}: {word.said}", hint)


def _line(model: str, name: str, moves: list[AliasMove]) -> AliasLine:
    last = moves[-1]
    return AliasLine(
        alias=f"{model}@{name}",
        ref=None if last.number is None else f"{model}@{last.number}",
        since=last.at,
        by=last.by,
        reason=last.reason,
        moves=list(moves),
    )
