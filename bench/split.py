"""Do the shares of a service hold, and does a unit ever flip while they only grow?

usage: split.py [--units N]     a million by default

A million units are assigned by `Routing.choose` at the weights of a walk, 1 %, 2 %, 5 %, 10 %, 25 %, 50 %, 90 % and
100 %, under 20 salts of 50,000 units each and under one salt for all of them. Exits with 0 if every share is within
five standard errors of its weight, no unit that the candidate answered once goes back while weights grow, assignments
under two salts are independent (their overlap is within five standard errors of chance), tenants of rules never leave
their version whatever the weight, and the share of the log holds and only grows likewise.
"""

import argparse
import sys
import time

from shipway.core.service import Routing, Rule, Terms, Variant

WALK = (0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 0.9, 1.0)
SALTS = 20
MOST_ERRORS = 5.0
STABLE, TRIED = (Variant(version=number, bundle=str(number), online="main") for number in (1, 2))
RULES = (
    Rule(header="x-tenant", value="careful", to="stable"),
    Rule(header="x-tenant", value="eager", to="candidate"),
)


def route(weight: float, salt: str, log: float = 1.0) -> Routing:
    """Return a routing between two versions."""
    terms = Terms(rules=RULES, log=log)
    return Routing(
        service="s", model="m", stable=STABLE, candidate=TRIED, weight=weight, salt=salt, token=1, terms=terms
    )


def measure_off(chosen: int, units: int, share: float) -> float:
    """Return how far a number of units is from its share, in standard errors."""
    spread = (units * share * (1 - share)) ** 0.5
    return abs(chosen - units * share) / spread if spread else float(chosen != units * share)


def walk(units: list[str], salt: str) -> tuple[float, int, list[bool]]:
    """Return how far shares were off at most, how many units flipped back, and who was in at 50 %."""
    off, flips = 0.0, 0
    before, half = [False] * len(units), list[bool]()
    for weight in WALK:
        choose = route(weight, salt).choose
        now = [choose(unit) for unit in units]
        off = max(off, measure_off(sum(now), len(units), weight))
        flips += sum(was and not still for was, still in zip(before, now, strict=True))
        before = now
        if weight == 0.5:
            half = now
    return off, flips, half


def main() -> int:
    """Print what was found; return 0 if everything holds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--units", type=int, default=1_000_000)
    given = parser.parse_args()
    begun = time.process_time()
    units = [f"customer {number}" for number in range(given.units)]
    off, flips, half = walk(units, "release 1")
    print(f"{given.units:,} units: shares off by {off:.2f} standard errors at most, {flips} flipped back")
    _, _, other = walk(units[: given.units // 2], "release 2")
    both = sum(a and b for a, b in zip(half, other, strict=False))
    apart = measure_off(both, len(other), 0.25)
    print(f"two salts: {both / len(other):.2%} of the units in both halves, {apart:.2f} standard errors from chance")
    some = given.units // SALTS
    offs, back = zip(*[walk(units[n * some : (n + 1) * some], f"salt {n}")[:2] for n in range(SALTS)], strict=True)
    print(f"{SALTS} salts of {some:,} units: off by {max(offs):.2f} standard errors at most, {sum(back)} flipped back")
    kept = before = 0
    for share in (0.01, 0.1, 0.5):
        keeps = route(0.5, "release 1", share).keeps
        kept = sum(map(keeps, units))
        off = max(off, measure_off(kept, len(units), share))
        if kept < before:
            flips += 1
        before = kept
    print(f"log: off by {off:.2f} standard errors at most with those above")
    found = {tenant: route(1e-9, "a").find_rule({"x-tenant": tenant}) for tenant in ("careful", "eager", "other")}
    ruled = {tenant: None if rule is None else rule.to for tenant, rule in found.items()} == {
        "careful": "stable",
        "eager": "candidate",
        "other": None,
    }
    print(f"rules: {'kept' if ruled else 'NOT kept'}; {time.process_time() - begun:.0f} s of processor time")
    within = max(off, apart, *offs) <= MOST_ERRORS and not flips and not sum(back) and ruled
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
