"""From a measurement to evidence, and how days and durations are written."""

import datetime as dt

import polars as pl
import pytest

from shipway.core.canary import prediction_shift
from shipway.monitoring.measurement import Measurement, day_of, give_evidence, write_duration
from shipway.monitoring.reading import digest_rows


def test_evidence_cites_the_rows_it_depends_on():
    rows = pl.DataFrame({"request": ["a", "b"], "p": [0.1, 0.2], "aside": [1, 2]})
    told = {"value": 0.1, "low": 0.0, "high": 0.2, "n": 2, "said": "little", "clusters": 3, "needs": 9}
    measured = Measurement(**told, rows=rows, columns=("request", "p"), facts={"mean": 0.15})
    found = give_evidence(measured, prediction_shift, "release:svc/1@0")
    assert (found.check, found.subject, found.facts) == (
        "prediction shift",
        "release:svc/1@0",
        {"said": "little", "mean": 0.15},
    )
    assert (found.value, found.low, found.high, found.n, found.clusters, found.needs) == (0.1, 0.0, 0.2, 2, 3, 9)
    assert found.log_digest == digest_rows(rows, ("request", "p"))


def test_a_day_is_that_of_the_zone():
    instant = dt.datetime(2013, 7, 1, 2, 30, tzinfo=dt.UTC)
    rows = pl.DataFrame({"at": [int(instant.timestamp()) * 1_000_000]})
    days = {zone: rows.select(day_of(zone)).item() for zone in ("UTC", "America/New_York")}
    assert days == {"UTC": dt.date(2013, 7, 1), "America/New_York": dt.date(2013, 6, 30)}


@pytest.mark.parametrize(
    ("minutes", "said"), [(0, "0 min"), (25, "25 min"), (60, "1.0 h"), (363, "6.0 h"), (90_000, "1,500.0 h")]
)
def test_durations_are_hours_and_below_an_hour_minutes(minutes, said):
    assert write_duration(minutes * 60e6) == said
