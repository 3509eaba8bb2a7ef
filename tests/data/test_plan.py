"""A plan refuses a feature that its view cannot read, before any row is."""

import pytest

from shipway.core import window as w
from shipway.core.error import ShipwayError
from shipway.core.feature import Entity, Expr, FeatureView, Source
from shipway.data.plan import plan_views

TICKETS = Source("tickets", ("id",), ("tickets",), {"opened": ("priority", "customer"), "resolved": ("days",)})
RESOLVED = TICKETS.event("resolved")


@pytest.mark.parametrize(
    ("entity", "feature", "said"),
    [
        (Entity("customer", ("customer",)), RESOLVED.days, "the rows asked about are of tickets"),
        (None, w.count(RESOLVED, last="7d"), "about rows, not about an entity"),
    ],
)
def test_a_feature_its_view_cannot_read_is_refused(entity: Entity | None, feature: Expr, said: str) -> None:
    view = FeatureView("v", entity, {"f": feature})
    with pytest.raises(ShipwayError, match="SW-106") as refused:
        plan_views(TICKETS, TICKETS.opened, (view,), {"tickets": TICKETS})
    assert said in refused.value.fact
