"""Domain time as a service lives through it: the clock's, or the position of a replay that owns it."""

from shipway.app.replay.clock import ReplayClock, read_clock, replay_folder
from shipway.app.workspace import Workspace


def replay_clock(workspace: Workspace) -> ReplayClock | None:
    """Return where the project's replay stands, None where it has none or it has not begun; SW-605 if it is damaged."""
    return None if workspace.project.config.replay is None else read_clock(replay_folder(workspace))


def domain_now(workspace: Workspace) -> int:
    """Return the present domain time: a replay's position where one has begun, otherwise the clock's."""
    clock = replay_clock(workspace)
    return workspace.clock.now() if clock is None else clock.position
