"""Versions are numbered by what was trained, and compared on what each was trained to read."""

from pathlib import Path

import pytest

from shipway.app.assessment import assess_version
from shipway.app.progress import Event
from shipway.app.project import find_project
from shipway.app.run import RunReport, run_project
from shipway.core.check import Evidence
from shipway.testing.refusal import expect_refusal

KINDS = {
    "condition": ("closings.returned.equals(True)", '"binary"', "sw.auc >= 0.6", "log_loss"),
    "number": ("closings.days", '"regression"', "sw.mean_absolute_error <= 100", "mean_absolute_error"),
    "class": ("closings.fate", '"multiclass", "num_class": len(frame.classes)', "sw.macro_auc >= 0.5", "log_loss"),
}
"""Kind of label to its expression, what is trained for it, what its gate asks and the loss that is compared."""
COMPARED = 'sw.log_loss.better_than("current"),\n    sw.calibration_gap'


def edit(path: Path, old: str, new: str) -> None:
    """Replace text in a file that has it once."""
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def write_kind(path: Path, template: str, kind: str) -> None:
    """Write the template's project with a label of a kind, and with a gate that compares its loss."""
    label, objective, asked, loss = KINDS[kind]
    start, end = template.index('sw.gate(\n    "quality"'), template.index("# A model: which rows")
    code = (
        f'{template[:start]}sw.gate("q", {asked}, sw.{loss}.better_than("current"), before="release")\n{template[end:]}'
    )
    changes = {
        '"settled": ("returned",)': '"settled": ("returned", "days", "fate")',
        '        returned=pl.col("returned") == 1,\n': """        returned=pl.col("returned") == 1,
        days=(settled - placed).dt.total_seconds() / 86_400,
        fate=pl.when(pl.col("returned") == 1).then(pl.lit("back")).when(settled.is_not_null()).then(pl.lit("kept")),
""",
        "closings.returned.equals(True)": label,
        '"binary"': objective,
        "    rising=[customer.returned_90d, product.returned_60d],\n": "",
        '        "monotone_constraints": list(frame.monotone),\n': "",
    }
    for old, new in changes.items():
        assert code.count(old) == 1, old
        code = code.replace(old, new)
    path.write_text(code)


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


@pytest.mark.parametrize(("before", "after"), [("condition", "class"), ("class", "condition"), ("condition", "number")])
def test_a_version_of_another_kind_of_label_is_not_compared_with(fresh: Path, before: str, after: str) -> None:
    """A label may become a class, or a number, under its name, and what the one says is no answer to the other."""
    path = fresh / "project.py"
    template, loss = path.read_text(), KINDS[after][-1]
    write_kind(path, template, before)
    assert run(fresh).versions[0].bundle is not None
    write_kind(path, template, after)
    events: list[Event] = []
    second = run_project(find_project(fresh), watch=events.append)
    assert second.versions[0].number == 2
    assert measured(second, f"{loss} against current").facts["fallback"]
    told = [event.said for event in events if event.step == "other label"]
    assert told == [f"returned@1 is not compared with: it predicts a {before}, and returned@2 a {after}"]
    with expect_refusal("SW-411"):
        assess_version(find_project(fresh), "returned@1")
