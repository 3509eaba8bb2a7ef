from shipway.adapters.system.search import ClimbSearch


def test_it_climbs_to_what_hardly_any_draw_would_hit():
    asked = []

    def measure(choices):
        asked.extend(choices)
        return [min(a, b, c) - 989.0 for a, b, c in choices]

    found = ClimbSearch().find((1000, 1000, 1000), measure, batch=64, batches=200, seed=3)
    assert found is not None, "one draw in a million fails"
    assert min(found) >= 990
    assert len(asked) == len(set(asked)), "no choice is asked about twice"
