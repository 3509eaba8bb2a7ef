"""A declared leak is refused and priced by what the project says today."""

from pathlib import Path

import pytest

from shipway.app.project import find_project
from shipway.app.run import RunReport, run_project
from shipway.core.error import ShipwayError

VISITS = '''

@sw.source(key="order_id", raw="orders", known_at={"late": ("product",), "early": (), "always": ("price",)})
def baskets(orders: pl.DataFrame) -> pl.DataFrame:
    """Make a second table of the same orders."""
    early = pl.col("placed").str.to_datetime(time_unit="us", time_zone="UTC")
    return orders.with_columns(early=early, late=early + pl.duration(days=1))


seen = feature_view("seen", entity("thing", "product"), {"n": w.count(baskets.event("early"), last="7d")})
sw.leak("basket_early", model=train, add=seen)
'''
SWAPPED = '\n\nsw.leak("early", model=train, swap={settlements: purchases})\n'


def append(root: Path, text: str) -> None:
    """Add to a project's definitions."""
    with (root / "project.py").open("a") as file:
        file.write(text)


def run(root: Path) -> RunReport:
    """Run a project as a new process would."""
    return run_project(find_project(root))


def test_a_leak_is_refused_by_what_every_source_it_reads_declares_today(fresh: Path) -> None:
    """The leak's own declaration and the data are the same; that the key is known early makes it none."""
    append(fresh, VISITS)
    assert [refusal.column for refusal in run(fresh).leaks[0].refusals] == ["baskets.product"]
    text = (fresh / "project.py").read_text()
    (fresh / "project.py").write_text(
        text.replace('"late": ("product",), "early": ()', '"late": (), "early": ("product",)')
    )
    with pytest.raises(ShipwayError, match="SW-106") as refused:
        run(fresh)
    assert "'basket_early' is none" in refused.value.fact


def test_a_leak_has_no_price_while_no_row_of_the_test_period_has_a_label(fresh: Path) -> None:
    append(fresh, SWAPPED)
    toml = fresh / "shipway.toml"
    toml.write_text(toml.read_text().replace("test = [2024-09-01, 2024-12-01]", "test = [2026-09-01, 2026-12-01]"))
    (price,) = run(fresh).leaks
    assert (price.claimed, price.served) == (None, None)
    assert price.refusals


def test_a_leak_claims_more_than_it_gets(fresh: Path) -> None:
    append(fresh, SWAPPED)
    (price,) = run(fresh).leaks
    assert price.claimed is not None
    assert price.served is not None
    assert price.claimed.skill[0] > price.served.skill[0]


def test_a_leak_of_a_model_of_classes_has_a_price(classes) -> None:
    append(classes.root, SWAPPED)
    (leak,) = run(classes.root).leaks
    assert leak.claimed is not None
    assert leak.served is not None
    assert leak.claimed.skill[0] > leak.served.skill[0]
    assert leak.claimed.loss[1] > 0
    assert 0.5 < leak.served.mean < 1
    assert leak.served.mean_p == pytest.approx(leak.served.mean, abs=0.2)
    assert leak.refusals
