"""Running suites of behavioural tests: those of a project's gates on a version, or any suite on any model."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.app.candidate import make_runner
from shipway.app.frame import frame_of, read_columns, read_rows
from shipway.app.part import calendar_part, code_labels
from shipway.app.progress import Event, Watch, ignore
from shipway.app.project import Project
from shipway.app.remote import BATCH, ask_remote, split_batches
from shipway.app.run import period_of
from shipway.app.score.scorer import Scorer, open_scorer
from shipway.app.workspace import Workspace
from shipway.client.blocking import Client
from shipway.core.behaviour import Suite, read_suite, refuse_suite, write_suite
from shipway.core.bundle import InputColumn
from shipway.core.check import Check, Evidence, Rule
from shipway.core.error import ShipwayError
from shipway.core.gate import Finding, Outcome, Verdict, decide
from shipway.core.probe import MOST_CASES, Behaviour, Probe, Style, describe_change
from shipway.data.plan import AT
from shipway.kit.canonical import digest_bytes
from shipway.kit.file import write_atomic
from shipway.maths.encoding import encode_categories, round_single
from shipway.ports.adapter import load_adapter
from shipway.ports.model import open_runtime
from shipway.ports.search import Search
from shipway.training.frame import encode_frame
from shipway.validation.answer import Answers, Ask, Cases, read_answers
from shipway.validation.counterexample import Counterexample
from shipway.validation.hunt import hunt_rows, hunt_texts
from shipway.validation.probe import Probed, add_failure, measure_rows, measure_texts
from shipway.validation.reading import make_evidence
from shipway.validation.row import Rows
from shipway.validation.sample import spread_rows

ROWS: Final = MOST_CASES
"""How many rows of a project's test period a suite takes where nothing else is said, spread evenly."""
SearchName: TypeAlias = Literal["climb", "hypothesis"]
Predict: TypeAlias = Callable[[Any], Any]
"""A model as a function: a list of texts, or a matrix of rows, to an array with one answer for each."""


class TestLine(msgspec.Struct, frozen=True, kw_only=True):
    """What one test of a suite came to.

    Attributes:
        test: its name.
        style: what kind of test it is.
        outcome: what the suite's rule says of it.
        rule: the rule as written.
        failed: cases that failed.
        cases: cases that were asked about.
        share: of the cases that failed.
        low: lower end of its 95 % interval (Wilson's, clustered where rows are).
        high: upper end.
        clusters: groups among the cases; 0 where each stands alone.
        left_out: changed rows that would have left what training saw.
        mean_change: of the number measured; None where nothing was changed or no number said.
        said: the result in one clause.
        counterexample: the simplest failure that was found; None where nothing failed.
    """

    test: str
    style: Style
    outcome: Outcome
    rule: str
    failed: int
    cases: int
    share: float
    low: float
    high: float
    clusters: int
    left_out: int
    mean_change: float | None
    said: str
    counterexample: Counterexample | None


class Tested(msgspec.Struct, frozen=True, kw_only=True):
    """What a suite came to on a model.

    Attributes:
        suite: its name.
        about: what it is for.
        subject: the model, as `model:name@version` or `model:name at URL`.
        outcome: `fail` if a test fails, else `hold` if one holds.
        tests: each test, in the suite's order.
        verdict: what the gate that the suite is says.
        evidence: what it was decided on.
        seed: what its cases were drawn by.
    """

    suite: str
    about: str
    subject: str
    outcome: Outcome
    tests: list[TestLine]
    verdict: Verdict
    evidence: list[Evidence]
    seed: int


def run_suite(
    suite: Suite,
    predict: Predict,
    *,
    name: str = "function",
    batch: int = BATCH,
    search: int = 0,
    search_by: SearchName = "climb",
    shrink: bool = True,
) -> Tested:
    """Run a suite on a model that is a function.

    Args:
        suite: what `shipway.behaviours.suite` made, or `load_suite` read.
        predict: the model: a list of texts to one answer for each, an array of numbers, of numbers by class, or of
            classes as texts. Rows come as float64[n, columns], a category as its code.
        name: what the model is called.
        batch: most cases at once.
        search: as for `judge_suite`.
        search_by: as for `judge_suite`.
        shrink: whether the simplest failure of each test is looked for.

    Raises:
        ShipwayError: SW-431 for a test the model cannot be asked, SW-433 for an answer that cannot be read.
    """

    def ask(cases: Cases) -> Answers:
        return read_answers(np.asarray(predict(cases)), suite.reader, len(cases))

    return judge_suite(
        suite, split_batches(ask, batch), f"model:{name}", search=search, search_by=search_by, shrink=shrink
    )


def run_suite_at(
    suite: Suite,
    url: str,
    model: str,
    *,
    batch: int = BATCH,
    search: int = 0,
    search_by: SearchName = "climb",
    api_key: str | None = None,
    watch: Watch = ignore,
) -> Tested:
    """Run a suite on a model behind a URL, of any server of the Open Inference Protocol.

    Args:
        suite: the tests.
        url: of the server.
        model: its name there, or `name@version`.
        batch: most cases in one request.
        search: as for `judge_suite`.
        search_by: as for `judge_suite`.
        api_key: sent with every request; None for none.
        watch: told of each test.

    Raises:
        ShipwayError: as `run_suite`, and SW-801 where the server does not answer.
    """
    name, _, version = model.partition("@")
    with Client(url, api_key=api_key) as client:
        ask = ask_remote(client, name, suite, version=version or None, batch=batch)
        return judge_suite(suite, ask, f"model:{model} at {url}", search=search, search_by=search_by, watch=watch)


def run_suite_on(
    project: Project,
    ref: str,
    suite: Suite | None = None,
    *,
    rows: int = ROWS,
    seed: int | None = None,
    search: int = 0,
    search_by: SearchName = "climb",
    watch: Watch = ignore,
) -> tuple[Tested, Suite]:
    """Run a suite on a version of a project, its bundle as it is served; the gates' own tests where none is given.

    Nothing is written. Rows are those of the model's test period, spread evenly; a suite that has rows keeps its own.

    Args:
        project: whose.
        ref: the version, as `shipway score` takes it.
        suite: the tests; those of the gates before release where None.
        rows: how many rows are taken.
        seed: in place of the suite's.
        search: as for `judge_suite`.
        search_by: as for `judge_suite`.
        watch: told of each test.

    Returns:
        What it came to, and the suite with the rows and columns that it was run on, ready to be saved.

    Raises:
        ShipwayError: SW-104 for a version there is not, SW-106 where no gate has a behavioural test, SW-404 for a
            version without a bundle, SW-431 for tests on texts.
    """
    if suite is not None and suite.on_text:
        hint = "run it on a text model behind a URL: --url"
        raise ShipwayError("SW-431", f"suite {suite.name!r} is on texts, and a project's models read rows", hint)
    chosen = gather_suite(project, ref) if suite is None else suite
    with closing(Workspace(project)) as workspace:
        scorer = open_scorer(workspace, ref)
        if not chosen.rows:
            chosen = _with_rows(workspace, scorer, chosen, rows, watch)
        chosen = with_seed(chosen, seed)
        config = workspace.project.config
        runtime = open_runtime(
            scorer.manifest.runtime, unpickle=config.security.unpickle, providers=config.resources.providers
        )
        model = runtime.load(scorer.model)
        ask = _ask_predictor(model.predict, chosen, scorer.manifest.inputs)
        return judge_suite(chosen, ask, f"model:{scorer.name}", search=search, search_by=search_by, watch=watch), chosen


def gather_suite(project: Project, name: str) -> Suite:
    """Return the behavioural tests of a project's gates before release as one suite, a test for each change.

    Raises:
        ShipwayError: SW-106 where there is none.
    """
    rules = [
        each for gate in project.registry.gates_before("release") for rule in gate.rules for each in as_probes(rule)
    ]
    if not rules:
        fact = f"no gate before release of {project.config.project.name} has a behavioural test"
        raise ShipwayError("SW-106", fact, "put sw.never_lowers(...) or a probe into one, or give --suite FILE")
    unique = {rule.check.name: rule for rule in rules}
    made = Suite(name=f"{name.partition('@')[0]} behaviour", rules=tuple(unique.values()))
    refuse_suite(made)
    return made


def as_probes(rule: Rule) -> list[Rule]:
    """Return a gate's rule on behaviour as rules on probes, one for each change that is made by itself."""
    check = rule.check
    match check.measure:
        case Probe():
            return [rule]
        case Behaviour(probes=probes):
            return [_as_probe(rule, probe) for probe in probes]
        case _:
            return []


def _as_probe(rule: Rule, probe: Probe) -> Rule:
    """Return a rule on several tests as one on a single one of them, named for what it changes."""
    name = f"{rule.check.name}: {', '.join(map(describe_change, probe.change))}"
    text = f"{name}{rule.text.removeprefix(rule.check.text)}"
    return Rule(check=Check(name, probe, "candidate", name), op=rule.op, bound=rule.bound, text=text)


def judge_suite(
    suite: Suite,
    ask: Ask,
    subject: str,
    *,
    search: int = 0,
    search_by: SearchName = "climb",
    watch: Watch = ignore,
    shrink: bool = True,
) -> Tested:
    """Measure every test of a suite on a model and let the gate that the suite is decide.

    Args:
        suite: the tests.
        ask: the model.
        subject: what the model is called, as `model:name@version`.
        search: for a test that no case fails, how many batches of other cases are searched for one that does; what is
            found counts as a case.
        search_by: what searches: `climb`, which needs nothing, or `hypothesis`, which is an extra.
        watch: told of each test.
        shrink: whether the simplest failure of each test is looked for.
    """
    rows = None if suite.on_text else rows_of(suite)
    source = digest_bytes(write_suite(suite))
    probed: dict[str, Probed] = {}
    for name, probe in suite.probes.items():
        made = (
            measure_texts(name, probe, suite.lexicons, ask, seed=suite.seed, shrink=shrink)
            if rows is None
            else measure_rows(name, probe, rows, ask, seed=suite.seed, shrink=shrink)
        )
        if search and not made.reading.facts["failed"] and made.reading.n:
            searcher = open_search(search_by)
            found = (
                hunt_texts(name, probe, suite.lexicons, ask, searcher, batches=search, seed=suite.seed)
                if rows is None
                else hunt_rows(name, probe, rows, ask, searcher, batches=search, seed=suite.seed)
            )
            made = made if found is None else add_failure(probe, made, found)
        probed[name] = made
        watch(Event(stage="done", step=f"test {name}", said=str(made.reading.facts["said"])))
    evidence = {
        rule.check.name: make_evidence(rule.check, probed[rule.check.name].reading, subject=subject, log_digest=source)
        for rule in suite.rules
    }
    verdict = decide(suite.gate, subject, evidence)
    findings = zip(suite.rules, verdict.findings, strict=True)
    lines = [_write_line(rule, probed[rule.check.name], finding) for rule, finding in findings]
    return Tested(
        suite=suite.name,
        about=suite.about,
        subject=subject,
        outcome=verdict.outcome,
        tests=lines,
        verdict=verdict,
        evidence=list(evidence.values()),
        seed=suite.seed,
    )


def _write_line(rule: Rule, made: Probed, finding: Finding) -> TestLine:
    facts = made.reading.facts
    return TestLine(
        test=rule.check.name,
        style=facts["style"],
        outcome=finding.outcome,
        rule=rule.text,
        failed=facts["failed"],
        cases=made.reading.n,
        share=made.reading.value,
        low=facts["rate_low"],
        high=facts["rate_high"],
        clusters=made.reading.clusters,
        left_out=facts["left_out"],
        mean_change=facts["mean_change"],
        said=finding.reason,
        counterexample=made.counterexample,
    )


def open_search(name: SearchName) -> Search:
    """Return a search by its name; SW-701 where the library it needs is not installed."""
    return load_adapter(f"search.{name}")()


def load_suite(path: Path | str) -> Suite:
    """Return the suite that a file holds; SW-432 for what is none, or cannot be read."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ShipwayError("SW-432", f"{path} cannot be read: {error.strerror}", "name a file of a suite") from error
    return read_suite(content)


def save_suite(suite: Suite, path: Path | str) -> Path:
    """Write a suite to a file, whole or not at all, and return where it is; SW-602 where that cannot be done."""
    target = Path(path)
    try:
        write_atomic(target, write_suite(suite))
    except OSError as error:
        fact = f"{target} cannot be written: {error.strerror}"
        raise ShipwayError("SW-602", fact, "name a file you may write") from error
    return target


def with_seed(suite: Suite, seed: int | None) -> Suite:
    """Return a suite with another seed; the same one where none is given."""
    return suite if seed is None else msgspec.structs.replace(suite, seed=seed)


def rows_of(suite: Suite) -> Rows:
    """Return a suite's rows as what a model reads; SW-431 for a suite on rows that has none."""
    if not suite.rows:
        hint = "shipway test --save FILE writes a suite with rows of a project's test period"
        raise ShipwayError("SW-431", f"suite {suite.name!r} is on rows and has none", hint)
    x = np.column_stack([_encode(suite.rows[column.name], column) for column in suite.columns])
    clusters = code_labels(pl.Series(list(suite.clusters), dtype=pl.String)).codes if suite.clusters else None
    return Rows(x, suite.columns, clusters, suite.names or None)


def _encode(values: Sequence[float | str | None], column: InputColumn) -> NDArray[np.float64]:
    if column.kind == "category":
        texts = np.array(values, dtype=object)
        return encode_categories(texts, np.array([value is not None for value in values]), column.categories)
    return round_single(np.array([np.nan if value is None else value for value in values], dtype=np.float64))


def _with_rows(workspace: Workspace, scorer: Scorer, suite: Suite, most: int, watch: Watch) -> Suite:
    """Return a suite with rows of the version's test period, spread evenly, and what training saw of their columns."""
    project, manifest = workspace.project, scorer.manifest
    if manifest.reads != "matrix" or manifest.model not in project.registry.models:
        hint = "give a suite that has rows of its own"
        raise ShipwayError("SW-431", f"{scorer.name} has no rows of this project", hint)
    model = project.registry.models[manifest.model]
    with workspace.hold():
        runner = make_runner(workspace, watch)
        frame, _ = frame_of(runner, model)
        period = period_of(project, project.config.models[model.name])
        names = [column.name for column in manifest.inputs]
        there = read_columns(runner, frame)
        keys = there[: there.index(AT)]
        table = read_rows(runner, frame, [*keys, AT, *names], period=period)
    picked = table[spread_rows(table.height, most)]
    x = encode_frame(picked.select(names), manifest.inputs)
    day = calendar_part(picked[AT].dt.convert_time_zone(project.config.project.timezone), "day")
    rows = Rows(x, manifest.inputs)
    written: Mapping[str, tuple[float | str | None, ...]] = {
        name: tuple(_as_json(rows.write(at, float(value))) for value in x[:, at]) for at, name in enumerate(names)
    }
    called = tuple(", ".join(f"{key} {value}" for key, value in row.items()) for row in picked.select(keys).to_dicts())
    return msgspec.structs.replace(
        suite, columns=manifest.inputs, rows=written, names=called, clusters=tuple(day.to_list())
    )


def _as_json(value: float | str | None) -> float | str | None:
    """Return a value as it comes back from a file, where every number is a float: one suite has one digest."""
    return float(value) if isinstance(value, int) else value


def _ask_predictor(
    predict: Callable[[NDArray[np.float64]], NDArray[np.float64]], suite: Suite, inputs: tuple[InputColumn, ...]
) -> Ask:
    """Return a version as something that answers rows of a suite, whose columns it must read in its own order."""
    names = [column.name for column in suite.columns]
    lost = next((column.name for column in inputs if column.name not in names), None)
    if lost is not None:
        raise ShipwayError("SW-431", f"the model reads {lost!r}, which the suite's rows do not have", "save it anew")
    order = [names.index(column.name) for column in inputs]
    told = [suite.columns[at] for at in order]

    def ask(cases: Cases) -> Answers:
        x = np.asarray(cases, dtype=np.float64)[:, order]
        for at, (theirs, ours) in enumerate(zip(told, inputs, strict=True)):
            if ours.kind == "category" and theirs.categories != ours.categories:
                texts = np.array([*theirs.categories, None], dtype=object)
                codes = np.where(np.isnan(x[:, at]), len(theirs.categories), x[:, at]).astype(np.int64)
                values = texts[codes]
                x[:, at] = encode_categories(values, values != None, ours.categories)  # noqa: E711  (of each value)
        return read_answers(predict(np.ascontiguousarray(x)), suite.reader, len(x))

    return ask
