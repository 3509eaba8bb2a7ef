"""Proposals are written as Python that a project can hold."""

from shipway.core.check import natural_rule
from shipway.core.data_check import has_rows, present
from shipway.core.feature import Source
from shipway.core.proposal import Survey, write_gate, write_module
from shipway.core.registry import collecting

orders = Source("orders", ("id",), (), {"always": ("price",)})
GROUPS = [
    ("orders: 10 rows", [(natural_rule(present(orders.price)), "never null"), (has_rows(orders) >= 5, "x " * 60)])
]


def test_a_gate_can_be_pasted():
    text = write_gate("inferred", GROUPS)
    assert "    sw.present(orders.price),  # never null\n" in text
    assert all(len(line) <= 130 for line in text.splitlines())
    import shipway as sw

    with collecting() as registry:
        exec(text, {"sw": sw, "orders": orders})  # our own text
    assert [rule.text for rule in registry.gates["inferred"].rules] == [
        "present(orders.price)",
        "has_rows(orders) >= 5",
    ]


def test_a_module_declares_the_gate_on_the_sources_it_is_given():
    text = write_module("inferred", ["orders"], GROUPS, head="Rules.")
    namespace = {}
    exec(text, namespace)  # our own text
    with collecting() as registry:
        namespace["declare"](orders)
    assert registry.gates["inferred"].before == "training"


def test_a_survey_says_how_much_it_rests_on():
    assert Survey(table="t", rows=1_000, instant="", days=0, deliveries=0).said.startswith("t: 1,000 rows, which")
    said = Survey(table="t", rows=1_000, instant="at", days=9, deliveries=9).said
    assert said == "t: 1,000 rows over 9 days by at, taken as 9 deliveries"
