"""Frames by the engine that a project names."""

import msgspec
import pytest

from shipway.app.engine import build_apart
from shipway.app.workspace import Workspace
from shipway.core.compute import ComputeSection
from shipway.core.config import Config
from shipway.data.frame import build_frame
from shipway.data.plan import plan_frame


def test_other_processes_build_the_frame_of_the_run(ran_shop):
    registry = ran_shop.project.registry
    plan = plan_frame(registry.models["returned"], registry.sources)
    workspace = Workspace(ran_shop.project)
    tables = {name: workspace.tables.read(found) for name, found in workspace.admitted(plan.tables).items()}
    workspace.close()
    made = build_apart(ComputeSection(engine="local", workers=2), plan, tables)
    assert made.equals(build_frame(plan, tables))


def test_a_run_builds_its_frames_here_unless_told_otherwise():
    assert msgspec.convert({"project": {"name": "shop"}}, Config).compute.engine == "here"
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"engine": "spark"}, ComputeSection)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"workers": 0}, ComputeSection)
