"""The made-up shop of the template: a year of orders, some of which come back, for reasons a model can find.

Who buys, what is bought, and a product that turns bad in summer all move the odds of a return; none of it is written in
the file. It is a snapshot of the first day of 2025: an order that may still come back then has no outcome yet.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

ORDERS: Final = 24_000
CUSTOMERS: Final = 1_200
PRODUCTS: Final = 120
START: Final = np.datetime64("2024-01-01T00:00:00")
SNAPSHOT: Final = np.datetime64("2025-01-01T00:00:00")
TURNS_BAD: Final = np.datetime64("2024-06-15T00:00:00")
WINDOW_MINUTES: Final = 30 * 24 * 60
"""How long an order can come back."""
CATEGORIES: Final = {"books": -1.2, "dresses": 1.0, "garden": -0.4, "shoes": 0.8, "toys": -0.5, "tools": -0.6}
CHANNELS: Final = {"app": 0.2, "shop": -0.9, "web": 0.1}
_Floats = NDArray[np.float64]


def make_orders(seed: int = 7) -> str:
    """Return the orders as CSV, oldest first; equal seeds give equal text."""
    random = np.random.default_rng(seed)
    minutes = np.sort(random.integers(0, int((SNAPSHOT - START) / np.timedelta64(1, "m")), ORDERS))
    placed = START + minutes.astype("timedelta64[m]")
    customer = random.choice(CUSTOMERS, ORDERS, p=_shares(random.gamma(0.7, 1.0, CUSTOMERS)))
    product = random.choice(PRODUCTS, ORDERS, p=_shares(random.gamma(1.0, 1.0, PRODUCTS)))
    category = random.integers(0, len(CATEGORIES), PRODUCTS)[product]
    price = np.round(np.exp(random.normal(3.6, 0.7, PRODUCTS)), 2)[product]
    discount = random.choice([0, 10, 20, 30], ORDERS, p=[0.6, 0.2, 0.15, 0.05])
    channel = random.choice(len(CHANNELS), ORDERS, p=[0.35, 0.15, 0.5])
    bad = np.isin(product, random.choice(PRODUCTS, 12, replace=False)) & (placed >= TURNS_BAD)
    odds = (
        -1.9
        + random.normal(0.0, 0.9, CUSTOMERS)[customer]
        + random.normal(0.0, 0.5, PRODUCTS)[product]
        + np.array(list(CATEGORIES.values()))[category]
        + np.array(list(CHANNELS.values()))[channel]
        + 0.4 * np.log(price / 40.0)
        - 0.02 * discount
        + 1.5 * bad
    )
    returned = random.random(ORDERS) < 1.0 / (1.0 + np.exp(-odds))
    days = np.minimum(2.0 + random.exponential(8.0, ORDERS), 29.0)
    after = np.where(returned, (days * 24 * 60).astype(np.int64), WINDOW_MINUTES)
    settled = placed + after.astype("timedelta64[m]")
    open_still = settled >= SNAPSHOT
    columns = {
        "order_id": np.arange(1, ORDERS + 1).astype(str),
        "placed": placed.astype(str),
        "settled": np.where(open_still, "", settled.astype(str)),
        "returned": np.where(open_still, "", returned.astype(np.int64).astype(str)),
        "customer": np.char.add("c", np.char.zfill(customer.astype(str), 4)),
        "product": np.char.add("p", np.char.zfill(product.astype(str), 3)),
        "category": np.array(list(CATEGORIES))[category],
        "channel": np.array(list(CHANNELS))[channel],
        "price": np.char.mod("%.2f", price),
        "discount": discount.astype(str),
    }
    rows = zip(*(values.tolist() for values in columns.values()), strict=True)
    return "\n".join([",".join(columns), *(",".join(row) for row in rows), ""])


def _shares(weights: _Floats) -> _Floats:
    return weights / weights.sum()
