"""A/A: experiments without any effect, from `start` over looks to the end, on one shop that is split anew each time.

Every run goes the product's own way: units by exposures and hash, windows as known-at, daily statistics, theta
estimated, the boundary of what was spent before, one append a look. Spending is skewed and most of it is nothing.
Printed: how many of the runs ever called an effect, with the 95 % interval of their share, beside those that a fixed
test would have called that is read at every look.

    python bench/experiment_aa.py [runs] [looks]
"""

import math
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.app.experiment.conftest import CODE, START, TOML, Lab  # noqa: E402

from shipway.app.experiment.conduct import start_experiment, stop_experiment  # noqa: E402
from shipway.app.experiment.look import look_at  # noqa: E402
from shipway.kit.duration import DAY  # noqa: E402
from shipway.maths.interval import wilson  # noqa: E402

DAYS = 20


def run(lab: Lab, looks: int) -> tuple[bool, bool]:
    """Run one experiment without an effect; tell whether it called one, and whether a fixed test at each look would."""
    start_experiment(lab.project, "fares", at=START, units=1_100)
    called, naive = False, False
    for place in range(looks):
        report = look_at(lab.project, "fares", START + (4 + (DAYS - 4) * (place + 1) // looks) * DAY)
        if report.look is not None and report.look.effects:
            spent = report.look.effects[0]
            called |= spent.shown in ("better", "worse")
            naive |= abs(spent.estimate) > 1.96 * spent.error
    stop_experiment(lab.project, "fares", reason="the next one")
    return called, naive


def main(runs: int, looks: int) -> None:
    """Print the share of runs that called an effect that is not there."""
    with tempfile.TemporaryDirectory() as folder:
        lab = Lab(Path(folder) / "lab")
        lab.root.mkdir()
        (lab.root / "shipway.toml").write_text(TOML)
        (lab.root / "project.py").write_text(CODE.replace(", detect=0.32", ""))
        lab.live(DAYS)  # pyright: ignore[reportUnknownMemberType]
        began, called, naive = time.process_time(), 0, 0
        for _ in range(runs):
            one, other = run(lab, looks)
            called, naive = called + one, naive + other
        cpu = time.process_time() - began
    for name, found in (("shipway experiment look", called), ("fixed test at each look", naive)):
        low, high = wilson(found, runs)
        print(f"{name:<26}{found:>5} of {runs} called an effect: {found / runs:.1%} [{low:.1%}, {high:.1%}]")
    sd = math.sqrt(0.05 * 0.95 / runs)
    print(f"nominal 5.0%, give or take {1.96 * sd:.1%} at {runs} runs of {looks} looks; {cpu / runs:.2f} s CPU a run")


if __name__ == "__main__":
    main(*(int(word) for word in (*sys.argv[1:], "200", "5")[:2]))
