"""Do directional expectations hold, what does it cost to hold the trainer to them, and how are failures shown?

Eleven expectations on flights (`flights`, "Behavioural tests"): bad news never lowers the risk of being late, ten kinds
of it one by one and a storm. The same training function is fitted twice on what was known by July 1, free and with
the monotone constraints that `compile_expectations` makes of ten of them; the storm follows from these. Both are asked
about the flights of July to September, changed rows that leave the ranges of the training data left out.

Printed for each expectation: the mean change of the prediction, and the share of rows whose prediction falls by more
than 0.005, with Wilson's interval in day clusters, free and constrained; then AUC and log loss of both with their
difference in day clusters; then the simplest counterexample of each expectation that the free model breaks, with the
batches it took to find. Exits with 0 if no constrained prediction falls and the constraints cost less than 0.01 AUC.

    python bench/behaviour.py FOLDER      # a project of examples/flights that `shipway run` was run in
"""

import datetime
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shipway import behaviours as b
from shipway.app.candidate import make_runner
from shipway.app.frame import frame_of, read_rows
from shipway.app.part import calendar_part, code_labels
from shipway.app.project import find_project
from shipway.app.workspace import Workspace
from shipway.core.check import Check
from shipway.core.monotone import compile_expectations
from shipway.core.probe import Probe, Reader
from shipway.data.plan import AT, LABEL, LABEL_KNOWN_AT
from shipway.maths.interval import clustered_auc_difference, clustered_mean, interval
from shipway.maths.metric import auc, per_row_log_loss
from shipway.training.fit import fit
from shipway.training.frame import encode_frame, prepare_frame
from shipway.validation.answer import Answers, Ask, Cases, read_answers
from shipway.validation.probe import Probed, measure_rows
from shipway.validation.row import Rows

Floats = NDArray[np.float64]
CASES = 20_000
BAD = {
    "wx_visib": -5.0, "org_dep_mean_1h": 20.0, "sys_dep_mean_1h": 20.0, "co_dep_mean_3h": 20.0, "tail_last_delay": 30.0,
    "org_canc_n_3h": 10.0, "wx_wind_gust": 15.0, "dst_dep_mean_3h": 20.0, "org_backlog": 10.0, "wx_precip": 0.3,
}  # fmt: skip
REFERENCE = {
    "wx_visib": (0.024, 6.7), "org_dep_mean_1h": (0.008, 4.8), "sys_dep_mean_1h": (0.027, 4.4),
    "co_dep_mean_3h": (0.018, 4.3), "tail_last_delay": (0.016, 3.6), "org_canc_n_3h": (0.039, 2.8),
    "wx_wind_gust": (0.017, 2.3), "dst_dep_mean_3h": (0.003, 1.3), "org_backlog": (0.058, 1.2),
    "wx_precip": (0.055, 1.0),
}  # fmt: skip
"""Column to mean change and share in per cent of a prototype with 45 columns."""
STORM = {"wx_visib": 0.25, "wx_precip": 0.5, "org_backlog": 25.0, "org_dep_mean_1h": 60.0}
WORSE = {
    "wx_visib": (0.25, 10.0),
    "wx_precip": (0.0, 0.5),
    "org_backlog": (-1e3, 25.0),
    "org_dep_mean_1h": (-1e3, 60.0),
}
"""Rows in which the storm makes nothing better."""


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """A model with what is known of it.

    Attributes:
        p: its predictions of the labelled test rows.
        probed: test to what it came to.
    """

    p: Floats
    probed: dict[str, Probed]


def expectations() -> tuple[Check, ...]:
    """Return the eleven expectations."""
    risen = b.never_falls()
    ones = (b.probe(f"{c} {by:+g}", change=b.add(c, by), expect=risen, cases=CASES) for c, by in BAD.items())
    storm = b.probe(
        "a storm",
        change=[b.put(column, value) for column, value in STORM.items()],
        where=WORSE,
        expect=risen,
        cases=CASES,
    )
    return (*ones, storm)


def ask_model(estimator: object) -> Ask:
    """Return a booster as something that answers rows."""

    def ask(cases: Cases) -> Answers:
        p = estimator.predict(np.asarray(cases))  # pyright: ignore
        return read_answers(p, Reader(), len(cases))  # pyright: ignore

    return ask


def show(checks: tuple[Check, ...], free: Trial, bound: Trial) -> None:
    """Print each expectation with both models."""
    heads = f"{'expectation':24}{'cases':>8}{'left out':>9}{'mean dp':>9}  {'free: falls > .005':>26}"
    print(f"{heads}  {'constrained':>26}   prototype")
    for check in checks:
        one, two = (trial.probed[check.name].reading for trial in (free, bound))
        rates = [f"{r.value:6.2%} [{r.facts['rate_low']:6.2%}, {r.facts['rate_high']:6.2%}]" for r in (one, two)]
        told = REFERENCE.get(check.name.split()[0])
        said = "" if told is None else f"{told[0]:+.3f}, {told[1]:g} %"
        counts = f"{one.n:>8,}{one.facts['left_out']:>9,}{one.facts['mean_change']:>+9.3f}"
        print(f"{check.name:24}{counts}  {rates[0]:>26}  {rates[1]:>26}   {said}")


def main() -> int:
    project = find_project(Path(sys.argv[1]), upward=False)
    checks = expectations()
    model = project.registry.models["delay"]
    signs = compile_expectations(model.name, checks[:-1])
    cut, end = (project.instant(datetime.datetime(2013, month, 1)) for month in (7, 10))
    with closing(Workspace(project)) as workspace, workspace.hold():
        runner = make_runner(workspace)
        frame, _ = frame_of(runner, model)
        learned = read_rows(runner, frame, [AT, LABEL, LABEL_KNOWN_AT, *model.columns], period=(-(2**62), cut))
        asked = read_rows(runner, frame, ["fid", AT, LABEL, *model.columns], period=(cut, end))
    day = code_labels(calendar_part(asked[AT].dt.convert_time_zone(project.config.project.timezone), "day")).codes
    labelled = asked[LABEL].is_not_null().to_numpy()
    y = asked[LABEL].fill_null(value=False).to_numpy().astype(np.bool_)[labelled]
    trials: list[Trial] = []
    for rising, falling in (((), ()), ([c for c, s in signs.items() if s > 0], [c for c, s in signs.items() if s < 0])):
        prepared, inputs = prepare_frame(
            learned, columns=model.columns, rising=rising, falling=falling, cut=cut, label=LABEL,
            label_known_at=LABEL_KNOWN_AT, at=AT, threads=1, seed=1,
        )  # fmt: skip
        ask = ask_model(fit(project.registry.function("model", "delay"), prepared, model.params))
        x = encode_frame(asked.select(model.columns), inputs)
        rows = Rows(x, inputs, day, tuple(f"fid {fid}" for fid in asked["fid"]))
        probed = {check.name: measure_rows(check.name, probe_of(check), rows, ask) for check in checks}
        trials.append(Trial(ask(x[labelled]).value, probed))
    free, bound = trials
    columns = f"{learned.height:,} rows, {len(model.columns)} columns"
    print(f"trained on {columns}; asked about {asked.height:,} flights, July to September\n")
    show(checks, free, bound)
    days = day[labelled]
    better = clustered_auc_difference(y, bound.p, free.p, days)
    loss = clustered_mean(per_row_log_loss(y, bound.p) - per_row_log_loss(y, free.p), days)
    for name, estimate, values in (
        ("AUC", better, [auc(y, trial.p) for trial in trials]),
        ("log loss", loss, [float(per_row_log_loss(y, trial.p).mean()) for trial in trials]),
    ):
        low, high = interval(estimate)
        said = f"{estimate.value:+.4f} [{low:+.4f}, {high:+.4f}]"
        print(f"{name}: free {values[0]:.4f}, constrained {values[1]:.4f}, difference {said}")
    print("prototype: AUC .789 -> .790, log loss .435 -> .432\n\ncounterexamples of the free model, shrunk:")
    for check in checks:
        found = free.probed[check.name].counterexample
        if found is not None and found.before is not None:
            changed = ", ".join(f"{c} {old} -> {new}" for c, (old, new) in found.changed.items())
            others = ", ".join(f"{c} {value}" for c, value in found.others.items()) or "nothing else"
            print(f"  {check.name}: {changed}: {found.before.value:.4f} -> {found.after.value:.4f}")
            cost = f"{found.batches} batches, {found.asked:,} rows"
            print(f"      with {others}, all else typical; from {found.case}, {cost}")
    failing = sum(bound.probed[check.name].reading.facts["failed"] for check in checks)
    return int(failing > 0 or better.value < -0.01)


def probe_of(check: Check) -> Probe:
    """Return the test that a check measures."""
    assert isinstance(check.measure, Probe)
    return check.measure


if __name__ == "__main__":
    sys.exit(main())
