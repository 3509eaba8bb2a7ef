"""What does an explanation of the flights model cost, against the package shap on the same rows?

usage: explanation.py PROJECT [RIVAL]
    PROJECT  a folder in which the flights example has run
    RIVAL    a Python that has shap and lightgbm; without it, that column is left out

The model is the native form of the newest bundle, the rows are held-out ones of its frame, spread evenly, and the
background is the bundle's 100 golden rows. Both sides are asked for the same, in turns, with one thread each; times are
CPU seconds of their processes. Ours are those of `explain_rows`, with every explanation added up.

    library       path-dependent TreeSHAP, all rows at once and one by one; shap hands LightGBM's own numbers through,
                  so both must be equal
    interventional  against the background, in log-odds, one row at a time. shap's exact way for trees is tried first;
                  what it says has to add up. Then its PermutationExplainer, at as many orders as ours took
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from shipway.app.candidate import make_runner
from shipway.app.explanation.subject import Subject, choose_subject, open_subject
from shipway.app.frame import read_rows
from shipway.app.model import read_contents
from shipway.app.project import find_project
from shipway.app.workspace import Workspace
from shipway.core.artifact import Artifact
from shipway.training.frame import encode_frame
from shipway.validation.explainer import Attributed, explain_rows, make_explainer

ROWS: Final = 1_000
ALONE: Final = 50
DRAWN: Final = 3
ROUNDS: Final = 3

Made = TypeVar("Made")

RIVAL: Final = """
import json, sys, time, warnings
import lightgbm, numpy as np, shap
warnings.simplefilter("ignore")
folder, rounds, alone, drawn, passes = sys.argv[1], *map(int, sys.argv[2:6])
data = np.load(folder + "/rows.npz")
x, background = data["x"], data["background"]
model = lightgbm.Booster(model_file=folder + "/model.txt")
model.params["num_threads"] = 1

def cpu(act):
    begun = time.process_time()
    made = act()
    return time.process_time() - begun, made

def log_odds(rows):
    p = np.clip(model.predict(rows, num_threads=1), 1e-9, 1 - 1e-9)
    return np.log(p) - np.log1p(-p)

explainer = shap.TreeExplainer(model)
said = {"batch": [], "alone": [], "drawn": []}
for _ in range(rounds):
    spent, values = cpu(lambda: explainer.shap_values(x))
    said["batch"].append(spent)
    said["alone"].append(cpu(lambda: [explainer.shap_values(x[i : i + 1]) for i in range(alone)])[0])
np.save(folder + "/library.npy", values)
try:
    exact = shap.TreeExplainer(model, data=background, feature_perturbation="interventional")
    spent, found = cpu(lambda: exact.shap_values(x[:drawn], check_additivity=False))
    off = np.abs(found.sum(axis=1) + exact.expected_value - model.predict(x[:drawn], raw_score=True))
    said["exact"], said["exact_off"] = spent, float(off.max())
except Exception as error:
    said["exact_error"] = str(error)[:200]
walker = shap.PermutationExplainer(log_odds, shap.maskers.Independent(background, max_samples=len(background)), seed=0)
evaluations = passes * (2 * x.shape[1] + 1)
spent, found = cpu(lambda: [walker(x[i : i + 1], max_evals=evaluations, silent=True).values[0] for i in range(drawn)])
said["drawn"].append(spent)
np.save(folder + "/drawn.npy", np.array(found))
print(json.dumps(said))
"""


def main() -> None:
    """Run both sides and print what they cost."""
    project, rival = Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else ""
    subject, model, x = read_subject(project)
    tree = make_explainer(subject.predictor, subject.background)
    against = make_explainer(subject.predictor, subject.background, wanted="interventional")
    spent: dict[str, list[float]] = {"batch": [], "alone": []}
    found = explain_rows(tree, x)
    for _ in range(ROUNDS):
        seconds, found = measure_cpu(lambda: explain_rows(tree, x))
        spent["batch"].append(seconds)
        seconds, _ = measure_cpu(lambda: [explain_rows(tree, x[row : row + 1]) for row in range(ALONE)])
        spent["alone"].append(seconds)
    seconds, walked = measure_cpu(lambda: [explain_rows(against, x[row : row + 1]) for row in range(DRAWN)])
    rounds = max(each.rounds for each in walked)
    print(f"{x.shape[1]} features, {len(subject.background)} background rows, {len(x):,} rows; CPU ms a row")
    show("ours, library, together", min(spent["batch"]) / len(x))
    show("ours, library, one by one", min(spent["alone"]) / ALONE)
    error = max(float(each.errors.max()) for each in walked)
    show(f"ours, drawn, {rounds} rounds, error at most {error:.4f}", seconds / DRAWN)
    if rival:
        compare(rival, model, x, subject.background, found, walked, spent, seconds)


def compare(
    rival: str,
    model: bytes,
    x: NDArray[np.float64],
    background: NDArray[np.float64],
    found: Attributed,
    walked: list[Attributed],
    spent: dict[str, list[float]],
    drawn_s: float,
) -> None:
    """Let the rival do the same, and print what it cost and how far its numbers are."""
    rounds = max(each.rounds for each in walked)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "model.txt").write_bytes(model)
        np.savez(Path(folder, "rows.npz"), x=x, background=background)
        # A round of ours walks from each background row; a pass of theirs asks about all of them at each step.
        words = [rival, "-c", RIVAL, folder, str(ROUNDS), str(ALONE), str(DRAWN), str(rounds)]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        library, drawn = np.load(Path(folder, "library.npy")), np.load(Path(folder, "drawn.npy"))
    batch, alone, walk = min(said["batch"]) / len(x), min(said["alone"]) / ALONE, said["drawn"][0] / DRAWN
    show("shap, library, together", batch)
    show("shap, library, one by one", alone)
    show(f"shap, drawn, {rounds} passes", walk)
    if "exact" in said:
        show(f"shap, exact against rows, off by {said['exact_off']:.3g} log-odds", said["exact"] / DRAWN)
    else:
        print(f"shap, exact against rows: {said['exact_error']}")
    print(f"ours over shap: together {min(spent['batch']) / len(x) / batch:.2f}, one by one "
          f"{min(spent['alone']) / ALONE / alone:.2f}, drawn {drawn_s / DRAWN / walk:.2f}")  # fmt: skip
    ours = np.array([each.values[0] for each in walked])
    errors = np.array([each.errors[0] for each in walked])
    print(f"library numbers differ by at most {np.abs(found.values - library).max():.1e}")
    print(
        f"drawn numbers differ by at most {np.abs(ours - drawn).max():.4f}, ours have errors up to {errors.max():.4f}"
    )
    if np.abs(found.values - library).max() > 1e-9:
        raise SystemExit("the numbers of the library are not equal")


def read_subject(project: Path) -> tuple[Subject, bytes, NDArray[np.float64]]:
    """Return the newest version with its native form, and held-out rows of its frame."""
    with closing(Workspace(find_project(project))) as workspace:
        version = choose_subject(workspace.peek(), "delay")
        subject = open_subject(workspace, version)
        _, contents = read_contents(workspace, version)
        frame = Artifact(kind="frame", digest=str(subject.manifest.training["frame"]))
        names = [column.name for column in subject.manifest.inputs]
        rows = read_rows(make_runner(workspace), frame, names, period=(subject.manifest.cut, 2**62))
    chosen = np.linspace(0, rows.height - 1, ROWS).astype(np.int64)
    return subject, contents[subject.manifest.native], encode_frame(rows[chosen], subject.manifest.inputs)


def measure_cpu(act: Callable[[], Made]) -> tuple[float, Made]:
    """Return the CPU seconds that something takes, and what it makes."""
    begun = time.process_time()
    made = act()
    return time.process_time() - begun, made


def show(what: str, seconds: float) -> None:
    """Print a time."""
    print(f"{what:<52} {seconds * 1e3:>10.2f}")


if __name__ == "__main__":
    main()
