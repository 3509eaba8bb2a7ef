"""What every test shares: hypothesis without hidden time limits, and the same examples on every machine."""

from hypothesis import settings

settings.register_profile("shipway", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("shipway")
