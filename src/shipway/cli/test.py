"""`shipway test`."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter
from cyclopts.validators import Number

from shipway.app.count import write_plural
from shipway.cli.door import Given
from shipway.cli.failure import OUTCOMES, UsageError
from shipway.cli.render import Console, show_facts, show_table, show_title, watch_run, word

if TYPE_CHECKING:
    from shipway.app.suite import Tested
    from shipway.validation.counterexample import Counterexample

app = App(
    name="test",
    help_epilogue="""\
Of a project, the behavioural tests are those of its gates before release. A suite in a file is run on any model: on a
version, or with --url on a model of any server of the Open Inference Protocol; SHIPWAY_API_KEY is sent to it

The exit code is 3 if a test fails, 4 if one holds for want of cases

Examples:
  shipway test delay
  shipway test delay@2 --save storms.json --page storms.html
  shipway test delay@3 --suite storms.json
  shipway test sentiment --suite sentiment.json --url http://127.0.0.1:8000
  shipway test delay --json | jq '.tests[] | select(.outcome == "fail") | .counterexample'""",
)


@app.default
def run_tests(
    ref: str,
    /,
    *,
    suite: Path | None = None,
    url: Annotated[str, Parameter(show_default=False)] = "",
    rows: Annotated[int, Parameter(validator=Number(gte=1))] = 20_000,
    seed: int | None = None,
    batch: Annotated[int, Parameter(validator=Number(gte=1))] = 1024,
    search: Annotated[int, Parameter(validator=Number(gte=0))] = 0,
    search_by: Literal["climb", "hypothesis"] = "climb",
    save: Path | None = None,
    page: Path | None = None,
    door: Given,
) -> int:
    """Run behavioural tests on a model, and show the simplest case of each in which it does not behave.

    Args:
        ref: the version, such as delay@2; a model's name alone is its newest; with --url, a model of that server
        suite: the file of the suite; without it, the tests of the project's gates
        url: the server that the model is asked at
        rows: how many rows of the test period a project's tests take
        seed: another one draws other cases, in place of the suite's
        batch: most cases in one request to a server
        search: batches of 64 other cases in which a test that no case fails is searched for one that does
        search_by: what searches; hypothesis is an extra, pip install 'shipway[behaviour]'
        save: a file for the suite, with the rows it was run on
        page: write the result as an HTML page to this file
        door: how to answer
    """
    from shipway.app.suite import load_suite, run_suite_at, run_suite_on, save_suite, with_seed

    chosen = None if suite is None else with_seed(load_suite(suite), seed)
    with watch_run(json=door.json) as watch:
        if url:
            if chosen is None:
                raise UsageError("a model behind a URL is tested, and no suite says how", "add --suite FILE")
            key = os.environ.get("SHIPWAY_API_KEY") or None
            tested = run_suite_at(
                chosen, url, ref, batch=batch, search=search, search_by=search_by, api_key=key, watch=watch
            )
        else:
            tested, chosen = run_suite_on(
                door.project(), ref, chosen, rows=rows, seed=seed, search=search, search_by=search_by, watch=watch
            )
    if save is not None:
        save_suite(chosen, save)
    if page is not None:
        from shipway.app.report.suite import write_suite_page

        write_suite_page(tested, page)
    door.answer(tested, lambda console, found: _show(console, found, save, page))
    return OUTCOMES[tested.outcome]


def _show(console: Console, tested: "Tested", save: Path | None, page: Path | None) -> None:
    show_facts(console, {"suite": tested.suite, "model": tested.subject.removeprefix("model:")})
    heads = ("", "test", "fail", "of", "share", "95 % interval", "left out")
    show_table(
        console,
        heads,
        (
            (
                word(line.outcome),
                line.test,
                f"{line.failed:,}",
                f"{line.cases:,}",
                f"{line.share:.1%}" if line.cases else "",
                f"{line.low:.1%} to {line.high:.1%}" if line.cases else "",
                f"{line.left_out:,}" if line.left_out else "",
            )
            for line in tested.tests
        ),
    )
    for line in tested.tests:
        if line.outcome == "hold":
            console.print(f"{line.test}: {line.said}", soft_wrap=True, markup=False)
    for line in tested.tests:
        if line.counterexample is not None:
            show_title(console, line.test)
            show_facts(console, say_counterexample(line.counterexample))
    failing = sum(line.outcome == "fail" for line in tested.tests)
    console.print(f"{failing} of {write_plural(len(tested.tests), 'test')} fail" if failing else "no test fails")
    if save is not None:
        console.print(f"the suite is in {save}", soft_wrap=True)
    if page is not None:
        console.print(f"the page is {page}", soft_wrap=True)


def say_counterexample(found: "Counterexample") -> dict[str, str]:
    """Return a counterexample as lines: what it is, what is changed, what the model says before and after."""
    from shipway.validation.counterexample import write_answer, write_value

    said: dict[str, str] = {}
    if found.text_after:
        if found.text_before:
            said["text"] = found.text_before
            said["changed"] = found.text_after
        else:
            said["text"] = found.text_after
    else:
        said["from"] = found.case
        for column, (before, after) in found.changed.items():
            said[column] = f"{write_value(before)} to {write_value(after)}"
        if found.typical:
            rest = ", ".join(f"{column} {write_value(value)}" for column, value in found.others.items())
            said["with"] = f"{rest}; all else typical" if rest else "everything else typical"
    before = f"{write_answer(found.before)}, then " if found.before is not None else ""
    said["says"] = f"{before}{write_answer(found.after)}"
    return said
