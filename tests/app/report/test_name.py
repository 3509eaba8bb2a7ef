from shipway.app.report.name import name_bars, shorten


def test_a_long_text_is_cut_and_says_so():
    assert shorten("a" * 44) == "a" * 44
    assert shorten("a" * 42 + " bcd") == "a" * 42 + "…"


def test_no_bar_has_the_name_of_another():
    assert name_bars(["x" * 50 + "1", "y", "x" * 50 + "2"]) == ["x" * 43 + "…", "y", "x" * 43 + "… (3)"]
