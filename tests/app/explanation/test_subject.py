"""A request is found in the log without reading all of it."""

import numpy as np
import pytest

from shipway.adapters.log.parquet import ParquetLog
from shipway.app.explanation.subject import read_request
from shipway.core.prediction import OUTPUTS, PREDICTIONS
from shipway.kit.duration import DAY

TODAY = 20_000 * DAY


class Watched:
    """A log that keeps which periods are read, and of what."""

    def __init__(self, folder):
        self.kept = ParquetLog(folder)
        self.periods = []

    def streams(self):
        return self.kept.streams()

    def read(self, stream, *, since=None, until=None, columns=None, complete=False):
        if columns is None or len(columns) > 1:
            self.periods.append((since, until))
        return self.kept.read(stream, since=since, until=until, columns=columns, complete=complete)


@pytest.fixture
def log(tmp_path):
    """Return a log of ten requests a day on three days, years apart, the newest five years before today."""
    log = Watched(tmp_path)
    for day in (10_000, 15_000, 18_000):
        say(log, [f"{day}-{place}" for place in range(10)], day * DAY + np.arange(10) * (DAY // 10))
    return log


def say(log, requests, at, *, stream=PREDICTIONS, **given):
    n = len(requests)
    said = {"p": np.full(n, 0.5)} if stream == PREDICTIONS else {"y": np.full(n, np.nan), "class": ["late"] * n}
    log.kept.append(
        stream,
        {
            "request": requests, "row": requests, "at": at, "unit": requests, "version": np.full(n, 1),
            "role": ["live"] * n, "weight": np.zeros(n), "token": np.ones(n, dtype=np.int64), **said,
            "error": [None] * n, "latency_us": at, "answer_us": at, "online": ["store"] * n, **given,
        },
    )  # fmt: skip


@pytest.mark.parametrize("now", [TODAY, 18_000 * DAY, 17_000 * DAY, 0])
@pytest.mark.parametrize(("day", "days"), [(18_000, 1), (15_000, 2), (10_000, 3)])
def test_it_is_looked_for_day_by_day_and_no_further_than_it_is(log, now, day, days):
    for place in (0, 9):
        log.periods.clear()
        assert read_request(log, f"{day}-{place}", now)["at"].to_list() == [day * DAY + place * (DAY // 10)]
        assert len(log.periods) == days + 1
        assert sum(until - since for since, until in log.periods) == (days + 1) * DAY


def test_one_that_nobody_sent_is_not_there(log, tmp_path):
    assert not read_request(log, "none", TODAY).height
    assert len(log.periods) == 3
    assert not read_request(Watched(tmp_path / "empty"), "none", TODAY).height


def test_what_was_sent_again_over_the_edge_of_a_day_counts_once(log):
    say(log, ["twice"], np.array([18_100 * DAY]))
    say(log, ["twice", "last"], np.array([18_100 * DAY + 5, 18_101 * DAY]))
    assert read_request(log, "twice", TODAY)["at"].to_list() == [18_100 * DAY]


def test_one_for_classes_is_looked_for_day_by_day_in_the_streams_of_all_versions(log):
    for stream, day, known in (("old", 17_000, ("late", "soon")), ("new", 17_500, ("late", "lost", "soon"))):
        p = {f"output probabilities[{name}]": np.full(2, 1 / len(known)) for name in known}
        say(log, [f"{stream}-0", f"{stream}-1"], day * DAY + np.arange(2) * 5, stream=f"{OUTPUTS}{stream}", **p)
    classes = ("soon", "late", "lost")
    found = read_request(log, "old-1", TODAY, "class", classes)
    assert (found["at"].to_list(), found["p"].to_list()) == ([17_000 * DAY + 5], [pytest.approx([0.5, 0.5, 0.0])])
    assert read_request(log, "new-0", TODAY, "class", classes)["p"].to_list() == [pytest.approx([1 / 3] * 3)]
    assert not read_request(log, "10000-0", TODAY, "class", classes).height
