"""Loads as scripts of other tools: of k6, whose model is open too, and of Locust, whose users wait for answers."""

import math
from collections.abc import Sequence
from typing import Final, Literal, TypeAlias, TypeGuard, get_args

import msgspec

from shipway.app.load.aim import Question
from shipway.core.capacity import Objective
from shipway.core.error import ShipwayError
from shipway.core.load import Pattern
from shipway.kit.suggestion import did_you_mean

ScriptForm: TypeAlias = Literal["k6", "locust"]
USUAL: Final = "http://127.0.0.1:8080"
_UNITS_S: Final = (60, 600, 3_600, 36_000, 360_000, 3_600_000)
_ROUNDED: Final = 0.005
"""By which share of it a rate may be written wrongly: k6 takes whole numbers of requests in a unit of time."""
_USERS: Final = 1_000
"""Users that are enough for a rate to change finely, where it is not the users themselves that make it."""
_MOST_BODIES: Final = 1_000


def check_script(form: str) -> ScriptForm:
    """Return a form of scripts by its name; SW-104 for one there is not."""
    if not _is_form(form):
        forms: tuple[str, ...] = get_args(ScriptForm)
        raise ShipwayError("SW-104", f"loads are not written for {form!r}", did_you_mean(form, forms, most=len(forms)))
    return form


def write_script(form: ScriptForm, question: Question, pattern: Pattern, objective: Objective | None) -> str:
    """Return a script that puts the same load on the same address with another tool.

    Args:
        form: which tool.
        question: what is sent; bodies have to be text.
        pattern: of the load.
        objective: what has to hold, which the tool then judges by the number it saw; None for nothing.

    Raises:
        ShipwayError: SW-441 for a body that is no text, or more bodies than belong into a script.
    """
    try:
        bodies = [body.decode() for body in question.bodies]
    except UnicodeDecodeError as error:
        raise ShipwayError("SW-441", "a body is no text, which a script cannot hold", "leave it away") from error
    if len(bodies) > _MOST_BODIES:
        fact = f"{len(bodies):,} bodies are too many for a script"
        raise ShipwayError("SW-441", fact, f"give {_MOST_BODIES:,} at most: head -n {_MOST_BODIES} FILE")
    write = _write_k6 if form == "k6" else _write_locust
    return write(question, bodies, pattern, objective)


def _is_form(form: str) -> TypeGuard[ScriptForm]:
    return form in get_args(ScriptForm)


def _base(question: Question) -> str:
    address = question.address
    return USUAL if address is None else f"http{'s' if address.tls else ''}://{address.authority}"


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _write_k6(question: Question, bodies: Sequence[str], pattern: Pattern, objective: Objective | None) -> str:
    stretches = pattern.stretches
    asked = [rate for each in stretches for rate in (each.start, each.end)]
    unit_s = next((unit for unit in _UNITS_S if all(_is_near(rate * unit) for rate in asked)), _UNITS_S[-1])
    rates = [round(rate * unit_s) for rate in asked]
    stages: list[str] = []
    at = rates[0]
    for place, each in enumerate(stretches):
        start, end = rates[2 * place], rates[2 * place + 1]
        if start != at:
            stages.append(f'{{ target: {start}, duration: "0s" }}')
        stages.append(f'{{ target: {end}, duration: "{round(each.seconds * 1e3)}ms" }}')
        at = end
    # Little's law with an answer a second late on average leaves a wide margin.
    most = max(20, round(max(asked)))
    if len(set(rates)) == 1:
        last = f'duration: "{round(pattern.seconds * 1e3)}ms"'
        shape = f'executor: "constant-arrival-rate",\n      rate: {rates[0]},\n      {last},'
    else:
        listed = ", ".join(stages)
        shape = f'executor: "ramping-arrival-rate",\n      startRate: {rates[0]},\n      stages: [{listed}],'
    thresholds = "{}"
    if objective is not None:
        percentile = f"{objective.share * 100:g}"
        thresholds = (
            f'{{\n    http_req_duration: ["p({percentile})<={objective.limit_ms:g}"],\n'
            f'    http_req_failed: ["rate<={objective.failed:g}"],\n    dropped_iterations: ["count<1"],\n  }}'
        )
    return f"""// Written by `shipway load export`: {pattern.said}.
// k6 run this_file.js, with -e URL=http://127.0.0.1:9000 for another server.
// k6 sends at a constant pace and counts an answer from when it was really sent; iterations that it had no free
// user for are dropped, and counted as dropped_iterations.
import http from "k6/http";

const BASE = __ENV.URL || {_json(_base(question))};
const URL = BASE + {_json(question.path)};
const BODIES = {_json(list(bodies))};
const HEADERS = {_json(dict(question.headers))};

export const options = {{
  discardResponseBodies: true,
  summaryTrendStats: ["min", "med", "avg", "p(90)", "p(95)", "p(99)", "p(99.9)", "max"],
  scenarios: {{
    load: {{
      {shape}
      timeUnit: "{unit_s}s",
      preAllocatedVUs: {most},
      maxVUs: {most * 10},
    }},
  }},
  thresholds: {thresholds},
}};

let number = __VU * 7919;

export default function () {{
  const body = BODIES[number++ % BODIES.length];
  http.request({_json(question.method)}, URL, body === "" ? null : body, {{ headers: HEADERS }});
}}
"""


def _is_near(number: float) -> bool:
    """Tell whether a number is about a whole one."""
    return abs(round(number) - number) <= _ROUNDED * number


def _write_locust(question: Question, bodies: Sequence[str], pattern: Pattern, objective: Objective | None) -> str:
    stretches = [(each.seconds, each.start, each.end) for each in pattern.stretches]
    asked = [rate for _, start, end in stretches for rate in (start, end) if rate > 0]
    # Whole numbers of users make the lowest rate exactly, each asking once a second at most.
    pace = max(min(asked) / math.ceil(min(asked)), max(asked) / max(max(asked), _USERS))
    judged = ""
    if objective is not None:
        judged = f"""

@events.quitting.add_listener
def judge(environment, **_kwargs):
    total = environment.stats.total
    late = total.get_response_time_percentile({objective.share:g}) > {objective.limit_ms:g}
    if late or total.fail_ratio > {objective.failed:g}:
        environment.process_exit_code = 1
"""
    return f'''"""Written by `shipway load export`: {pattern.said}.

locust -f this_file.py --headless --host {_base(question)}

Users of Locust wait for their answers, so a server that stalls is asked less meanwhile, and what it would have been
asked is not in the percentiles (coordinated omission).
"""

import itertools
import json

from locust import FastHttpUser, LoadTestShape, constant_throughput, {"events, " if judged else ""}task

BODIES = json.loads({_json(list(bodies))!r})
HEADERS = json.loads({_json(dict(question.headers))!r})
STRETCHES = {stretches!r}
"""Seconds, and requests a second at the begin and at the end of them."""
PACE = {pace!r}
"""Requests a second of one user."""
turn = itertools.cycle(BODIES)


class Caller(FastHttpUser):
    host = {_base(question)!r}
    wait_time = constant_throughput(PACE)

    @task
    def ask(self):
        body = next(turn)
        self.client.request({question.method!r}, {question.path!r}, data=body or None, headers=HEADERS, name="load")


class Shape(LoadTestShape):
    def tick(self):
        at = self.get_run_time()
        for seconds, start, end in STRETCHES:
            if at < seconds:
                users = max(round((start + (end - start) * at / seconds) / PACE), 1)
                return users, max(users, 100)
            at -= seconds
        return None
{judged}'''
