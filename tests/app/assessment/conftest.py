"""The shop's version, assessed where acting has a price."""

import pytest

PRICE = "sw.decision_value(act_if_true=6, act_if_false=2, skip_if_true=15)"


@pytest.fixture
def priced(shop):
    """Return the shop with a price on acting in its quality gate; its version was made before that."""
    path = shop.root / "project.py"
    path.write_text(path.read_text().replace("    sw.calibration_gap <= 0.03,\n", f"    {PRICE},\n"))
    return shop
