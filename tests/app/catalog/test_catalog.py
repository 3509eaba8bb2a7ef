"""The catalog of the shop: what it says is what is declared, what was admitted, and what the ledger remembers."""

import msgspec
import polars as pl
import pytest

from shipway.app.catalog.collection import collect_catalog
from shipway.app.catalog.question import list_views, search_catalog, show_entries, trace_lineage
from shipway.app.feature import export_frame
from shipway.app.project import find_project
from shipway.app.run import run_project
from shipway.kit.duration import DAY
from shipway.testing.refusal import expect_refusal

NOTED = {
    'basket = feature_view(\n    "basket", orders, {': 'basket = feature_view(\n    "basket", orders, {',
    'entity("customer"),': 'entity("customer", doc="Who buys", tags="people"),',
    '"settled_days": w.age(settlements) / "1d",\n    },\n)': '"settled_days": w.age(settlements) / "1d",\n    },\n'
    '    owner="crm", doc="What a customer did lately.\\n\\nAsked at the till.", tags=("people", "money"),\n'
    '    docs={"*_90d": "over a quarter", "spent_30d": "EUR, without discounts"},\n)',
    '    raw="orders",\n': '    raw="orders",\n    fresh="5m",\n    tags="core",\n',
}


@pytest.fixture(scope="module")
def noted(ran_shop, tmp_path_factory):
    """Return the shop with notes, run before it had them."""
    import shutil

    root = shutil.copytree(ran_shop.root, tmp_path_factory.mktemp("noted") / "shop")
    note(root)
    return find_project(root)


def note(root):
    path = root / "project.py"
    text = path.read_text()
    for old, new in NOTED.items():
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)


def names(entries):
    return [entry.name for entry in entries]


def test_a_note_rebuilds_nothing_and_names_no_other_bundle(shop):
    note(shop.root)
    project = find_project(shop.root)
    again = run_project(project)
    assert [task.name for task in again.tasks if not task.unchanged] == []
    assert again.versions[0].bundle == shop.run.versions[0].bundle


def test_views_say_what_is_declared_of_them(noted):
    views = {view.name: view for view in list_views(noted)}
    assert list(views) == ["basket", "customer", "product"]
    assert (views["basket"].about, views["basket"].keys) == ("orders", ("order_id",))
    customer = views["customer"]
    assert (customer.about, customer.keys, customer.owner) == ("customer", ("customer",), "crm")
    assert customer.tags == ("people", "money")
    docs = {each.name: each.doc for each in customer.features}
    assert docs == {
        "customer.orders_90d": "over a quarter",
        "customer.returned_90d": "over a quarter",
        "customer.spent_30d": "EUR, without discounts",
        "customer.settled_days": "",
    }
    assert {each.name: each.type for each in views["basket"].features} == {
        "basket.category": "text",
        "basket.channel": "text",
        "basket.price": "float",
        "basket.discount": "int",
        "basket.weekday": "int",
        "basket.hour": "int",
    }


@pytest.mark.parametrize(
    ("conditions", "found"),
    [
        ({"source": "orders"}, ["basket", "customer", "product"]),
        ({"entity": "product"}, ["product"]),
        ({"owner": "crm"}, ["customer"]),
        ({"tag": "money"}, ["customer"]),
        ({"model": "returned", "entity": "customer"}, ["customer"]),
        ({"tag": "money", "entity": "product"}, []),
    ],
)
def test_views_are_listed_by_what_they_have(noted, conditions, found):
    assert names(list_views(noted, **conditions)) == found


@pytest.mark.parametrize("kind", ["source", "entity", "owner", "tag", "model"])
def test_unknown_condition_is_refused(noted, kind):
    with expect_refusal("SW-104") as caught:
        list_views(noted, **{kind: "moneyy" if kind == "tag" else "nobody at all"})
    assert kind in caught[0].fact


def test_projects_owner_answers_where_nobody_else_is_named(noted, tmp_path):
    import shutil

    root = shutil.copytree(noted.root, tmp_path / "shop")
    toml = root / "shipway.toml"
    toml.write_text(toml.read_text().replace('owner = ""', 'owner = "the returns desk"'))
    owners = {view.name: view.owner for view in list_views(find_project(root))}
    assert owners == {"basket": "the returns desk", "customer": "crm", "product": "the returns desk"}


def test_source_says_when_columns_are_known_and_how_late_it_is(noted):
    (orders,) = show_entries(noted, "source:orders")
    known = {column.name: (column.kind, column.known_at) for column in orders.columns}
    assert known["returned"] == ("bool", "settled")
    assert known["price"] == ("float", "placed")
    assert known["order_id"] == ("int", "always")
    assert (orders.rows, orders.tags, orders.raw) == (24_000, ("core",), ("orders",))
    fresh = orders.freshness
    now = noted.instant(noted.config.project.at)
    assert (fresh.age_us, fresh.late) == (now - fresh.newest_at, True)
    assert 0 < fresh.age_us < DAY


def test_planned_instants_say_nothing_of_freshness(noted):
    """Orders close 30 days after they are placed, which lies in the future of the newest."""
    (orders,) = show_entries(noted, "source:orders")
    assert orders.freshness.newest_at <= noted.instant(noted.config.project.at)


def test_definition_is_printed_as_it_would_be_written(noted):
    (customer,) = show_entries(noted, "view:customer")
    assert customer.definition == (
        "sw.feature_view(\n"
        '    "customer",\n'
        "    customer,\n"
        "    {\n"
        '        "orders_90d": w.count(orders.placed, last="90d"),\n'
        '        "returned_90d": w.share(orders.settled.returned, last="90d"),\n'
        '        "spent_30d": w.total(orders.placed.price, last="30d"),\n'
        '        "settled_days": w.age(orders.settled) / "1d",\n'
        "    },\n"
        '    owner="crm",\n'
        '    doc="What a customer did lately.\\n\\nAsked at the till.",\n'
        '    tags=("people", "money"),\n'
        "    docs={\n"
        '        "orders_90d": "over a quarter",\n'
        '        "returned_90d": "over a quarter",\n'
        '        "spent_30d": "EUR, without discounts",\n'
        "    },\n"
        ")"
    )
    (label,) = show_entries(noted, "returned")
    assert label.definition == 'sw.label("returned", orders.closed.returned.equals(True))'
    (source,) = show_entries(noted, "source:orders")
    assert 'fresh="5m",\n    tags="core",\n)\ndef orders(orders): ...' in source.definition
    (entity,) = show_entries(noted, "entity:customer")
    assert entity.definition == 'sw.entity("customer", doc="Who buys", tags="people")'


def test_a_name_that_kinds_share_shows_both(noted):
    assert [entry.kind for entry in show_entries(noted, "customer")] == ["entity", "view"]
    assert names(show_entries(noted, "customer_spent_30d")) == names(show_entries(noted, "customer.spent_30d"))


def test_statistics_are_those_of_the_frame_and_are_not_made_again(ran_shop, tmp_path):
    path = tmp_path / "frame.parquet"
    export_frame(ran_shop.project, "returned", path)
    frame = pl.read_parquet(path)
    before = {task.name for task in ran_shop.run.tasks}
    assert "describe returned" in before
    features = [each for view in collect_catalog(ran_shop.project).views for each in view.features]
    assert len(features) == 13
    for each in features:
        values = frame[each.column]
        assert each.statistic.missing == values.null_count()
        if each.statistic.deviation is not None:
            assert each.statistic.mean == pytest.approx(values.mean())


def test_before_a_run_there_is_what_is_declared(fresh):
    catalog = collect_catalog(find_project(fresh), fresh=True)
    assert catalog.commit is None
    (orders,) = catalog.sources
    assert (orders.rows, orders.columns[0].kind, orders.freshness.newest_at) == (None, None, None)
    assert {each.type for view in catalog.views for each in view.features} <= {None, "int", "float"}
    assert not (fresh / ".shipway").exists()


@pytest.mark.parametrize(
    ("words", "first"),
    [
        ("spent", "customer.spent_30d"),
        ("discounts EUR", "customer.spent_30d"),
        ("custmer", "customer"),
        ("crm", "customer.orders_90d"),
        ("quarter returned", "customer.returned_90d"),
        ("weekday", "basket.weekday"),
    ],
)
def test_search_finds_by_name_description_owner_and_column(noted, words, first):
    assert first in names(hit.entry for hit in search_catalog(noted, words))[:3]


def test_lineage_leads_from_raw_input_to_version_and_gate(ran_shop):
    (traced,) = trace_lineage(ran_shop.project, "view:customer")
    assert flat(traced.up) == [
        "stream:orders.placed",
        "source:orders",
        "raw:orders",
        "stream:orders.settled",
        "entity:customer",
    ]
    assert flat(traced.down) == ["model:returned", "version:returned@1", "gate:quality"]
    (feature,) = trace_lineage(ran_shop.project, "customer.spent_30d", down=False)
    assert flat(feature.up) == ["stream:orders.placed", "source:orders", "raw:orders", "entity:customer"]
    assert feature.down is None


def test_gate_hangs_on_the_features_and_sources_that_its_rules_name(ran_shop):
    (quality,) = trace_lineage(ran_shop.project, "quality", down=False)
    assert {"view:customer", "view:product", "model:returned"} <= set(flat(quality.up))
    (data,) = trace_lineage(ran_shop.project, "data", down=False)
    assert flat(data.up) == ["source:orders", "raw:orders"]
    (gated,) = show_entries(ran_shop.project, "product.sold_7d")
    assert "gate" in gated.links.downstream  # of the model that the view feeds
    (unnamed,) = trace_lineage(ran_shop.project, "product.returned_60d", up=False)
    assert "gate:quality" in flat(unnamed.down)


def test_catalog_is_one_json_document(ran_shop):
    again = msgspec.json.decode(msgspec.json.encode(collect_catalog(ran_shop.project)))
    assert [view["name"] for view in again["views"]] == ["basket", "customer", "product"]


def flat(branch):
    """Return the nodes below a branch in order, each once."""
    found = dict.fromkeys(name for below in branch.below for name in (below.node, *flat(below)))
    return list(found)
