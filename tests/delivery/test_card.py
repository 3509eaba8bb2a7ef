import pytest

from shipway.core.bundle import Parity
from shipway.core.check import Evidence
from shipway.core.gate import Finding, Verdict
from shipway.delivery.card import write_card, write_parity


def make_evidence(check, value, low, high, n=900, **more):
    return Evidence(check=check, subject="model:delay@3", value=value, low=low, high=high, n=n, **more)


def make_card(**changes):
    slices = {
        "tested": 40, "under_support": 1_200, "worst": "hour_band=04h", "worst_difference": 0.0086, "worst_p": 1e-9,
        "baseline": "version 2", "loss": "log loss",
    }  # fmt: skip
    findings = (
        Finding(rule="auc >= 0.7", outcome="pass", reason="0.77 [0.76, 0.78]", evidence="e1"),
        Finding(rule="a | b", outcome="fail", reason="3 of 40 slices", evidence="e2"),
    )
    facts = {
        "model": "delay",
        "version": 3,
        "purpose": "Will this flight be late?\n\n    Asked two hours before.",
        "label": "landings.arr_delay > 15",
        "at": 'flights.scheduled - "2h"',
        "training": {"format": "lightgbm", "rows": 160_675, "rate": 0.249, "cut": 1_372_636_800_000_000},
        "evidence": {
            "auc": make_evidence("auc", 0.7722, 0.7651, 0.7793, clusters=62),
            "slice_regression": make_evidence("slice_regression", 1.0, 1.0, 1.0, facts=slices),
            "storms": make_evidence("storms", 0.0, 0.0, 1.0, n=0),
        },
        "verdicts": [Verdict(gate="quality", subject="model:delay@3", outcome="fail", findings=findings)],
        "owner": "ops",
    }
    return write_card(**{**facts, **changes})


def test_a_card_says_what_a_person_asks():
    card = make_card()
    assert card.startswith("# delay@3\n\nWill this flight be late?\n\nAsked two hours before.\n\n## Prediction\n")
    for line in (
        "- predicts: `landings.arr_delay > 15`",
        '- asked at: `flights.scheduled - "2h"`',
        "- owner: ops",
        "- rows: 160,675",
        "- label is true in: 24.9% of them",
        "- known by: 2013-07-01T00:00:00Z",
        "- format: lightgbm",
        "| `auc` | 0.7722 [0.7651, 0.7793] | 900 | 62 |",
        "| `slice_regression` | 1 | 900 |  |",
        "| `storms` | nothing to measure | 0 |  |",
        "Gate `quality`: **fail**.",
        "| `auc >= 0.7` | pass | 0.77 [0.76, 0.78] |",
        "| `a \\| b` | fail | 3 of 40 slices |",
        "- hour_band=04h: +0.0086 log loss against version 2, the worst of `slice_regression`",
        "- 1,200 slices of `slice_regression` have too few rows to be judged",
        "- Learned only from what was known by 2013-07-01T00:00:00Z; later changes of the world are not in it.",
    ):
        assert line in card.splitlines(), line


def test_sections_come_in_order_and_once():
    titles = [line[3:] for line in make_card().splitlines() if line.startswith("## ")]
    assert titles == [
        "Prediction", "Training", "Measured on later rows", "Verdict", "Slices to watch", "Intended use", "Limits",
    ]  # fmt: skip


def test_what_is_not_known_is_said_to_be():
    card = make_card(verdicts=[], evidence={}, owner="", purpose="", limits=["Not for charters."])
    assert "No gate judged this model." in card
    assert "## Slices to watch\n\nNone was measured.\n" in card
    assert "owner" not in card
    assert card.startswith("# delay@3\n\n## Prediction\n")
    assert "- Not for charters." in card


def test_a_verdict_by_a_person_names_them():
    verdict = Verdict(gate="quality", subject="model:delay@3", outcome="pass", findings=(), by="ada")
    assert "Gate `quality`: **pass**, decided by ada." in make_card(verdicts=[verdict])


def test_equal_input_gives_equal_text():
    assert make_card() == make_card()
    evidence = {"b": make_evidence("b", 1.0, 0.0, 2.0), "a": make_evidence("a", 1.0, 0.0, 2.0)}
    assert make_card(evidence=evidence) == make_card(evidence=dict(reversed(evidence.items())))


def test_parity_is_a_section():
    section = write_parity(Parity(rows=20_000, largest=1.94e-7, mean=2.5e-8, tolerance=1e-4))
    assert section.splitlines() == [
        "## Portable form",
        "",
        "- compared: 20,000 rows, native form against ONNX",
        "- largest difference: 1.94e-07 (allowed 1e-04)",
        "- mean difference: 2.50e-08",
    ]
    assert section.endswith("\n")


@pytest.mark.parametrize(
    ("difference", "said"), [(0.001, "the likeliest to be worse"), (-0.02, "the one that gained least")]
)
def test_a_slice_that_is_no_regression_is_not_called_the_worst(difference, said):
    facts = {"worst": "month=2013-12", "worst_difference": difference, "loss": "log loss", "baseline": "base rate"}
    found = make_evidence("slice_regression", 0.0, 0.0, 0.0, facts=facts)
    line = f"- month=2013-12: {difference:+.4f} log loss against base rate, {said} of `slice_regression`"
    assert line in make_card(evidence={"slice_regression": found}).splitlines()


def test_a_search_is_told_by_its_lines() -> None:
    facts = {"baseline": "version 2", "tested": 4100, "under_support": 0, "unit": "log loss", "told": []}
    nothing = make_card(evidence={"search": make_evidence("search", 0.0, 0.0, 0.0, facts=facts)})
    assert "- none of 4,100 slices searched by `search` is worse than version 2" in nothing.splitlines()
    facts["told"] = [{"slice": "hour_band=04h", "n": 33_881, "difference": 0.0086}]
    some = make_card(evidence={"search": make_evidence("search", 9.0, 9.0, 9.0, facts=facts)})
    line = "- hour_band=04h: +0.0086 log loss against version 2 over 33,881 rows, found by `search`"
    assert line in some.splitlines()


def test_a_number_is_said_to_be_one():
    training = {
        "format": "lightgbm",
        "rows": 160_675,
        "label": "number",
        "mean": 6.895377,
        "cut": 1_372_636_800_000_000,
    }
    lines = make_card(label="landings.arr_delay", training=training, evidence={}).splitlines()
    for line in (
        "- predicts: `landings.arr_delay`",
        "- rows: 160,675",
        "- label is on average: 6.89538",
        "- format: lightgbm",
    ):
        assert line in lines, line
    text = " ".join(lines)
    assert "It is a number, not a decision: what to do at which one depends on what it costs to be too high" in text
    assert "probability" not in text
    assert "It is a probability, not a decision" in make_card()


def test_classes_are_listed_with_their_shares():
    training = {
        "format": "lightgbm",
        "rows": 160_675,
        "label": "class",
        "classes": ["early", "la|te", "on the way"],
        "shares": [0.5, 0.3012, 0.1988],
        "cut": 1_372_636_800_000_000,
    }
    card = make_card(label="parcels.fate", training=training, evidence={})
    table = (
        "- format: lightgbm\n\n| class | share of rows |\n| --- | --- |\n| `early` | 50.0% |\n| `la\\|te` | 30.1% |\n"
    )
    assert table in card
    assert "shares" not in card
    text = " ".join(card.splitlines())
    assert (
        "It is a probability of each class, not a decision: what to do at which one depends on what it costs to take"
        in text
    )
    assert "A class that training did not see is never said" in text
    assert "never said" not in make_card()


def test_what_the_data_says_does_nothing_in_a_card():
    names = ["a`b``c", "<img src=x onerror=alert(1)>", "two\nlines\x07", "[here](http://x)"]
    training = {"rows": 4, "label": "class", "classes": names, "shares": [0.25] * 4}
    slices = {
        "worst": "carrier=<b>`x`\n# head", "worst_difference": 0.01, "worst_p": 1e-9, "baseline": "version 2",
        "loss": "log loss",
    }  # fmt: skip
    evidence = {"slices": make_evidence("slices", 1.0, 1.0, 1.0, facts=slices)}
    card = make_card(training=training, evidence=evidence, verdicts=[])
    assert "| ``` a`b``c ``` | 25.0% |" in card
    assert "| `<img src=x onerror=alert(1)>` | 25.0% |" in card
    assert "| `two lines ` | 25.0% |" in card
    assert "- carrier=&lt;b>\\`x\\` # head: +0.0100" in card
    assert "\n# head" not in card
    told = make_card(verdicts=[
        Verdict(gate="g", subject="model:delay@3", outcome="fail", findings=(
            Finding(rule="a", outcome="fail", reason="see [here](http://x) & <b>", evidence="e1"),
        )),
    ])  # fmt: skip
    assert "| `a` | fail | see [here]\\(http://x) &amp; &lt;b> |" in told
