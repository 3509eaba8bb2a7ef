"""Retraining: what follows where a gate on a live window asks for a new version."""

from typing import Final

from shipway.app.candidate import VersionReport, make_candidate, make_runner
from shipway.app.frame import frame_of
from shipway.app.ingest import open_data
from shipway.app.progress import Watch
from shipway.app.workspace import Workspace
from shipway.core.body import RetrainEnded
from shipway.core.error import ShipwayError
from shipway.core.gate import Outcome
from shipway.core.projection import RetrainState, ServiceState

REFUSALS: Final = ("SW-206", "SW-401", "SW-402", "SW-403", "SW-501")
"""What making a version refuses for a reason that is in the data, its verdict or the model, and so would be again."""


def retrain(workspace: Workspace, service: ServiceState, asked: RetrainState, watch: Watch) -> None:
    """Make a version as of the instant a retrain was asked for, and let the gates before release decide about it.

    The newest history is what it must prove itself on, so it is not trained on: the version that is judged is the one
    that is released, not another one trained on more. It is compared with the version that answers. Whether it passes
    or not, its end is remembered; releasing it is not decided here.

    Called again after a crash, it goes on where it was: every task that was finished is found made.

    Args:
        workspace: the project's state.
        service: whose predictions asked for it.
        asked: when and why; nothing known later is seen.
        watch: told what happens.

    Where no version can be made of what was known, such as with too few rows or where no verdict lets the data be
    trained on, that is remembered as its end too: asking again would be answered alike.

    Raises:
        ShipwayError: SW-603 if another process runs the project, SW-6xx if its state cannot be read or written.
    """
    project = workspace.project
    section, model = project.config.services[service.name], project.registry.models[asked.model]
    cut = asked.asked_at - section.rehearsal_us
    with workspace.hold():
        runner = make_runner(workspace, watch)
        stable = workspace.state().version(asked.model, service.stable.version)
        period = (cut, asked.asked_at)
        try:
            open_data(runner)
            frame, _ = frame_of(runner, model)
            made = make_candidate(runner, model, frame, cut, period, current=stable, known=asked.asked_at)
        except ShipwayError as error:
            if error.code not in REFUSALS:
                raise
            unverified = error.code == "SW-401"  # the data may be right: nobody has said so yet
            number, outcome, reason = None, "hold" if unverified else "fail", f"{error.code} {error.fact}"
        else:
            number, (outcome, reason) = made.number, _judge(made)
        ended = RetrainEnded(
            service=service.name,
            model=asked.model,
            asked_at=asked.asked_at,
            number=number,
            outcome=outcome,
            reason=reason,
        )
        workspace.remember((service.subject, ended))


def _judge(made: VersionReport) -> tuple[Outcome, str]:
    outcomes = {verdict.outcome for verdict in made.verdicts}
    outcome: Outcome = "fail" if "fail" in outcomes else "hold" if "hold" in outcomes or not outcomes else "pass"
    reason = "; ".join(verdict.reason for verdict in made.verdicts if verdict.outcome == outcome)
    return outcome, reason or "no gate before release is declared"
