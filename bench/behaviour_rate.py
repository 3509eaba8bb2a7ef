"""How often does the interval of a failure rate hold the rate? Wilson's on rows in day clusters, and on rows alone.

Cases come in days that share their luck: the chance to fail on a day is drawn from a beta distribution with the rate as
its mean and an intraclass correlation of rho. For each rate and rho, 2,000 draws of 60 days of 40 cases. Printed is
the share of draws whose 95 % interval holds the rate, with the design effect divided out and as if rows were
independent, and how often a gate `<= bound` passes where the rate is twice the bound, or fails where it is half of it:
the two errors of a rule on a sample.

    python bench/behaviour_rate.py [draws]
"""

import sys

import numpy as np

from shipway.maths.proportion import clustered_wilson

DAYS, CASES = 60, 40


def main() -> int:
    draws = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    random = np.random.default_rng(44)
    days = np.repeat(np.arange(DAYS), CASES)
    print(f"{'rate':>6}{'rho':>6}{'clustered':>11}{'rows':>8}{'passes wrongly':>16}{'fails wrongly':>15}")
    least = 1.0
    for rate in (0.01, 0.05, 0.2):
        for rho in (0.0, 0.05, 0.2):
            held, plain, passed, failed = 0, 0, 0, 0
            for _ in range(draws):
                chance = np.full(DAYS, rate)
                if rho:
                    chance = random.beta(rate * (1 - rho) / rho, (1 - rate) * (1 - rho) / rho, DAYS)
                failing = random.random(DAYS * CASES) < chance[days]
                low, high = clustered_wilson(failing, days)
                held += low <= rate <= high
                passed += high <= rate / 2
                failed += low > rate * 2
                low, high = clustered_wilson(failing)
                plain += low <= rate <= high
            least = min(least, held / draws)
            shares = f"{held / draws:>11.1%}{plain / draws:>8.1%}{passed / draws:>16.2%}{failed / draws:>15.2%}"
            print(f"{rate:>6}{rho:>6}{shares}", flush=True)
    return int(least < 0.9)


if __name__ == "__main__":
    sys.exit(main())
