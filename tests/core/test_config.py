"""shipway.toml is typed, strict, and wrong names are answered with the right ones."""

import datetime as dt
import tomllib
from typing import Any

import pytest

from shipway.core.config import instant_of, read_config
from shipway.core.error import ShipwayError
from shipway.core.raw import Raw
from shipway.core.service import Fallback, Rule, Terms

GOOD = """
[project]
name = "flights"
timezone = "America/New_York"
at = 2014-01-01

[raw]
flights = "flights.csv"

[models.delay]
cuts = [2013-04-01, 2013-07-01T12:00:00]
test = [2013-07-02, 2014-01-01]
"""


def read(text: str) -> Any:
    """Read a project file from text."""
    return read_config(tomllib.loads(text))


def test_a_project_file_is_typed() -> None:
    config = read(GOOD)
    assert config.project.at == dt.datetime(2014, 1, 1)
    assert config.models["delay"].cuts == (dt.datetime(2013, 4, 1), dt.datetime(2013, 7, 1, 12))
    assert config.resources.threads == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('name = "flights"', 'nme = "flights"'), "did you mean 'name'?"),
        (("[raw]", "[rwa]"), "did you mean 'raw'?"),
        (("cuts =", "cut ="), "did you mean 'cuts'?"),
        (('name = "flights"', "name = 7"), "project-file.md"),
        (('timezone = "America/New_York"', 'timezone = "New York"'), "Europe/Paris"),
        (("test = [2013-07-02, 2014-01-01]", "test = [2014-01-01, 2013-07-02]"), "from and to"),
        (("cuts = [2013-04-01, 2013-07-01T12:00:00]", "cuts = []"), "at least one date"),
        (("2013-07-01T12:00:00", "2013-08-01"), "no later than the test's first day"),
        (("at = 2014-01-01", "at = 2013-06-30"), "cut no later, or move project.at"),
        (('timezone = "America/New_York"', 'timezone = "America"'), "Europe/Paris"),
        (("[raw]", "[resources]\nthreads = 0\n[raw]"), "project-file.md"),
        (("[raw]", "[resources]\nseed = -1\n[raw]"), "project-file.md"),
    ],
)
def test_what_is_wrong_is_named_with_a_hint(change: tuple[str, str], said: str) -> None:
    with pytest.raises(ShipwayError) as refused:
        read(GOOD.replace(*change))
    assert refused.value.code == "SW-102"
    assert said in refused.value.hint


@pytest.mark.parametrize(
    ("change", "place", "hint"),
    [
        (("cuts = [2013-04-01,", 'cuts = ["2013-04-01",'), "models.delay.cuts has the text '2013-04-01'", "cuts = ["),
        (("2014-01-01]", '"2014"]'), "models.delay.test has the text '2014'", "test = ["),
        (("cuts = [2013-04-01, 2013-07-01T12:00:00]", 'cuts = "2013"'), "models.delay.cuts has", "cuts = ["),
        (("at = 2014-01-01", 'at = "yesterday"'), "project.at has the text 'yesterday'", "at = 2024-09-01"),
    ],
)
def test_a_date_in_quotes_is_refused(change: tuple[str, str], place: str, hint: str) -> None:
    with pytest.raises(ShipwayError, match="SW-102") as refused:
        read(GOOD.replace(*change))
    assert place in refused.value.fact
    assert refused.value.hint.startswith("write dates without quotes")
    assert hint in refused.value.hint


@pytest.mark.parametrize("wrong", ["cuts = 2013-04-01", "cuts = [7]", "test = [2013-07-02]"])
def test_a_wrong_value_names_its_model(wrong: str) -> None:
    other = f"[models.other]\n{wrong}\n" + ("" if wrong.startswith("cuts") else "cuts = [2013-04-01]\n")
    other += "test = [2013-07-02, 2014-01-01]\n" if wrong.startswith("cuts") else ""
    with pytest.raises(ShipwayError, match="SW-102") as refused:
        read(GOOD + other)
    assert f"models.other.{wrong.partition(' ')[0]}" in refused.value.fact


def test_a_date_is_its_first_instant_in_the_project_zone() -> None:
    midnight = instant_of(dt.datetime(2013, 7, 1), "America/New_York")
    assert midnight == int(dt.datetime(2013, 7, 1, 4, tzinfo=dt.UTC).timestamp() * 1e6)
    assert instant_of(dt.datetime(2013, 7, 1, 4, tzinfo=dt.UTC), "America/New_York") == midnight


@pytest.mark.parametrize(
    "data",
    [
        {"project": 3},
        {"project": {"name": "x"}, "models": 3},
        {"project": {"name": "x"}, "models": {"delay": 3}},
        {"project": {"name": "x"}, "resources": [1]},
    ],
)
def test_a_value_where_a_section_should_be_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(ShipwayError, match="SW-102"):
        read_config(data)


LIVE = """
[services.delay]
model = "delay"
tick = "1d"
walk = [{ weight = 0.0, hold = "2d" }, { weight = 0.1, hold = "36h" }, { weight = 1.0 }]

[replay]
service = "delay"
period = [2013-07-02, 2014-01-01]
stale = "6h"
"""


@pytest.mark.parametrize("name", ["server", "two words", "..", "-desk", "größe", "x" * 101])
def test_a_service_that_no_server_can_answer_under_is_refused(name: str) -> None:
    with pytest.raises(ShipwayError, match="SW-102") as refused:
        read(GOOD + f'[services."{name}"]\nmodel = "delay"')
    assert f"services.{name} is a name that no server can answer under" in refused.value.fact
    assert "another word than server" in refused.value.hint


def test_services_and_a_replay_are_typed() -> None:
    config = read(GOOD + LIVE)
    steps = config.services["delay"].steps
    assert [(step.name, step.hold_us // 3_600_000_000) for step in steps] == [
        ("shadow", 48),
        ("10 %", 36),
        ("100 %", 0),
    ]
    assert config.replay is not None
    assert config.replay.period == (dt.datetime(2013, 7, 2), dt.datetime(2014, 1, 1))
    usual = read(GOOD + "[services.delay]\nmodel = 'delay'").services["delay"].steps
    assert [step.name for step in usual] == ["shadow", "2 %", "10 %", "50 %", "100 %"]
    assert sum(step.hold_us for step in usual) == 4 * 3_600_000_000


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('model = "delay"', 'model = "dellay"', "there is no [models.dellay]"),
        ('tick = "1d"', 'tick = "0s"', "services.delay.tick is 0s"),
        ('tick = "1d"', 'tick = "soon"', "not a duration"),
        ('tick = "1d"', 'tock = "1d"', "tock"),
        ("weight = 1.0", "weight = 0.5", "walk goes over 0, 0.1, 0.5"),
        ("weight = 0.1", "weight = 0.0", "walk goes over 0, 0, 1"),
        ("weight = 0.1", "weight = 1.5", "1.0"),
        ('service = "delay"', 'service = "late"', "which is no service"),
        ("2013-07-02, 2014-01-01]\nstale", "2014-01-01, 2014-01-01]\nstale", "ends before it begins"),
        ('stale = "6h"', 'stale = "6"', "replay.stale"),
    ],
)
def test_a_wrong_service_or_replay_is_refused_by_its_place(old: str, new: str, said: str) -> None:
    assert old in LIVE
    with pytest.raises(ShipwayError, match="SW-102") as refusal:
        read(GOOD + LIVE.replace(old, new))
    assert said in refusal.value.fact + refusal.value.hint


def test_a_service_of_a_model_that_is_nowhere_configured_says_what_to_write() -> None:
    with pytest.raises(ShipwayError, match="SW-102") as refusal:
        read_config({"project": {"name": "x"}, "services": {"delay": {"model": "delay"}}})
    assert "[models.delay] with `cuts` and `test`" in refusal.value.hint


TERMS = """
[services.delay]
model = "delay"
unit = "tailnum"
rules = [{ header = "X-Tenant", value = "gold", to = "stable" }]
wait = "2ms"
log = 0.25
fallback = { last = "1h", previous = true, score = 0.2 }
"""


def test_how_a_service_answers_is_typed() -> None:
    assert read(GOOD + LIVE).services["delay"].terms == Terms()
    terms = read(GOOD + TERMS).services["delay"].terms
    assert (terms.unit, terms.wait_us, terms.log) == ("tailnum", 2_000, 0.25)
    assert terms.rules == (Rule(header="x-tenant", value="gold", to="stable"),)
    assert terms.fallback == Fallback(last_us=3_600_000_000, previous=True, score=0.2)


@pytest.mark.parametrize(
    ("written", "score"), [('"late"', "late"), ("{ early = 0.25, late = 0.75 }", {"early": 0.25, "late": 0.75})]
)
def test_a_fixed_answer_of_a_class_is_its_name_or_shares(written: str, score: object) -> None:
    terms = read(GOOD + TERMS.replace("score = 0.2", f"score = {written}")).services["delay"].terms
    assert terms.fallback is not None
    assert terms.fallback.score == score


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("score = 0.2", 'score = ""', "score"),
        ("score = 0.2", "score = { early = 1.5 }", "score"),
        ("0.25", "1.5", "log"),
        ('"2ms"', '"2 moons"', "services.delay.wait"),
        ('"2ms"', '"2s"', "services.delay.wait is 2s"),
        ('"1h"', '"-1h"', "services.delay.fallback.last"),
        ('"stable"', '"other"', "to"),
        ("score = 0.2", "score = inf", "score"),
        ("score = 0.2", "score = nan", "score"),
        ("previous", "previos", "previos"),
    ],
)
def test_how_no_service_answers_is_refused_by_its_place(old: str, new: str, said: str) -> None:
    assert old in TERMS
    with pytest.raises(ShipwayError, match="SW-102") as refusal:
        read(GOOD + TERMS.replace(old, new))
    assert said in refusal.value.fact + refusal.value.hint


RAW = """
[raw.orders]
uri = "orders/"
key = "id"
watermark = "at"
"""


def test_a_raw_input_may_say_more_than_its_address() -> None:
    config = read(GOOD + RAW)
    assert config.input("flights") == Raw(name="flights", uri="flights.csv")
    assert config.input("orders") == Raw(
        name="orders", uri="orders/", key=("id",), watermark="at", contract="contracts/orders.toml"
    )
    assert read(GOOD + RAW.replace('"id"', '["a", "b"]')).input("orders").key == ("a", "b")
    assert read(GOOD + RAW + 'contract = "c.toml"').input("orders").contract == "c.toml"


@pytest.mark.parametrize(
    ("old", "new", "fact", "hint"),
    [
        ("watermark", "watermrak", "watermrak", "in [raw.orders], did you mean 'watermark'?"),
        ('uri = "orders/"', "", "raw.orders", "project-file.md"),
        ('key = "id"', "key = 7", "raw.orders.key", "project-file.md"),
        ('key = "id"', "", "has a watermark and no key", 'add key = "..." to [raw.orders]'),
        ('watermark = "at"', "quarantine = 2", "raw.orders.quarantine", "project-file.md"),
        ('watermark = "at"', 'landing = "debezum"', "raw.orders.landing", "project-file.md"),
        ('key = "id"\nwatermark = "at"', 'landing = "debezium"', "has no key", "primary key"),
        ('watermark = "at"', 'watermark = "at"\nlanding = "fivetran"', "has a watermark", "their own position"),
        ('watermark = "at"', 'table = "a"\nquery = "b"', "both a table and a query", "keep one"),
        ('watermark = "at"', 'contract = "orders.yaml"', "orders.yaml", "ends in .toml"),
    ],
)
def test_what_is_wrong_of_a_raw_input_is_named(old: str, new: str, fact: str, hint: str) -> None:
    with pytest.raises(ShipwayError, match="SW-102") as refused:
        read(GOOD + RAW.replace(old, new))
    assert fact in refused.value.fact
    assert hint in refused.value.hint


@pytest.mark.parametrize("line", ['flights = "{}"', '[raw.x]\nuri = "{}"\ntable = "t"'])
def test_a_password_in_an_address_is_refused_and_not_repeated(line: str) -> None:
    good = GOOD.replace('flights = "flights.csv"', line.format("postgresql://me:${SECRET}@db/shop"))
    assert read(good)
    with pytest.raises(ShipwayError, match="holds a password") as refused:
        read(good.replace("${SECRET}", "hunter2"))
    assert "hunter2" not in str(refused.value)


def test_an_amount_of_memory_is_read_and_what_is_none_is_refused() -> None:
    assert read(GOOD + '[resources]\nmemory = "700MB"\n').resources.memory == "700MB"
    with pytest.raises(ShipwayError, match=r"resources\.memory") as refused:
        read(GOOD + '[resources]\nmemory = "a lot"\n')
    assert "700MB" in refused.value.hint
