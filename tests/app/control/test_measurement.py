"""Releases judged on a real log: what is good is promoted, what is bad is taken back for the reason that is true."""

import json
from datetime import UTC, datetime

import msgspec
import numpy as np
import polars as pl
import pytest

from shipway.adapters.log.parquet import ParquetLog
from shipway.app.control.controller import reconcile
from shipway.app.control.instrument import Controller
from shipway.app.control.measurement import LogInstruments
from shipway.app.control.offline import read_labels, read_reference
from shipway.app.frame import frame_of
from shipway.app.progress import ignore
from shipway.app.release import manifest_of, open_service, release_feed, start_release
from shipway.app.runner import Runner
from shipway.core.bundle import declare_outputs
from shipway.core.canary import drift, feature_lag, newest_seen, paired_loss, prediction_shift, skew
from shipway.core.candidate import auc, log_loss
from shipway.core.check import Check
from shipway.core.error import ShipwayError
from shipway.core.measure import LabelMaturity, Score
from shipway.core.prediction import FEATURES, NEWEST, OUTPUTS, PREDICTIONS
from shipway.core.record import plan_outputs
from shipway.core.reference import DriftReference, refer_number
from shipway.core.table import MAIN
from shipway.kit.canonical import canonical_json, digest_value
from shipway.kit.duration import DAY, HOUR, MINUTE

START = 18_262 * DAY
A_DAY = 600
"""Orders in a day."""
DAYS = 16
STREAM = "orders.placed"


@pytest.fixture
def orders():
    """Return orders placed evenly over the days, each of them settled after 5 hours and closed after 6."""
    random = np.random.default_rng(3)
    placed = START + np.arange(A_DAY * DAYS) * (DAY // A_DAY)
    odds = random.normal(-1.0, 1.2, len(placed))
    return pl.DataFrame(
        {
            "id": np.arange(len(placed)),
            "placed": placed,
            "price": odds,
            "shop": ["s"] * len(placed),
            "settled": placed + 5 * HOUR,
            "closed": placed + 6 * HOUR,
            "bad": random.random(len(placed)) < 1 / (1 + np.exp(-odds)),
        }
    ).with_columns(pl.col("placed", "settled", "closed").cast(pl.Datetime("us", "UTC")))


@pytest.fixture
def shop(desk, orders):
    """Return a desk whose orders are on the main branch, with two versions."""
    with desk.workspace() as workspace:
        for _ in range(2):
            desk.register(workspace)
        snapshot = workspace.tables.write(orders)
        workspace.tables.commit(MAIN, {"orders": snapshot}, expect=None, message="orders")
    return desk


def tell(p, scale=1.0, bias=0.0):
    """Return probabilities whose log odds are scaled and moved."""
    odds = np.log(p / (1 - p)) * scale + bias
    return 1 / (1 + np.exp(-odds))


def say_odds(price):
    return 1 / (1 + np.exp(-price))


def say_minutes(price):
    return 30 + 20 * price


class Server:
    """What a server logs: both versions predict each request, and one of them answers as the routing says."""

    def __init__(self, desk, orders, *, worse=None, fails=0.0, slow=0.0, lag_us=0, skewed=(), say=say_odds):
        self.desk, self.orders, self.skewed, self.say = desk, orders, skewed, say
        self.worse, self.fails, self.slow, self.lag_us = worse or (lambda p: p), fails, slow, lag_us
        self.log = ParquetLog(desk.root / ".shipway" / "log" / "desk")

    def live(self, day, share=1.0):
        """Answer a share of a day's orders by the routing in force."""
        low = START + day * DAY
        asked = self.orders.filter(pl.col("placed").to_physical().is_between(low, low + DAY, closed="left"))
        asked = asked.head(int(asked.height * share))
        routing, random = self.desk.traffic.routings["desk"], np.random.default_rng(day)
        at, rows = asked["placed"].to_physical().to_numpy(), [str(key) for key in asked["id"]]
        p = self.say(asked["price"].to_numpy())
        chosen = np.array([routing.choose(row) for row in rows], dtype=bool)
        variants = [(routing.stable, ~chosen, p, 0.0, 0.0, 0)]
        if routing.candidate is not None:
            variants.append((routing.candidate, chosen, self.worse(p), self.fails, self.slow, self.lag_us))
        taken = np.full(len(at), 2_000)
        latencies = [np.where(random.random(len(at)) < slow, 300_000, 2_000) for *_, slow, _ in variants]
        for (_, live, *_), latency in zip(variants, latencies, strict=True):
            taken = np.where(live, latency, taken)
        for (variant, live, told, fails, _, lag_us), latency in zip(variants, latencies, strict=True):
            failed = random.random(len(at)) < fails
            columns = {
                "request": rows,
                "row": rows,
                "at": at,
                "unit": rows,
                "version": np.full(len(at), variant.version),
                "role": ["live" if answers else "shadow" for answers in live],
                "weight": np.full(len(at), routing.weight),
                "token": np.full(len(at), routing.token),
                "error": ["SW-605" if one else None for one in failed],
                "latency_us": latency,
                "answer_us": taken,
                "online": [variant.online] * len(at),
            }
            self._log_said(variant.version, columns, np.where(failed.reshape(-1, *[1] * (told.ndim - 1)), np.nan, told))
            self._log_vectors(variant, rows, at, asked, lag_us)

    def _log_said(self, number, columns, told):
        if told.ndim == 1:
            self.log.append(PREDICTIONS, columns | {"p": told})
            return
        classes = self.desk.classes[number]
        told = know_lost(told) if classes == FOUR else told
        columns["class"] = [None if np.isnan(row[0]) else classes[row.argmax()] for row in told]
        columns |= {f"output probabilities[{name}]": told[:, place] for place, name in enumerate(classes)}
        form = plan_outputs(declare_outputs("class", classes)).form
        self.log.append(f"{OUTPUTS}{form}", columns | {"y": np.full(len(told), np.nan)})

    def _log_vectors(self, variant, rows, at, asked, lag_us):
        stream = f"{FEATURES}{variant.online}"
        if not len(at) or self.log.read(stream, since=int(at[0]), columns=["at"]).height:
            return
        sold = np.minimum(asked["id"].to_numpy() + 1, A_DAY).astype(np.float64)
        sold[list(self.skewed)] += 1
        vector = {"basket_price": asked["price"].to_numpy(), "shop_sold_1d": sold}
        newest = {f"{NEWEST}{STREAM}": at - MINUTE - lag_us}
        self.log.append(stream, {"request": rows, "row": rows, "at": at, **vector, **newest})


def live(desk, server, days, share=1.0):
    """Live through days: the controller decides at midnight, then the day is answered."""
    with desk.workspace() as workspace:
        controller = Controller(workspace, desk.traffic, LogInstruments(workspace), no_retrain, replaying=True)
        for day in days:
            reconcile(controller, START + day * DAY)
            server.live(day, share)
        return workspace.state().services["desk"]


def no_retrain(workspace, service, asked, watch):
    raise AssertionError("nothing asks for it")


def test_a_good_version_is_promoted(shop, orders):
    service = live(shop, Server(shop, orders), range(DAYS))
    (release,) = service.releases
    assert (release.outcome, release.reason) == ("promoted", "all 5 rules pass")
    for step in (0, 1):
        last = service.judgements[f"release:desk/1@{step}"][-1].verdict
        assert len(last.findings) == 5
        assert all(finding.evidence for finding in last.findings)


@pytest.mark.parametrize(
    ("fault", "rule"),
    [
        ({"fails": 0.2}, "failed_answers()"),
        ({"slow": 0.2}, "slow_answers(over_ms=100)"),
        ({"worse": lambda p: tell(p, bias=2.5)}, "prediction_shift <= 0.25"),
        ({"worse": lambda p: tell(p, scale=-0.6, bias=-1.6)}, "shown_loss() <= 0.01"),
    ],
)
def test_a_bad_version_is_taken_back_for_the_true_reason(shop, orders, fault, rule):
    service = live(shop, Server(shop, orders, **fault), range(DAYS))
    (release,) = service.releases
    assert release.outcome == "rolled back"
    verdict = service.judgements[release.subject][-1].verdict
    assert rule in [finding.rule for finding in verdict.findings if finding.outcome == "fail"]
    assert rule in release.reason
    assert shop.traffic.routings["desk"].candidate is None


def test_a_late_feed_is_taken_back_for_its_lag(shop, orders, store):
    online = f"{store(shop.project)}~6h"
    with shop.workspace() as workspace:
        open_service(workspace, "desk", 2, START)
        release_feed(workspace, "desk", START, online)
    service = live(shop, Server(shop, orders, lag_us=6 * HOUR), range(3))
    release = service.releases[0]
    assert (release.outcome, release.candidate.online) == ("rolled back", online)
    assert 'feature_lag(over="30m") <= 0.05' in release.reason
    assert "6.0 h" in release.reason


@pytest.fixture
def counted(desk, orders):
    """Return a desk whose label is a number of minutes, and its orders on the main branch."""
    code = desk.root / "project.py"
    told = code.read_text().replace('("bad",)', '("minutes",)').replace(".bad.equals(True)", ".minutes")
    code.write_text(told)
    minutes = say_minutes(orders["price"].to_numpy()) + np.random.default_rng(4).gamma(2, 10, orders.height) - 20
    orders = orders.drop("bad").with_columns(minutes=pl.Series(minutes))
    desk.predicts = "number"
    said = refer_number("prediction", say_minutes(orders["price"].to_numpy()))
    desk.said = DriftReference(inputs=(), outputs=(said,))
    with desk.workspace() as workspace:
        for _ in range(2):
            desk.register(workspace)
        snapshot = workspace.tables.write(orders)
        workspace.tables.commit(MAIN, {"orders": snapshot}, expect=None, message="orders")
    return desk, orders


def test_a_good_version_of_a_number_is_promoted(counted):
    desk, orders = counted
    service = live(desk, Server(desk, orders, say=say_minutes), range(DAYS))
    (release,) = service.releases
    assert (release.outcome, release.reason) == ("promoted", "all 5 rules pass")
    verdict = service.judgements["release:desk/1@0"][-1].verdict
    assert verdict.gate == "canary of a number"
    said = {finding.rule: finding.reason for finding in verdict.findings}
    assert said["prediction_shift <= 0.25"].startswith("0.000 [0.000, ")
    shown = said['shown_loss("mean_absolute_error", relative=True) <= 0.02']
    assert shown.startswith("mean_absolute_error ")
    assert "greater by +0.00% [" in shown


@pytest.mark.parametrize(
    ("worse", "rule"),
    [
        (lambda p: p + 40, "prediction_shift <= 0.25"),
        (lambda p: 30 + 1.6 * (p - 30), 'shown_loss("mean_absolute_error", relative=True) <= 0.02'),
    ],
)
def test_a_bad_version_of_a_number_is_taken_back_for_the_true_reason(counted, worse, rule):
    desk, orders = counted
    service = live(desk, Server(desk, orders, worse=worse, say=say_minutes), range(DAYS))
    (release,) = service.releases
    assert release.outcome == "rolled back"
    verdict = service.judgements[release.subject][-1].verdict
    assert rule in [finding.rule for finding in verdict.findings if finding.outcome == "fail"]


def test_without_a_reference_the_scale_is_what_was_answered_before_the_release(counted):
    desk, orders = counted
    server = Server(desk, orders, say=say_minutes)
    live(desk, server, range(2))
    with desk.workspace() as workspace:
        service = workspace.state().services["desk"]
        release = service.releases[0]
        instruments = LogInstruments(workspace)
        assert instruments._read_scale(service, release) == desk.said.outputs[0].quantiles
        bare = msgspec.structs.replace(manifest_of(workspace, workspace.state().version("late", 1)), files={})
        workspace.state().version("late", 1).bundle = workspace.blobs.put(canonical_json(bare))
        assert instruments._read_scale(service, release) == ()
        release.started_at = START + DAY
        log = ParquetLog(workspace.folder / "log" / "desk").read(PREDICTIONS, until=START + DAY)
        stable = log.filter(pl.col("version") == 1)["p"].to_numpy()
        scale = instruments._read_scale(service, release)
        assert (len(scale), scale[0], scale[-1]) == (101, stable.min(), stable.max())
        assert scale[50] == np.median(stable)


def test_a_live_window_of_a_number_is_measured_and_what_needs_a_condition_is_refused(counted):
    desk, orders = counted
    live(desk, Server(desk, orders, say=say_minutes), range(4))
    error = Check("mae", Score("mean_absolute_error"), "candidate", "mean_absolute_error").over("2d")
    with desk.workspace() as workspace:
        service = workspace.state().services["desk"]
        instruments = LogInstruments(workspace)
        (found,) = instruments.measure_live(service, [error], START + 4 * DAY).values()
        assert 5 < found.value < 20
        assert found.facts["label_maturity"]["share"] > 0.5
        with pytest.raises(ShipwayError) as refused:
            instruments.measure_live(service, [auc.over("2d")], START + 4 * DAY)
        assert refused.value.code == "SW-403"
        due = 'auc.over("2d") measures predictions of a condition, and the service predicts a number'
        assert refused.value.fact == due
        with pytest.raises(ShipwayError, match="paired_loss"):
            instruments.measure_step(service, service.releases[0], [paired_loss()], START + 2 * DAY)


THREE, FOUR = ("early", "late", "never"), ("early", "late", "lost", "never")


def say_classes(price, classes=THREE, scale=1.0):
    """Return how probable each class is: the dearer, the later; one order in twenty of four classes is lost."""
    scores = np.outer(price, np.linspace(-1, 1, 3)) * scale
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return p if classes == THREE else know_lost(p)


def know_lost(p):
    return np.insert(p * 0.95, 2, 0.05, axis=1)


@pytest.fixture
def sorted_out(desk, orders):
    """Return what makes a desk whose label is a class, of versions that know some classes, and its orders."""

    def make(*known, happen=THREE):
        code = desk.root / "project.py"
        told = code.read_text().replace('("bad",)', '("kind",)').replace(".bad.equals(True)", ".kind")
        code.write_text(told)
        p, draw = say_classes(orders["price"].to_numpy(), happen), np.random.default_rng(5).random((orders.height, 1))
        kind = [happen[min(place, len(happen) - 1)] for place in (draw > p.cumsum(axis=1)).sum(axis=1).tolist()]
        sorted_ = orders.drop("bad").with_columns(kind=pl.Series(kind))
        desk.predicts, desk.classes = "class", dict(enumerate(known, 1))
        with desk.workspace() as workspace:
            for _ in known:
                desk.register(workspace)
            workspace.tables.commit(MAIN, {"orders": workspace.tables.write(sorted_)}, expect=None, message="orders")
        return desk, sorted_

    return make


def test_a_good_version_of_a_class_is_promoted(sorted_out):
    desk, orders = sorted_out(THREE, THREE)
    service = live(desk, Server(desk, orders, say=say_classes), range(DAYS))
    (release,) = service.releases
    assert (release.outcome, release.reason) == ("promoted", "all 5 rules pass")
    verdict = service.judgements["release:desk/1@0"][-1].verdict
    assert verdict.gate == "canary of a class"
    said = {finding.rule: finding.reason for finding in verdict.findings}
    assert said["prediction_shift <= 0.25"].startswith("0.000 [0.000, ")
    assert "0.0% of another class" in said["prediction_shift <= 0.25"]
    assert "greater by +0.00% [" in said["shown_loss(relative=True) <= 0.02"]


@pytest.mark.parametrize(
    ("worse", "rule"),
    [
        (lambda p: np.tile([1.0, 0.0, 0.0], (len(p), 1)), "prediction_shift <= 0.25"),
        (lambda p: np.roll(p, 1, axis=0), "shown_loss(relative=True) <= 0.02"),
    ],
)
def test_a_bad_version_of_a_class_is_taken_back_for_the_true_reason(sorted_out, worse, rule):
    desk, orders = sorted_out(THREE, THREE)
    service = live(desk, Server(desk, orders, worse=worse, say=say_classes), range(DAYS))
    (release,) = service.releases
    assert release.outcome == "rolled back"
    verdict = service.judgements[release.subject][-1].verdict
    assert rule in [finding.rule for finding in verdict.findings if finding.outcome == "fail"]


def test_a_version_that_knows_a_new_class_walks_against_one_that_does_not(sorted_out):
    desk, orders = sorted_out(THREE, FOUR, happen=FOUR)
    service = live(desk, Server(desk, orders, say=say_classes), range(DAYS))
    (release,) = service.releases
    assert release.outcome == "promoted"
    with desk.workspace() as workspace:
        state = workspace.state()
        (loss,) = [
            each for each in state.evidence["release:desk/1@1"].values() if each.check == "shown log_loss, relative"
        ]
        assert loss.facts["shares"].keys() == {"early", "late", "never", "lost"}
        assert loss.facts["candidate_value"] == pytest.approx(loss.facts["stable_value"])
        assert loss.facts["unknown_to_stable"] > 20
        assert "never_told" not in loss.facts


def test_a_class_that_no_version_knows_is_a_miss_and_is_counted(sorted_out):
    desk, orders = sorted_out(THREE, THREE, happen=FOUR)
    live(desk, Server(desk, orders, say=say_classes), range(4))
    with desk.workspace() as workspace:
        service = workspace.state().services["desk"]
        instruments = LogInstruments(workspace)
        checks = [log_loss.over("2d"), Check("right", Score("accuracy"), "candidate", "accuracy").over("2d")]
        loss, right = instruments.measure_live(service, checks, START + 4 * DAY).values()
    lost = loss.facts["never_told"]
    assert 20 < lost < 120
    assert loss.facts["shares"]["lost"] == pytest.approx(lost / loss.facts["labelled"])
    assert loss.value > 34.5 * lost / loss.facts["labelled"]
    assert 0.3 < right.value < 0.9
    assert loss.facts["mean_p"].keys() == loss.facts["shares"].keys()


def test_a_live_window_of_a_class_is_measured_and_what_needs_a_condition_is_refused(sorted_out):
    desk, orders = sorted_out(THREE, THREE)
    live(desk, Server(desk, orders, say=say_classes), range(4))
    with desk.workspace() as workspace:
        service = workspace.state().services["desk"]
        instruments = LogInstruments(workspace)
        mature = Check("label maturity over 2d", LabelMaturity(2 * DAY), "live", "label_maturity")
        loss, maturity = instruments.measure_live(service, [log_loss.over("2d"), mature], START + 4 * DAY).values()
        p = say_classes(orders["price"].to_numpy())
        expected = -np.log(p[np.arange(orders.height), [THREE.index(kind) for kind in orders["kind"].to_list()]]).mean()
        assert loss.value == pytest.approx(expected, rel=0.1)
        assert [bias["of"] for bias in maturity.facts["bias"]] == [
            "share of 'early'", "share of 'late'", "share of 'never'", "log loss",
        ]  # fmt: skip
        with pytest.raises(ShipwayError, match="measures predictions of a condition, and the service predicts a class"):
            instruments.measure_live(service, [auc.over("2d")], START + 4 * DAY)


def test_labels_of_another_kind_label_nothing(counted):
    desk, orders = counted
    live(desk, Server(desk, orders, say=say_minutes), range(2))
    with desk.workspace() as workspace:
        instruments = LogInstruments(workspace)
        labels, _ = instruments._take_labels("late", "number")
        assert labels.schema["label"] == pl.Float64
        assert labels["label"].to_list() == orders["minutes"].to_list()
        other, asked = instruments._take_labels("late", "condition")
        assert (other.height, asked.height) == (0, orders.height)


def test_a_number_that_is_not_finite_is_no_label(counted):
    desk, orders = counted
    broken = orders.with_columns(minutes=pl.when(pl.col("id") < 3).then(np.inf).otherwise("minutes"))
    with desk.workspace() as workspace:
        head = workspace.tables.head(MAIN)
        workspace.tables.commit(MAIN, {"orders": workspace.tables.write(broken)}, expect=head, message="broken")
        labels, asked = read_labels(workspace, workspace.project.registry.models["late"])
    assert (labels.height, asked.height) == (orders.height - 3, orders.height)
    assert asked["known_at"].null_count() == 3


def test_too_little_traffic_holds(shop, orders):
    service = live(shop, Server(shop, orders), range(DAYS), share=0.02)
    (release,) = service.releases
    assert (release.outcome, release.step) == ("walking", 0)
    outcomes = [judgement.verdict.outcome for judgement in service.judgements[release.subject]]
    assert set(outcomes) == {"hold"}
    assert len(outcomes) < 5


def test_no_traffic_at_all_holds(shop, orders):
    service = live(shop, Server(shop, orders), range(6), share=0.0)
    (judgement,) = service.judgements["release:desk/1@0"]
    assert {finding.outcome for finding in judgement.verdict.findings} == {"hold"}


def test_measuring_again_gives_the_same_evidence(shop, orders):
    live(shop, Server(shop, orders), range(4))
    checks = [prediction_shift, feature_lag(over="30m"), paired_loss(), auc.over("2d")]
    with shop.workspace() as workspace:
        service = workspace.state().services["desk"]
        release = service.releases[0]
        release.outcome, release.step, release.since = "walking", 0, release.started_at
        found = [LogInstruments(workspace).measure_step(service, release, checks[:3], START + 2 * DAY) for _ in "12"]
        assert digest_value(found[0]) == digest_value(found[1])
        assert all(evidence.n for evidence in found[0].values())
        assert {evidence.subject for evidence in found[0].values()} == {release.subject}


def test_a_live_window_is_measured_on_what_was_answered(shop, orders):
    live(shop, Server(shop, orders), range(4))
    placed = shop.project.registry.sources["orders"].event("placed")
    newest = newest_seen(placed, within="1h").check
    with shop.workspace() as workspace:
        service = workspace.state().services["desk"]
        checks = [auc.over("2d"), newest]
        found = LogInstruments(workspace).measure_live(service, checks, START + 4 * DAY)
        log = ParquetLog(workspace.folder / "log" / "desk")
    asked = pl.col("at").is_between(START + 2 * DAY, START + 4 * DAY, closed="right")
    answered = log.read(PREDICTIONS).filter(pl.col("role") == "live", asked)
    stable = answered.filter(pl.col("version") == service.stable.version)
    assert 0 < stable.height < answered.height
    assert found["auc over 2d"].facts["answered"] == stable.height
    assert 0.6 < found["auc over 2d"].value < 0.9
    assert found[newest.name].value == MINUTE
    assert {evidence.subject for evidence in found.values()} == {"service:desk@live"}


@pytest.mark.parametrize("skewed", [(), (7, 9)])
def test_skew_is_audited_against_vectors_made_offline(shop, orders, skewed):
    server = Server(shop, orders, skewed=skewed)
    live(shop, server, range(1))
    with shop.workspace() as workspace:
        service = workspace.state().services["desk"]
        (evidence,) = LogInstruments(workspace).measure_live(service, [skew(last="1d")], START + DAY).values()
        assert (evidence.facts["compared"], evidence.facts["online_only"]) == (A_DAY - 1, 0)
        assert evidence.value == len(skewed)
        parts = json.loads(workspace.blobs.get(evidence.detail))
        assert [(part["column"], part["rows"], part["row"]) for part in parts] == (
            [("shop_sold_1d", 2, "7")] if skewed else []
        )


def test_drift_is_measured_against_the_rows_that_were_trained_on(shop, orders):
    live(shop, Server(shop, orders), range(3))
    with shop.workspace() as workspace:
        model = workspace.project.registry.models["late"]
        frame = frame_of(Runner(workspace, ignore, code="any"), model)[0]
        manifest = msgspec.structs.replace(
            manifest_of(workspace, workspace.state().version("late", 1)),
            cut=START + DAY,
            training={"frame": frame.digest},
        )
        reference = read_reference(Runner(workspace, ignore, code="any"), manifest, ["basket_price"])
        learned = orders.filter(pl.col("closed").to_physical() <= START + DAY)
        assert reference["basket_price"].equals(learned["price"].alias("basket_price"))
        bundle = workspace.blobs.put(canonical_json(manifest))
        service = workspace.state().services["desk"]
        workspace.state().version("late", 1).bundle = bundle
        (evidence,) = LogInstruments(workspace).measure_live(service, [drift(last="1d")], START + 3 * DAY).values()
        assert evidence.facts["reference"] == learned.height
        assert evidence.n == A_DAY - 1


def test_labels_are_those_that_landed_keyed_as_the_log_writes_them(shop, orders):
    with shop.workspace() as workspace:
        labels, asked = read_labels(workspace, workspace.project.registry.models["late"])
    assert asked.columns == ["at", "known_at"]
    assert asked.height == orders.height
    assert labels.columns == ["row", "label", "known_at"]
    assert labels.height == orders.height
    first = labels.row(0, named=True)
    assert first == {"row": "0", "label": orders["bad"][0], "known_at": START + 6 * HOUR}
    assert datetime.fromtimestamp(first["known_at"] / 1e6, UTC) == orders["closed"][0]


def test_labels_are_read_anew_when_data_moves(shop, orders):
    with shop.workspace() as workspace:
        open_service(workspace, "desk", 1, START)
        start_release(workspace, "desk", 2, START)
        instruments = LogInstruments(workspace)
        before = instruments._read_labels("late")
        assert instruments._read_labels("late") is before
        head = workspace.tables.head(MAIN)
        snapshot = workspace.tables.write(orders.head(10))
        workspace.tables.commit(MAIN, {"orders": snapshot}, expect=head, message="fewer")
        assert instruments._read_labels("late")[0].height == 10
