"""Versions are numbered by what was trained, and compared on what each was trained to read."""

from pathlib import Path

from shipway.app.progress import Event
from shipway.app.project import find_project
from shipway.app.run import RunReport, run_project
from shipway.core.check import Evidence
from shipway.testing.refusal import expect_refusal

COMPARED = 'sw.log_loss.better_than("current"),\n    sw.calibration_gap'


def edit(path: Path, old: str, new: str) -> None:
    """Replace text in a file that has it once."""
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def run(root: Path) -> RunReport:
    """Run a project as a new process would."""
    return run_project(find_project(root))


def measured(made: RunReport, check: str) -> Evidence:
    """Return evidence about the newest version."""
    return made.versions[-1].evidence[check]


def test_the_version_in_service_is_fed_what_it_was_trained_on(fresh: Path) -> None:
    """A feature that changes under its name must not be held against the version that reads what it used to be."""
    first = run(fresh)
    edit(fresh / "project.py", '"sold_7d": w.count(purchases, last="7d")', '"sold_7d": w.count(purchases, last="1h")')
    edit(fresh / "project.py", "sw.calibration_gap", COMPARED)
    second = run(fresh)
    assert [version.number for version in (*first.versions, *second.versions)] == [1, 2]
    found = measured(second, "log_loss against current")
    assert found.facts["baseline"] == "version 1"
    assert found.facts["baseline_value"] == measured(first, "log_loss").value
    assert "frame returned@1" in [task.name for task in second.tasks]


def test_a_version_reads_the_model_frame_while_its_features_are_defined_as_they_were(fresh: Path) -> None:
    first = run(fresh)
    edit(fresh / "project.py", '"sold_7d": w', '"sold_1d": w.count(purchases, last="1d"),\n        "sold_7d": w')
    edit(fresh / "project.py", "sw.calibration_gap", COMPARED)
    second = run(fresh)
    assert "frame returned@1" not in [task.name for task in second.tasks]
    assert measured(second, "log_loss against current").facts["baseline_value"] == measured(first, "log_loss").value


def test_what_was_trained_before_keeps_its_number(fresh: Path) -> None:
    numbers: list[int] = []
    for rounds in (80, 40, 80):
        text = (fresh / "project.py").read_text()
        start = text.index("rounds: int = ") + len("rounds: int = ")
        (fresh / "project.py").write_text(f"{text[:start]}{rounds}{text[start + 2 :]}")
        numbers.append(run(fresh).versions[0].number)
    assert numbers == [1, 2, 1]


def test_a_forced_run_passes_over_a_version_whose_bundle_is_lost(fresh: Path) -> None:
    """What made it may be gone, and everything else must not be kept from being made again by that."""
    first = run(fresh)
    edit(fresh / "project.py", '"sold_7d": w.count(purchases, last="7d")', '"sold_7d": w.count(purchases, last="1h")')
    edit(fresh / "project.py", "sw.calibration_gap", COMPARED)
    assert first.versions[0].bundle is not None
    (fresh / ".shipway" / "blobs" / first.versions[0].bundle[:2] / first.versions[0].bundle).unlink()
    with expect_refusal("SW-605"):
        run(fresh)
    events: list[Event] = []
    second = run_project(find_project(fresh), force=True, watch=events.append)
    assert [version.number for version in second.versions] == [2]
    assert "baseline" not in measured(second, "log_loss against current").facts or (
        measured(second, "log_loss against current").facts["baseline"] != "version 1"
    )
    assert any(event.step == "bundle lost" and "returned@1" in event.said for event in events)
    assert (second.outcome, second.versions[0].bundle is None) == ("pass", False)
    assert run(fresh).outcome == "pass"
