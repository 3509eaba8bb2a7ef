"""An override is a named person's word for one failure on one version of the data, and is seen wherever it led."""

import json
from contextlib import closing

import msgspec
import pytest

from shipway.app.check import check_project
from shipway.app.ingest import INGEST
from shipway.app.model import list_models, show_model
from shipway.app.override import give_override, revoke_override
from shipway.app.project import find_project
from shipway.app.report import write_report
from shipway.app.run import run_project
from shipway.app.status import read_status
from shipway.app.workspace import Workspace
from shipway.core.body import DataMoved, OverrideCarried, read_body
from shipway.core.error import ShipwayError
from shipway.core.override import Override
from shipway.core.table import MAIN
from shipway.testing.refusal import expect_refusal

REASON = "half a year was bought, and it is enough"


def edit(root, old, new, file="project.py"):
    text = (root / file).read_text()
    assert text.count(old) == 1
    (root / file).write_text(text.replace(old, new))


def override(root, **changes):
    """Override the gate on data of a project as it stands."""
    words = {"gate": "data", "by": "ana", "reason": REASON} | changes
    return give_override(find_project(root), words.pop("gate"), **words)


def bodies(root, kind):
    with closing(Workspace(find_project(root))) as workspace:
        found = [read_body(entry) for entry in workspace.ledger.read()]
    return [body for body in found if isinstance(body, kind)]


@pytest.fixture
def short(fresh):
    """Return a project whose data was judged and found to have too few rows."""
    edit(fresh, "has_rows(orders) >= 10_000", "has_rows(orders) >= 10_000_000")
    made = run_project(find_project(fresh))
    assert (made.outcome, made.versions, made.overrides) == ("fail", [], [])
    return fresh


def test_an_override_lets_data_in_and_is_seen_everywhere(short, tmp_path, shipway):
    given = override(short)
    name, said = given.override.id, given.said
    assert said == f"gate data on data:{given.override.data[:12]} overridden by ana: {REASON}"
    assert given.override.against == ("has_rows(orders) >= 10000000",)
    made = run_project(find_project(short))
    assert made.outcome == "pass"
    assert [verdict.outcome for verdict in made.data] == ["fail"]
    assert [each.override.id for each in made.overrides] == [name]
    (version,) = made.versions
    assert [each.override.id for each in version.overrides] == [name]

    (moved,) = bodies(short, DataMoved)
    assert (moved.branch, moved.overrides) == (MAIN, (name,))
    assert bodies(short, OverrideCarried) == [OverrideCarried(model="returned", number=1, override=name)]

    status, checked = read_status(find_project(short)), check_project(find_project(short))
    assert [each.said for each in status.overrides] == [each.said for each in checked.overrides] == [said]
    assert status.refusals == checked.refusals == []
    assert checked.outcome == "pass"
    (line,) = list_models(find_project(short))
    detail = show_model(find_project(short), "returned")
    assert [each.said for each in line.overrides] == [each.said for each in detail.version.overrides] == [said]
    assert detail.bundle is not None
    assert msgspec.convert(detail.bundle.verdict["overrides"], list[Override]) == [given.override]

    with closing(Workspace(find_project(short))) as workspace:
        card = workspace.blobs.get(detail.bundle.files["CARD.md"]).decode()
    assert f"## Trained on data that its gates did not pass\n\n- `{name}`: {said}" in card
    page = write_report(find_project(short), made, tmp_path / "report.html").read_text()
    assert "Trained by right of it: returned@1." in page
    assert REASON in page

    for words in (
        ["status"],
        ["check"],
        ["models"],
        ["models", "show", "returned"],
        ["run"],
        ["ledger", "--limit", "99"],
    ):
        assert said in shipway(*words, cwd=short).out, words
    for words in (["status"], ["check"], ["models", "show", "returned"], ["run"]):
        assert REASON in json.dumps(shipway(*words, "--json", cwd=short).document), words


def test_other_data_is_not_let_in_by_it(short):
    override(short)
    rows = (short / "orders.csv").read_bytes().splitlines(keepends=True)
    (short / "orders.csv").write_bytes(b"".join(rows[:-1]))
    made = run_project(find_project(short))
    assert (made.outcome, made.versions, made.overrides) == ("fail", [], [])


def test_it_does_not_outlive_the_rules_it_was_given_for(short):
    override(short)
    run_project(find_project(short))
    edit(short, "    sw.present(orders.customer),\n", "")
    made = run_project(find_project(short))
    assert (made.outcome, made.versions) == ("fail", [])
    checked = check_project(find_project(short), "data")
    assert (checked.outcome, checked.overrides) == ("fail", [])
    assert [refusal.obstacle for refusal in checked.refusals] == ["fail"]
    assert checked.refusals[0].lost.startswith("override ")


def test_a_version_that_needed_none_carries_one_it_was_trained_again_by_right_of(shop):
    edit(shop.root, "has_rows(orders) >= 10_000", "has_rows(orders) >= 10_000_000")
    assert run_project(shop.project).outcome == "fail"
    given = override(shop.root)
    made = run_project(shop.project)
    assert [version.number for version in made.versions] == [1]
    assert [each.override.id for each in made.versions[0].overrides] == [given.override.id]
    assert made.versions[0].bundle != shop.run.versions[0].bundle


def test_revoking_stops_training_and_leaves_what_was_trained_marked(short):
    name = override(short).override.id
    run_project(find_project(short))
    revoked = revoke_override(find_project(short), name[:6], by="ben", reason="it is not enough")
    assert revoked.said.endswith(f"{REASON}; revoked by ben: it is not enough")
    made = run_project(find_project(short))
    assert (made.outcome, made.versions, made.overrides) == ("fail", [], [])
    (line,) = list_models(find_project(short))
    assert [each.revoked_by for each in line.overrides] == ["ben"]
    status = read_status(find_project(short))
    assert (status.overrides, [refusal.obstacle for refusal in status.refusals]) == ([], ["fail"])
    with expect_refusal("SW-405"):
        revoke_override(find_project(short), name, by="ben", reason="again")
    again = override(short)
    assert (again.override.id, again.revoked_at) == (name, None)
    assert run_project(find_project(short)).outcome == "pass"


def test_giving_it_twice_is_giving_it_once(short):
    first, second = override(short), override(short)
    assert first == second
    assert override(short, by="ben").override.id != first.override.id


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({"gate": "dat"}, "SW-104", "there is no gate 'dat'"),
        ({"gate": "quality"}, "SW-405", "does not guard training"),
        ({"by": " "}, "SW-405", "name of who takes the responsibility is empty"),
        ({"reason": "\t"}, "SW-405", "reason is empty"),
        ({"data": "data:0123456789ab"}, "SW-405", "is not the data here"),
        ({"data": "data:"}, "SW-405", "is not the data here"),
    ],
)
def test_a_wrong_override_is_refused(short, changes, code, said):
    before = read_status(find_project(short)).entries
    with pytest.raises(ShipwayError, match=code) as refused:
        override(short, **changes)
    assert said in refused.value.fact
    assert read_status(find_project(short)).entries == before


def test_only_approvers_may_where_there_are_any(short):
    edit(
        short,
        '    sw.present(orders.customer),\n    before="training",\n',
        '    sw.present(orders.customer),\n    before="training",\n    approvers=["ana", "data-platform"],\n',
    )
    with pytest.raises(ShipwayError, match="SW-405") as refused:
        override(short, by="anna")
    assert refused.value.hint == "did you mean 'ana'?"
    name = override(short).override.id
    with expect_refusal("SW-405"):
        revoke_override(find_project(short), name, by="anna", reason="no")
    assert run_project(find_project(short)).outcome == "pass"
    edit(short, '["ana", "data-platform"]', '["data-platform"]')
    assert run_project(find_project(short)).outcome == "fail"


def test_without_data_there_is_nothing_to_override(fresh):
    with expect_refusal("SW-401"):
        override(fresh)


def test_there_must_be_a_verdict_against_the_data(shop):
    with pytest.raises(ShipwayError, match="SW-405") as refused:
        override(shop.root)
    assert "gate 'data' passed" in refused.value.fact
    edit(shop.root, "has_rows(orders) >= 10_000", "has_rows(orders) >= 10_000_000")
    with pytest.raises(ShipwayError, match="SW-405") as refused:
        override(shop.root)
    assert "has other rules now than those it judged" in refused.value.fact


def test_data_merged_by_hand_is_not_trained_on(short):
    with closing(Workspace(find_project(short))) as workspace:
        head = workspace.tables.head(INGEST)
        workspace.tables.merge(INGEST, MAIN, expect=None)
        assert workspace.tables.head(MAIN) == head
    status = read_status(find_project(short))
    assert (status.waiting, [refusal.obstacle for refusal in status.refusals]) == (None, ["fail"])
    assert run_project(find_project(short)).versions == []


def test_the_command_line_says_what_to_look_at_and_what_to_do(short, shipway):
    with pytest.raises(ShipwayError):
        show_model(find_project(short), "returned")
    failed = shipway("run", cwd=short)
    assert failed.code == 3
    assert "shipway check data --rows" in failed.out
    subject = failed.out.partition("--data ")[2].split()[0]
    checked = shipway("check", "data", "--rows", cwd=short)
    assert (checked.code, "waits to be admitted" in checked.out) == (3, True)
    given = shipway("check", "override", "data", "--data", subject, "--by", "ana", "--reason", REASON, cwd=short)
    assert (given.code, "shipway run goes on with this data" in given.out) == (0, True)
    name = given.out.split()[1]
    assert shipway("check", cwd=short).out.splitlines()[-1] in ("pass", "hold")
    revoked = shipway("check", "revoke", name, "--by", "ana", "--reason", "no", "--json", cwd=short)
    assert (revoked.code, revoked.document["revoked_by"]) == (0, "ana")
    assert "T" in revoked.document["given_at"]


def test_rows_that_break_a_rule_are_shown_with_their_key(fresh, shipway):
    edit(fresh, "sw.holds(orders.price > 0)", "sw.holds(orders.price > 50)")
    run_project(find_project(fresh))
    shown = shipway("check", "data", "--rows", "--json", cwd=fresh).document["rows"]
    assert [each["rule"] for each in shown] == ["holds(orders.price > 50)"]
    assert all(row["price"] <= 50 and "order_id" in row for row in shown[0]["rows"])
    assert str(shown[0]["rows"][0]["order_id"]) in shipway("check", "--rows", cwd=fresh).out
