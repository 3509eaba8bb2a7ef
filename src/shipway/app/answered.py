"""What versions that answered predict: of which kind their label is, and of classes all that any of them knew."""

from collections.abc import Iterable

from shipway.app.release import manifest_of
from shipway.app.workspace import Workspace
from shipway.core.label import LabelKind
from shipway.core.projection import ServiceState


def describe_answers(workspace: Workspace, service: ServiceState) -> tuple[LabelKind, tuple[str, ...]]:
    """Return what `describe_label` does of all versions that may have answered for a service.

    One that walked and was taken back has answered too, and its answers are of all the classes that it knew.

    Args:
        workspace: the project's state.
        service: the service.

    Raises:
        ShipwayError: as `manifest_of`.
    """
    return describe_label(workspace, service.model, service.versions)


def describe_label(workspace: Workspace, model: str, numbers: Iterable[int]) -> tuple[LabelKind, tuple[str, ...]]:
    """Return which kind of label versions of a model predict, and of classes all that any of them knows.

    Args:
        workspace: the project's state.
        model: its name.
        numbers: of the versions; the first says which kind, and versions of another kind count for nothing. The classes
            of the first come first, in its order. Those that are not there are passed over, and versions that predict
            no label count as of a condition, whose log they have none of.

    Raises:
        ShipwayError: as `manifest_of`.
    """
    state = workspace.peek()
    versions = [state.version(model, number) for number in numbers]
    manifests = [manifest_of(workspace, version) for version in versions if version is not None]
    kinds: list[LabelKind] = [each.predicts for each in manifests if each.predicts is not None]
    kind = kinds[0] if kinds else "condition"
    classes = dict.fromkeys(name for each in manifests if each.predicts == kind for name in each.classes)
    return kind, tuple(classes)
