"""Will this order be returned? Asked at the moment it is placed.

This file says what things are; shipway.toml says where they come from and when. `shipway run` makes everything.
"""

import polars as pl

import shipway as sw
from shipway import entity, feature_view
from shipway import windows as w


# A source is a table in which every column says when its value becomes known. That is the one question worth thinking
# about: whether an order comes back stands in the same row as its price, but it is known weeks later.
@sw.source(
    key="order_id",
    raw="orders",
    known_at={
        "placed": ("customer", "product", "category", "channel", "price", "discount", "weekday", "hour"),
        "settled": ("returned",),
        "closed": (),
    },
)
def orders(orders: pl.DataFrame) -> pl.DataFrame:
    """Make one row an order; it is settled when it comes back, or when it no longer can, after 30 days."""
    placed, settled = (pl.col(name).str.to_datetime(time_unit="us", time_zone="UTC") for name in ("placed", "settled"))
    return orders.with_columns(
        placed=placed,
        settled=settled,
        closed=placed + pl.duration(days=30),
        weekday=placed.dt.weekday(),
        hour=placed.dt.hour(),
        returned=pl.col("returned") == 1,
    )


# An event is a source seen as a stream: its rows, as they become known at one of its instants.
purchases, settlements, closings = orders.event("placed"), orders.event("settled"), orders.event("closed")

# The label is read when an order is closed. Read when it is settled, the newest orders would all seem to come back,
# because those that are kept are settled last.
returned = sw.label("returned", closings.returned.equals(True))

# A view is a set of features of one thing. Windows end at the moment of the question, and hold what was known by then.
basket = feature_view(
    "basket", orders, {name: orders[name] for name in ("category", "channel", "price", "discount", "weekday", "hour")}
)
customer = feature_view(
    "customer",
    entity("customer"),
    {
        "orders_90d": w.count(purchases, last="90d"),
        "returned_90d": w.share(settlements.returned, last="90d"),
        "spent_30d": w.total(purchases.price, last="30d"),
        "settled_days": w.age(settlements) / "1d",
    },
)
product = feature_view(
    "product",
    entity("product"),
    {
        "sold_7d": w.count(purchases, last="7d"),
        "returned_60d": w.share(settlements.returned, last="60d"),
        "price_mean_30d": w.mean(purchases.price, last="30d"),
    },
)


# A gate is a list of rules that must all pass before something happens. Each is a check compared with a bound; where
# the evidence is not enough to say, the answer is hold, and hold is not pass.
sw.gate(
    "data",
    sw.has_columns(orders, order_id="int", customer="text", price="float", returned="bool"),
    sw.has_rows(orders) >= 10_000,
    sw.unique(orders.order_id),
    sw.holds(orders.price > 0),
    sw.holds(orders.settled >= orders.placed),
    sw.present(orders.customer),
    before="training",
)
sw.gate(
    "quality",
    sw.auc >= 0.65,
    sw.log_loss.better_than("basket_only"),
    sw.calibration_gap <= 0.03,
    sw.slice_regression("category", "channel").no_regression(),
    sw.never_lowers("more returns before", {customer.returned_90d: 0.1, product.returned_60d: 0.1}),
    before="release",
)


# A model: which rows, asked when, from which features, predicting what. The function below trains it and nothing else;
# what it may learn from (rows asked before the cut whose label was known by then) has been chosen already. What only it
# needs is imported in it, so that commands that train nothing need not wait for that.
@sw.model(
    "returned",
    on=orders,
    at=orders.placed,
    label=returned,
    features=[basket, customer, product],
    rising=[customer.returned_90d, product.returned_60d],
    baselines={"basket_only": [basket]},
)
def train(frame: sw.TrainFrame, *, rounds: int = 80, leaves: int = 15, rate: float = 0.08):
    """Boost trees on everything that was known when the order was placed."""
    import lightgbm

    data = lightgbm.Dataset(frame.x, frame.y, categorical_feature=frame.category_columns)
    params = {
        "objective": "binary",
        "learning_rate": rate,
        "num_leaves": leaves,
        "min_data_in_leaf": 50,
        "monotone_constraints": list(frame.monotone),
        "num_threads": frame.threads,
        "seed": frame.seed,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    return lightgbm.train(params, data, num_boost_round=rounds)
