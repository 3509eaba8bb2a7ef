"""Lineage of a desk whose service answers with one version and tries another."""

from shipway.app.catalog.question import trace_lineage
from shipway.app.release import open_service, start_release


def flat(branch):
    return [name for below in branch.below for name in (below.node, *flat(below))]


def test_versions_lead_to_the_services_where_they_answer_or_walk(desk):
    with desk.workspace() as workspace:
        for _ in range(3):
            desk.register(workspace)
        open_service(workspace, "desk", 1, 0)
        start_release(workspace, "desk", 3, 1)
    (down,) = trace_lineage(desk.project, "model:late", up=False)
    assert flat(down.down) == ["version:late@1", "service:desk", "version:late@2", "version:late@3", "service:desk"]
    (up,) = trace_lineage(desk.project, "service:desk", down=False)
    assert flat(up.up)[:2] == ["version:late@1", "model:late"]
    assert [each.node for each in up.up.below] == ["version:late@1", "version:late@3"]


def test_service_that_is_not_open_hangs_on_its_model(desk):
    (up,) = trace_lineage(desk.project, "service:desk", down=False)
    assert [each.node for each in up.up.below] == ["model:late"]


def test_what_comes_twice_is_followed_once(desk):
    (down,) = trace_lineage(desk.project, "orders", up=False)
    again = [name for name in flat(down.down) if name == "model:late"]
    assert len(again) > 1
    assert flat(down.down).count("service:desk") == 1


def test_live_gate_hangs_on_the_service_and_on_the_stream_it_names(desk):
    desk.add('\nsw.gate("fresh", sw.newest_seen(orders.event("placed"), within="1d"), every="1d")\n', "project.py")
    (up,) = trace_lineage(desk.project, "gate:fresh", down=False)
    assert [each.node for each in up.up.below] == ["stream:orders.placed", "service:desk"]
