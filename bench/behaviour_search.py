"""What finds a counterexample that no row shows, and at what price: our search, hypothesis, or draws alone?

A model of 40 columns rises with the first one, but falls where k others are all in the top share of their range; each
row has at most k - 1 of them there, so a test of the rows themselves finds nothing. The search may graft values of
other rows onto a row, in three columns, and is judged by how far the prediction moves: of a model that steps (as a
tree: nothing is seen until it fails) and of one that leans (every column in its range lowers the slope). Each of 10
seeds may ask 100 batches of 64. Printed are the seeds in which it was found, the median of the cases asked about where
it was, the most ever asked about, and CPU time.

    python bench/behaviour_search.py
"""

import statistics
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from shipway import behaviours as b
from shipway.adapters.hypothesis.search import HypothesisSearch
from shipway.adapters.system.search import ClimbSearch
from shipway.core.bundle import InputColumn
from shipway.core.probe import Probe, Reader
from shipway.ports.search import Search
from shipway.testing.fake import RandomSearch
from shipway.validation.answer import Answers, Cases, read_answers
from shipway.validation.hunt import hunt_rows
from shipway.validation.row import Rows

Floats = NDArray[np.float64]
WIDTH, N, SEEDS, BATCHES = 40, 2000, 10, 100
COLUMNS = tuple(InputColumn(name=f"x{i}", kind="number", low=0.0, high=1.0) for i in range(WIDTH))


def make_rows(seed: int, trap: int, share: float) -> Rows:
    """Draw rows of which none has all of the trap's columns in the top share of their range."""
    random = np.random.default_rng(seed)
    x = random.uniform(0, 1, (N, WIDTH))
    x[:, 0] *= 0.5
    inside = (x[:, 1 : trap + 1] > 1 - share).sum(axis=1)
    x[inside == trap, 1] = 0.0
    return Rows(x, COLUMNS)


def model(trap: int, share: float, *, leans: bool) -> Callable[[Floats], Floats]:
    """Return a model with a trap of so many columns."""

    def predict(x: Floats) -> Floats:
        inside = (x[:, 1 : trap + 1] > 1 - share).sum(axis=1)
        slope = 1.0 - 1.1 * inside / trap if leans else np.where(inside == trap, -0.1, 1.0)
        return slope * x[:, 0]

    return predict


def measure(make: Callable[[], Search], trap: int, share: float, *, leans: bool) -> str:
    """Return what a search comes to, as one line."""
    probe = b.probe("t", change=b.add("x0", 0.5), expect=b.never_falls(0.0)).measure
    assert isinstance(probe, Probe)
    found, asked, begun = list[int](), list[int](), time.process_time()
    for seed in range(SEEDS):
        predict, counted = model(trap, share, leans=leans), [0]

        def ask(cases: Cases, predict: Callable[[Floats], Floats] = predict, counted: list[int] = counted) -> Answers:
            counted[0] += len(cases)
            return read_answers(predict(np.asarray(cases)), Reader(), len(cases))

        example = hunt_rows("t", probe, make_rows(seed, trap, share), ask, make(), batches=BATCHES, seed=seed)
        spent = counted[0] - (0 if example is None else example.asked)
        asked.append(spent // 2)
        if example is not None:
            found.append(spent // 2)
    median = f"{statistics.median(found):8,.0f}" if found else "       -"
    return f"{len(found):3} of {SEEDS}  {median}  {max(asked):8,}  {(time.process_time() - begun) / SEEDS:6.2f} s"


def main() -> None:
    print(f"{'trap':>6}{'share':>7}{'':>8}  {'search':12}{'found':>9}  {'cases':>8}  {'most':>8}  {'CPU each':>8}")
    for trap, share, leans in ((2, 0.1, False), (2, 0.02, True), (3, 0.1, True)):
        for name, make in (("climb", ClimbSearch), ("draws", RandomSearch), ("hypothesis", HypothesisSearch)):
            kind = "leans" if leans else "steps"
            print(f"{trap:>6}{share:>7}{kind:>8}  {name:12}{measure(make, trap, share, leans=leans)}", flush=True)


if __name__ == "__main__":
    main()
