"""What a task makes and the run that made it."""

from typing import Any

import msgspec


class Ref(msgspec.Struct, frozen=True, kw_only=True):
    """The name of anything that has versions: its kind, its name and which version."""

    kind: str
    name: str
    version: str

    def __str__(self) -> str:
        """Return `kind:name@version`."""
        return f"{self.kind}:{self.name}@{self.version}"


class Artifact(msgspec.Struct, frozen=True, kw_only=True):
    """An immutable, content-addressed thing.

    Attributes:
        kind: what it is: `commit`, `frame`, `model`, `prediction`, `evidence`, `bundle` or `report`.
        digest: SHA-256 of its bytes, or of its manifest where it has several files.
        facts: small facts for people and later tasks, such as `rows` or `columns`; the same for the same content.
    """

    kind: str
    digest: str
    facts: dict[str, Any] = {}


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the path with everything its result depends on.

    Two tasks with the same key make the same artifact, so the second is not run.

    Attributes:
        name: what people read, such as `train delay@2`.
        function: the step's function, as `module:name`.
        code: digest of the code that runs: shipway's own and, where the step calls it, the user's.
        inputs: input name to digest.
        params: everything else the step is given, as plain data.
    """

    name: str
    function: str
    code: str
    inputs: dict[str, str]
    params: dict[str, Any]
