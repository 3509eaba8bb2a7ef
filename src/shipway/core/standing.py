"""What people say of a version: the names that point at it, approvals, retirement, tags and notes.

None of it changes how a version was made or what it predicts, and none of it routes a request.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from shipway.core.error import ShipwayError
from shipway.kit.suggestion import did_you_mean

_ALIAS: Final = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_TAG: Final = re.compile(r"[a-z][a-z0-9_.-]{0,62}")
_TAKEN: Final = ("latest", "newest")


class AliasMoved(msgspec.Struct, frozen=True, kw_only=True, tag="alias-moved"):
    """A name points at another version of a model, or at none any more.

    Attributes:
        model: the model's name.
        alias: the name.
        before: the version it pointed at; None if it is new.
        number: the version it points at; None if it is removed.
        by: who moved it.
        reason: why, in words.
    """

    model: str
    alias: str
    before: int | None
    number: int | None
    by: str
    reason: str

    @property
    def said(self) -> str:
        """Return the move as one clause."""
        to = "is removed" if self.number is None else f"is version {self.number}"
        before = "" if self.before is None else f", was version {self.before}"
        return f"{self.alias} {to}{before}, by {self.by}: {self.reason}"


class VersionApproved(msgspec.Struct, frozen=True, kw_only=True, tag="version-approved"):
    """A person approved a version as the bundle it had then; another bundle of the same version is not approved.

    Attributes:
        model: the model's name.
        number: the version's.
        bundle: digest of the bundle.
        by: who.
        reason: why, in words.
    """

    model: str
    number: int
    bundle: str
    by: str
    reason: str

    @property
    def said(self) -> str:
        """Return the approval as one clause."""
        return f"bundle {self.bundle[:12]} is approved by {self.by}: {self.reason}"


class VersionRetired(msgspec.Struct, frozen=True, kw_only=True, tag="version-retired"):
    """A person took a version out of use: nothing is released to it before it is restored."""

    model: str
    number: int
    by: str
    reason: str

    @property
    def said(self) -> str:
        """Return who said so and why, as one clause."""
        return f"version {self.number} is retired by {self.by}: {self.reason}"


class VersionRestored(msgspec.Struct, frozen=True, kw_only=True, tag="version-restored"):
    """A person took a retirement back."""

    model: str
    number: int
    by: str
    reason: str

    @property
    def said(self) -> str:
        """Return who said so and why, as one clause."""
        return f"version {self.number} is restored by {self.by}: {self.reason}"


class VersionTagged(msgspec.Struct, frozen=True, kw_only=True, tag="version-tagged"):
    """A person tagged a version or wrote a note on it.

    Attributes:
        model: the model's name.
        number: the version's.
        tags: tag to value; None where the tag is removed.
        note: what was written; empty where only tags were.
        by: who.
    """

    model: str
    number: int
    tags: dict[str, str | None]
    note: str
    by: str

    @property
    def said(self) -> str:
        """Return the tags and the note as one clause."""
        tags = [f"{name} is removed" if value is None else write_tag(name, value) for name, value in self.tags.items()]
        return f"{'; '.join([*tags, *([self.note] if self.note else [])])}, by {self.by}"


class AliasMove(msgspec.Struct, frozen=True, kw_only=True):
    """Where a name pointed from an instant on, real time; `number` is None from where it was removed."""

    at: int
    number: int | None
    by: str
    reason: str


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """What a person said of a version, and when, real time."""

    at: int
    by: str
    said: str


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """An approval of a version as one bundle."""

    bundle: str
    word: Word


class Retirement(msgspec.Struct, frozen=True, kw_only=True):
    """One retirement; `restored` is None while it lasts."""

    word: Word
    restored: Word | None = None


class Standing(msgspec.Struct, kw_only=True):
    """Everything people said of one version.

    Attributes:
        approvals: in order, whatever bundle they were of.
        retirements: in order.
        tags: tag to value.
        notes: in order.
    """

    approvals: list[Approval] = []
    retirements: list[Retirement] = []
    tags: dict[str, str] = {}
    notes: list[Word] = []

    @property
    def retired(self) -> Word | None:
        """Return who retired the version, and why; None where it is in use."""
        last = self.retirements[-1] if self.retirements else None
        return last.word if last is not None and last.restored is None else None

    def approvals_of(self, bundle: str | None, approvers: Sequence[str] = ()) -> list[Approval]:
        """Return the approvals that count for a bundle, one a person.

        Args:
            bundle: its digest.
            approvers: whose count; anybody's where empty.
        """
        found: dict[str, Approval] = {}
        for approval in self.approvals:
            if approval.bundle == bundle and (not approvers or approval.word.by in approvers):
                found.setdefault(approval.word.by, approval)
        return list(found.values())


Saying = VersionApproved | VersionRetired | VersionRestored | VersionTagged
"""What can be said of one version."""


def apply_saying(standing: Standing, body: Saying, at: int) -> None:
    """Change a version's standing by what was said of it at an instant, real time."""
    match body:
        case VersionApproved():
            word = Word(at=at, by=body.by, said=body.reason)
            standing.approvals.append(Approval(bundle=body.bundle, word=word))
        case VersionRetired():
            standing.retirements.append(Retirement(word=Word(at=at, by=body.by, said=body.reason)))
        case VersionRestored():
            if standing.retirements:
                word = Word(at=at, by=body.by, said=body.reason)
                standing.retirements[-1] = msgspec.structs.replace(standing.retirements[-1], restored=word)
        case VersionTagged():
            for tag, value in body.tags.items():
                if value is None:
                    standing.tags.pop(tag, None)
                else:
                    standing.tags[tag] = value
            if body.note:
                standing.notes.append(Word(at=at, by=body.by, said=body.note))


def point_of(moves: Sequence[AliasMove]) -> int | None:
    """Return the version a name points at after its moves; None for one that is not there, or no longer."""
    return moves[-1].number if moves else None


def check_alias(name: str) -> str:
    """Return a name that may stand after the `@` of a reference.

    Raises:
        ShipwayError: SW-106 for one that could be taken for a version, or is not written as names are.
    """
    if name in _TAKEN:
        hint = "a model's name alone is its newest version; call the alias by what it is for, such as champion"
        raise ShipwayError("SW-106", f"{name!r} is no alias: nobody could say which version it meant", hint)
    if not _ALIAS.fullmatch(name):
        hint = "write up to 63 small letters, digits, _ and -, beginning with a letter, such as champion"
        raise ShipwayError("SW-106", f"{name!r} is no name for an alias", hint)
    return name


def check_tags(texts: Iterable[str]) -> dict[str, str]:
    """Return tags that are written as `name=value`; a name alone has an empty value.

    Raises:
        ShipwayError: SW-106 for a name that is not written as names are, or one that is there twice.
    """
    tags: dict[str, str] = {}
    for text in texts:
        name, _, value = text.partition("=")
        if not _TAG.fullmatch(name):
            hint = "write such as team=risk: small letters, digits, _, - and . before the ="
            raise ShipwayError("SW-106", f"{text!r} is no tag", hint)
        if name in tags:
            raise ShipwayError("SW-106", f"tag {name!r} is there twice", "give each tag one value")
        tags[name] = value
    return tags


def write_tag(name: str, value: str) -> str:
    """Return a tag as it is written."""
    return f"{name}={value}" if value else name


def resolve_alias(aliases: Mapping[str, Sequence[AliasMove]], model: str, name: str, numbers: Sequence[int]) -> int:
    """Return the version that a name points at.

    Args:
        aliases: the model's names with their moves.
        model: the model's name.
        name: what stands after the `@`.
        numbers: the model's versions, for the hint.

    Raises:
        ShipwayError: SW-104 if it points at none.
    """
    number = point_of(aliases.get(name, ()))
    if number is None:
        names = [each for each, moves in aliases.items() if point_of(moves) is not None]
        hint = did_you_mean(f"{model}@{name}", [f"{model}@{each}" for each in (*names, *numbers)])
        raise ShipwayError("SW-104", f"there is no version {model}@{name}", hint)
    return number
