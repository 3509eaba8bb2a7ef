"""Will this flight arrive more than 15 minutes late? Asked two hours before its scheduled departure."""

import polars as pl

import shipway as sw
from shipway import windows as w

PUERTO_RICO = "America/Puerto_Rico"  # BQN, PSE, SJU and STT are missing from the airports file; all keep its time


@sw.source(
    key="fid",
    raw=("flights", "airports"),
    known_at={
        "published": (
            "carrier",
            "origin",
            "dest",
            "flight",
            "distance",
            "scheduled",
            "minute",
            "weekday",
            "month",
            "day",
        ),
        "assigned": ("tailnum",),
        "departed": ("dep_delay",),
        "landed": ("arr_delay", "air_time"),
        "cancelled": (),
    },
)
def flights(flights: pl.DataFrame, airports: pl.DataFrame) -> pl.DataFrame:
    """Make every departure from New York in 2013 with the instants at which its facts became known."""
    zones = dict(airports.filter(pl.col("tzone").str.contains("/")).select("faa", "tzone").iter_rows())
    zone = pl.col("dest").replace_strict(zones, default=PUERTO_RICO)
    clock = {c: pl.col(c) // 100 * 60 + pl.col(c) % 100 for c in ("sched_dep_time", "sched_arr_time")}
    frame = flights.with_row_index("fid").with_columns(
        fid=pl.col("fid").cast(pl.Int64),
        zone=zone,
        scheduled=pl.col("time_hour").str.to_datetime(time_unit="us", time_zone="UTC") + pl.duration(minutes="minute"),
    )
    ahead = pl.coalesce(
        pl.when(pl.col("zone") == name).then(_offset(name)) for name in frame["zone"].unique().sort()
    ) - _offset("America/New_York")
    block = (clock["sched_arr_time"] - clock["sched_dep_time"] - ahead) % 1440  # each clock is local; midnight is 2400
    missing = pl.col("tailnum").is_null()
    return frame.with_columns(
        published=pl.col("scheduled") - pl.duration(days=30),  # assumed: schedules are out a month ahead
        departed=pl.col("scheduled") + pl.duration(minutes="dep_delay"),
        landed=pl.col("scheduled") + pl.duration(minutes=block + pl.col("arr_delay")),
        cancelled=pl.when(pl.col("dep_time").is_null()).then("scheduled"),  # assumed: nothing in the data says earlier
        # the aircraft is the one that flew; that there was none is known when the flight is cancelled, not before
        assigned=pl.when(missing).then("scheduled").otherwise(pl.col("scheduled") - pl.duration(hours=6)),
        minute=clock["sched_dep_time"] % 1440,
        weekday=pl.date("year", "month", "day").dt.weekday(),
    )


def _offset(zone: str) -> pl.Expr:
    local = pl.col("scheduled").dt.convert_time_zone(zone)
    return (local.dt.base_utc_offset() + local.dt.dst_offset()).dt.total_minutes()


SKY = ("temp", "dewp", "humid", "wind_speed", "wind_gust", "precip", "pressure", "visib")


@sw.source(key=("origin", "observed"), raw="weather", known_at={"reported": SKY})
def weather(weather: pl.DataFrame) -> pl.DataFrame:
    """Make hourly observations, known an hour after the hour they are for."""
    frame = weather.with_columns(observed=pl.col("time_hour").str.to_datetime(time_unit="us", time_zone="UTC"))
    storm = pl.col("wind_speed") > 150  # 1,048 mph at EWR on February 12
    frost = (pl.col("temp") < 25) & pl.col("month").is_between(5, 9)  # 13 F at JFK on May 8
    clean = frame.with_columns(pl.when(~storm).then("wind_speed"), pl.when(~frost).then("temp"))
    return clean.with_columns(reported=pl.col("observed") + pl.duration(hours=1))


@sw.source(key="tailnum", raw="planes", known_at={"always": ("seats", "year")})
def planes(planes: pl.DataFrame) -> pl.DataFrame:
    """Make the register of aircraft; 722 that flew are not in it."""
    return planes


departures, landings, cancellations = (flights.event(at) for at in ("departed", "landed", "cancelled"))
schedule, reports, register = flights.event("scheduled"), weather.event("reported"), planes.event("always")
late = sw.label("late", landings.arr_delay > 15)


def history(*widths: str) -> dict[str, w.Expr]:
    """Features over each width: how many landed, how late they and the departures were, how many were cancelled."""
    features: dict[str, w.Expr] = {}
    for last in widths:
        features[f"arr_n_{last}"] = w.count(landings, last=last)
        features[f"arr_mean_{last}"] = w.mean(landings.arr_delay, last=last)
        features[f"late_share_{last}"] = w.share(landings.arr_delay > 15, last=last)
        features[f"dep_mean_{last}"] = w.mean(departures.dep_delay, last=last)
        if not last.endswith("d"):
            features[f"canc_n_{last}"] = w.count(cancellations, last=last)
    return features


gone = w.count(departures, last="6h") + w.count(cancellations, last="6h")
backlog = {"backlog": w.count(schedule, last="6h") - gone}
ahead = {"sched_next": w.around(schedule, flights.scheduled, before="1h", after="1h")}
leg = {"last_delay": w.newest(landings.arr_delay), "last_age": w.age(landings) / "1m"}
STATIC = ("carrier", "origin", "dest", "distance", "minute", "weekday")
ride = sw.feature_view("flight", flights, {name: flights[name] for name in STATIC})
tail, origin = sw.entity("tail", "tailnum"), sw.entity("origin")
plane = sw.feature_view("plane", tail, {"seats": w.newest(register.seats), "year": w.newest(register.year)})
wx = sw.feature_view("wx", origin, {name: w.newest(reports[name], within="6h") for name in SKY})
everyone = sw.feature_view("sys", sw.system(), history("1h", "3h", "24h"))
org = sw.feature_view("org", origin, history("1h", "3h", "6h", "24h", "7d") | backlog | ahead)
car = sw.feature_view("car", sw.entity("carrier"), history("3h", "24h", "7d", "28d"))
co = sw.feature_view("co", sw.entity("carrier_origin", "carrier", "origin"), history("3h", "24h", "7d"))
dst = sw.feature_view("dst", sw.entity("dest"), history("3h", "6h", "24h", "7d", "28d"))
rt = sw.feature_view("rt", sw.entity("route", "origin", "dest"), history("24h", "7d", "28d"))
fn = sw.feature_view("fn", sw.entity("number", "carrier", "flight", "origin", "dest"), history("7d", "28d"))
legs = sw.feature_view("tail", tail, history("12h", "24h", "7d") | leg)

BAD = {org.dep_mean_1h: 20, everyone.dep_mean_1h: 20, co.dep_mean_3h: 20, dst.dep_mean_3h: 20, legs.last_delay: 30,
       org.canc_n_3h: 10, org.backlog: 10, wx.wind_gust: 15, wx.precip: 0.3}  # fmt: skip
storms_never_help = sw.never_lowers("storms_never_help", BAD | {wx.visib: -5})


@sw.model(
    "delay",
    on=flights,
    at=flights.scheduled - "2h",
    label=late,
    expects=[storms_never_help],
    features=[ride, plane, wx, everyone, org, car, co, dst, rt, fn, legs],
    baselines={"schedule": [ride, plane]},
)
def train(frame: sw.TrainFrame, *, rounds: int = 60, leaves: int = 31, rate: float = 0.15):
    """Boost trees on everything that was known two hours before departure."""
    import lightgbm  # here, so that commands that train nothing need not wait for it

    params = {
        "objective": "binary", "learning_rate": rate, "num_leaves": leaves, "max_bin": 127, "min_data_in_leaf": 100,
        "feature_fraction": 0.7, "monotone_constraints": list(frame.monotone), "num_threads": frame.threads,
        "seed": frame.seed, "deterministic": True, "force_row_wise": True, "verbosity": -1,
    }  # fmt: skip
    data = lightgbm.Dataset(frame.x, frame.y, categorical_feature=frame.category_columns, params=params)
    return lightgbm.train(params, data, num_boost_round=rounds)


small_things_stay_small = sw.never_matters("small_things_stay_small", {ride.distance: 5, plane.seats: 2})

day = flights.scheduled - "5h"  # a day of New York, near enough: nothing departs around midnight
speed = flights.distance / flights.air_time * 60  # miles per hour

sw.gate(
    "data",
    # what there is
    sw.has_rows(flights) >= 300_000,
    sw.unique(flights.month, flights.day, flights.carrier, flights.flight, flights.origin),
    sw.thinnest_day(day) >= 0.4,
    sw.fullest_day(day) <= 1.5,
    sw.gaps(weather.observed, every="1h", per=weather.origin) <= 100,
    sw.present(flights.dest),
    sw.present(flights.tailnum) <= 0.01,  # none where a flight was cancelled before it had an aircraft
    sw.present(flights.arr_delay) <= 0.05,  # cancelled or diverted
    sw.present(weather.temp) <= 0.02,
    sw.present(weather.pressure) <= 0.25,
    # when it comes
    sw.fresh(flights.departed, within="24h"),
    sw.fresh(flights.scheduled, within="7d", per=flights.carrier, support_rows=300),
    sw.fresh(weather.reported, within="72h", per=weather.origin),  # the feeds end on December 30
    sw.past(flights.landed),
    sw.timely(late, asked=flights.scheduled - "2h"),
    # what a row may be
    sw.holds(flights.origin.is_in("EWR", "JFK", "LGA")),
    sw.holds(flights.carrier.matches("[A-Z0-9]{2}")),
    sw.holds(flights.dest.matches("[A-Z]{3}")),
    sw.readable(flights.tailnum),
    sw.holds((flights.distance > 10) & (flights.distance < 6000)),
    sw.holds((flights.dep_delay >= -60) & (flights.dep_delay <= 1440)),
    sw.holds((flights.arr_delay >= -120) & (flights.arr_delay <= 1500)),
    sw.holds((speed > 60) & (speed < 750)),
    sw.holds(flights.landed > flights.departed),
    sw.holds((weather.wind_speed <= 100) & (weather.temp >= 0) & (weather.visib <= 10)),
    sw.holds(weather.dewp <= weather.temp + 1),
    sw.holds((weather.humid >= 5) & (weather.humid <= 100)),
    sw.holds((weather.pressure >= 960) & (weather.pressure <= 1060)),
    # what it refers to, and what it is like
    sw.refers(flights.tailnum, planes.tailnum) <= 0.25,
    sw.correlation(flights.distance, flights.air_time) >= 0.95,
    sw.label_rate(late) >= 0.05,
    sw.label_rate(late) <= 0.5,
    # what came since, beside what there was
    sw.unseen(flights.carrier).on("new"),
    sw.unseen(flights.dest).on("new") <= 0.01,
    sw.vanished(flights.carrier).on("new"),
    sw.shift(flights.distance, by=day).on("new").against("main", last="60d") <= 0.2,
    sw.shift(flights.dep_delay, by=day).on("new").against("main", last="60d") <= 0.8,
    sw.shift(weather.temp, by=weather.observed).on("new").against("main", last="30d") <= 2.5,
    before="training",
)
sw.gate(
    "quality",
    sw.auc >= 0.65,
    sw.log_loss.no_worse_than("current", by=0.01),
    sw.auc.better_than("schedule"),
    sw.decision_value(act_if_true=65, act_if_false=25, skip_if_true=100) > -0.5,
    sw.slice_regression("carrier", "origin", "hour_band", "month").no_regression(),
    sw.found_regressions("carrier", "origin", "dest", "hour_band", "month", ride.distance),
    sw.attribution(ride, plane) <= 0.5,  # what is known a month ahead is not most of what it listens to
    storms_never_help,
    small_things_stay_small <= 0.01,
    before="release",
)

sw.gate(
    "walk",
    sw.failed_answers(detect=20),  # one in five: twenty canary answers a day show no less
    sw.slow_answers(over_ms=100, detect=20),
    sw.prediction_shift <= 0.25,
    sw.feature_lag(over="30m") <= 0.05,
    sw.shown_loss() <= 0.02,
    before="step",
)
sw.gate("calibration", sw.calibration_gap.over("28d") <= 0.001, every="7d", on_fail="retrain")
sw.gate("skew", sw.skew(last="7d"), every="7d")
sw.gate("freshness", sw.newest_seen(landings, within="12h"), sw.newest_seen(reports, within="12h"), every="1d")

sw.leak(
    "event_time_join",
    model=train,
    swap={landings: schedule},
    doc="History is joined on the time a flight was scheduled, whether or not it had landed by then.",
)
sw.leak(
    "no_aircraft",
    model=train,
    add=sw.feature_view("after", flights, {"missing": flights.tailnum.is_null()}),
    doc="The aircraft is the one that flew: that there is none is known once the flight is cancelled.",
)
