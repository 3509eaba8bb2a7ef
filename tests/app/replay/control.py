"""A controller that measures nothing: it opens the service, and on its fifth day tries the version on a late feed.

usage: control.py PROJECT [late] [idle] [broken]    `late`: two days in shadow, three days at one half, then taken back
"""

import os
import sys
import threading
import time
from pathlib import Path

from shipway.app.project import find_project
from shipway.app.release import open_service, release_feed
from shipway.app.replay.clock import read_clock, read_reconciled, write_reconciled
from shipway.app.workspace import Workspace
from shipway.core.body import ReleaseMoved
from shipway.kit.duration import DAY
from shipway.ports.adapter import load_adapter

SERVICE = "returns"


def end_with_parent() -> None:
    """End when standard input does."""
    while os.read(0, 1024):
        pass
    os._exit(0)


def decide(workspace: Workspace, day: int, now: int, words: list[str]) -> None:
    """Do what is due on a day; done twice it is done once."""
    service = open_service(workspace, SERVICE, 1, now)
    if "late" not in words:
        return
    if day >= 5 and not service.releases:
        service = release_feed(workspace, SERVICE, now, f"{service.stable.online}~36h")
    for step, first, outcome in ((0, 5, "walking"), (1, 7, "walking"), (1, 10, "rolled back")):
        release = service.releases[0] if service.releases else None
        if release is not None and day >= first and (release.step, release.outcome) != (step, outcome):
            if release.outcome != "walking" or release.step > step:
                continue
            weight = 0.0 if outcome == "rolled back" else release.walk[step].weight
            body = ReleaseMoved(
                release=release.id, outcome=outcome, step=step, weight=weight, verdict="", reason="by date", at=now
            )
            service = workspace.remember((f"release:{release.id}", body)).services[SERVICE]


def main(root: str, *words: str) -> None:
    """Follow the replay's clock."""
    threading.Thread(target=end_with_parent, daemon=True).start()
    if "broken" in words:
        sys.exit("the controller has lost its glasses")
    workspace = Workspace(find_project(Path(root)))
    traffic = load_adapter("traffic.http")(workspace.folder)
    folder = workspace.folder / "replay"
    while True:
        clock = read_clock(folder)
        if clock is not None and (read_reconciled(folder) or 0) < clock.position:
            if "idle" not in words:
                decide(workspace, (clock.position - clock.start) // DAY, clock.position, list(words))
                traffic.apply(workspace.state().services[SERVICE].routing)
            write_reconciled(folder, clock.position)
        time.sleep(0.002)


if __name__ == "__main__":
    main(*sys.argv[1:])
