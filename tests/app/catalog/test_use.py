"""Features in use: another type under a name that a version reads is refused, what it needs and is gone is told."""

import pytest

from shipway.app.catalog.use import find_gone, find_uses, refuse_changed_kinds
from shipway.app.project import find_project
from shipway.app.release import open_service, start_release
from shipway.app.run import run_project
from shipway.app.workspace import Workspace
from shipway.core.table import Field, Part, Snapshot
from shipway.testing.refusal import expect_refusal


def tables(**columns):
    """Return the orders as they would be taken in, of these types."""
    types = {"id": "Int64", "price": "Float64", "shop": "String", "placed": "Datetime(time_unit='us', time_zone='UTC')"}
    fields = tuple(Field(id=at, name=name, type=kind) for at, (name, kind) in enumerate((types | columns).items()))
    part = Part(digest="0" * 64, rows=1, size_bytes=1, schema=0)
    return {"orders": Snapshot(digest="0" * 64, schemas=(fields,), parts=(part,))}


def rewrite(desk, old, new):
    path = desk.root / "project.py"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.fixture
def served(desk):
    """Return a desk whose service answers with version 1 and tries 2, with a version 3 registered."""
    with desk.workspace() as workspace:
        for _ in range(3):
            desk.register(workspace)
        open_service(workspace, "desk", 1, 0)
        start_release(workspace, "desk", 2, 1)
    return desk


def test_versions_that_answer_walk_or_are_newest_are_in_use(served):
    with served.workspace() as workspace:
        uses = [(use.version.number, use.said) for use in find_uses(workspace.peek())]
    assert uses == [
        (1, "answers in service desk"),
        (2, "walks in service desk"),
        (3, "is the newest that may be released"),
    ]


def test_nothing_is_in_use_before_a_version_may_be_released(desk):
    with desk.workspace() as workspace:
        desk.register(workspace, outcome="fail", bundle=False)
        assert find_uses(workspace.peek()) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"price": orders.price', '"price": orders.price > 10', "basket_price is bool by orders.price > 10"),
        (
            '"sold_1d": w.count(orders.event("placed"), last="1d")',
            '"sold_1d": w.mean(orders.event("placed").price, last="1d")',
            "shop_sold_1d is float by w.mean(orders.placed.price",
        ),
    ],
)
def test_another_type_by_definition_is_refused_with_the_version(served, old, new, said):
    rewrite(served, old, new)
    with served.workspace() as workspace, expect_refusal("SW-305") as caught:
        refuse_changed_kinds(workspace, tables())
    assert said in caught[0].fact
    assert "late@1, which answers in service desk, was trained on it as" in caught[0].fact
    assert "another name" in caught[0].hint


def test_another_type_that_the_data_brings_is_refused(served):
    with served.workspace() as workspace, expect_refusal("SW-305") as caught:
        refuse_changed_kinds(workspace, tables(price="String"), redefined=True)
        refuse_changed_kinds(workspace, tables(price="String"))
    assert "basket_price is text" in caught[0].fact
    assert "as float" in caught[0].fact


def test_another_definition_of_the_same_type_is_let_through(served):
    rewrite(served, '"price": orders.price', '"price": orders.price * 2')
    rewrite(served, 'last="1d"', 'last="2d"')
    with served.workspace() as workspace:
        refuse_changed_kinds(workspace, tables())
        assert find_gone(workspace) == []


def test_feature_that_nobody_uses_may_change(desk):
    rewrite(desk, '"price": orders.price', '"price": orders.price > 10')
    with desk.workspace() as workspace:
        refuse_changed_kinds(workspace, tables())


def test_removed_and_renamed_features_are_told_with_who_needs_them(served):
    rewrite(served, '"price": orders.price', '"cost": orders.price')
    with served.workspace() as workspace:
        refuse_changed_kinds(workspace, tables())
        gone = find_gone(workspace)
    assert [(each.version, each.columns) for each in gone] == [
        ("late@1", ("basket_price",)),
        ("late@2", ("basket_price",)),
        ("late@3", ("basket_price",)),
    ]


def test_run_refuses_before_anything_is_committed_and_goes_on_under_a_new_name(shop):
    path = shop.root / "project.py"
    text = path.read_text()
    old = '"spent_30d": w.total(purchases.price, last="30d")'
    path.write_text(text.replace(old, '"spent_30d": w.total(purchases.price, last="30d") > 100'))
    with expect_refusal("SW-305") as caught:
        run_project(find_project(shop.root))
    assert "returned@1" in caught[0].fact
    workspace = Workspace(find_project(shop.root))
    assert workspace.main_commit().id == shop.run.commit
    workspace.close()
    path.write_text(text.replace(old, '"spent_much": w.total(purchases.price, last="30d") > 100'))
    events = []
    again = run_project(find_project(shop.root), watch=events.append)
    assert again.versions[0].number == 2
    told = [event.said for event in events if event.step == "features in use"]
    reads = "reads customer_spent_30d, declared no longer; it goes on by its own definition"
    assert told == [f"returned@1, which is the newest that may be released, {reads}"]
