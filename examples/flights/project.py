"""Will this flight arrive more than 15 minutes late? Asked two hours before its scheduled departure."""

import lightgbm
import polars as pl

import shipway as sw
from shipway import entity, feature_view, windows as w

WITHOUT_ZONE = ("BQN", "PSE", "SJU", "STT")  # missing from the airports file; all keep Puerto Rico's time
NEW_YORK, PUERTO_RICO = "America/New_York", "America/Puerto_Rico"


@sw.source(key="fid", raw=("flights", "airports"), known_at={
    "published": ("carrier", "origin", "dest", "flight", "distance", "scheduled", "minute_of_day", "weekday", "month", "day"),
    "assigned": ("tailnum",),
    "departed": ("dep_delay",),
    "landed": ("arr_delay",),
    "cancelled": (),
})
def flights(flights: pl.DataFrame, airports: pl.DataFrame) -> pl.DataFrame:
    """Make every departure from New York in 2013 with the instants at which its facts became known."""
    zones = sorted({*airports["tzone"].drop_nulls(), PUERTO_RICO} - {"\\N"})
    scheduled = pl.col("time_hour").str.to_datetime(time_unit="us", time_zone="UTC") + pl.duration(minutes="minute")
    frame = flights.with_row_index("fid").with_columns(pl.col("fid").cast(pl.Int64), scheduled=scheduled)
    frame = frame.join(airports.select(dest="faa", zone="tzone"), on="dest", how="left", maintain_order="left")
    frame = frame.with_columns(pl.when(pl.col("dest").is_in(WITHOUT_ZONE)).then(pl.lit(PUERTO_RICO)).otherwise("zone").alias("zone"))
    ahead = pl.coalesce(pl.when(pl.col("zone") == zone).then(_offset(zone)) for zone in zones) - _offset(NEW_YORK)
    clock = {name: pl.col(name) // 100 * 60 + pl.col(name) % 100 for name in ("sched_dep_time", "sched_arr_time")}
    block = (clock["sched_arr_time"] - clock["sched_dep_time"] - ahead) % 1440  # both clocks are local: midnight is 2400
    frame = frame.with_columns(
        published=pl.col("scheduled") - pl.duration(days=30),  # assumed: schedules are out a month ahead
        departed=pl.col("scheduled") + pl.duration(minutes="dep_delay"),
        landed=pl.col("scheduled") + pl.duration(minutes=block + pl.col("arr_delay")),
        cancelled=pl.when(pl.col("dep_time").is_null()).then("scheduled"),  # assumed: nothing in the data says earlier
        minute_of_day=clock["sched_dep_time"] % 1440,
        weekday=pl.date("year", "month", "day").dt.weekday(),
    )
    # the aircraft in the data is the one that flew: where none did, that it is missing is known with the cancellation
    return frame.with_columns(assigned=pl.when(pl.col("tailnum").is_null()).then("cancelled").otherwise(pl.col("scheduled") - pl.duration(hours=6)))


def _offset(zone: str) -> pl.Expr:
    utc = pl.col("scheduled")
    return (utc.dt.convert_time_zone(zone).dt.replace_time_zone(None) - utc.dt.replace_time_zone(None)).dt.total_minutes()


@sw.source(key=("origin", "observed"), raw="weather", known_at={
    "reported": ("temp", "dewp", "humid", "wind_speed", "wind_gust", "precip", "pressure", "visib"),
})
def weather(weather: pl.DataFrame) -> pl.DataFrame:
    """Make hourly observations, known an hour after the hour they are for."""
    observed = pl.col("time_hour").str.to_datetime(time_unit="us", time_zone="UTC")
    frame = weather.with_columns(observed=observed).with_columns(reported=pl.col("observed") + pl.duration(hours=1))
    storm = pl.col("wind_speed") > 150  # 1,048 mph at EWR on February 12
    frost = (pl.col("temp") < 25) & pl.col("month").is_between(5, 9)  # 13 F at JFK on May 8
    return frame.with_columns(pl.when(~storm).then("wind_speed"), pl.when(~frost).then("temp"))


@sw.source(key="tailnum", raw="planes", known_at={"always": ("seats", "year")})
def planes(planes: pl.DataFrame) -> pl.DataFrame:
    """Make the register of aircraft; 722 that flew are not in it."""
    return planes


departures, landings = flights.event("departed"), flights.event("landed")
cancellations, schedule, reports = flights.event("cancelled"), flights.event("scheduled"), weather.event("reported")
late = sw.label("late", landings.arr_delay > 15)


def history(*widths: str) -> dict[str, w.Expr]:
    """Features of one entity over each width: how many landed, how late they were, how late departures were."""
    features: dict[str, w.Expr] = {}
    for last in widths:
        features |= {
            f"arr_n_{last}": w.count(landings, last=last),
            f"arr_mean_{last}": w.mean(landings.arr_delay, last=last),
            f"late_share_{last}": w.share(landings.arr_delay > 15, last=last),
            f"dep_mean_{last}": w.mean(departures.dep_delay, last=last),
        }
        if last in ("1h", "3h", "6h", "24h"):
            features[f"canc_n_{last}"] = w.count(cancellations, last=last)
    return features


tail = entity("tail", "tailnum")
backlog = {"backlog": w.count(schedule, last="6h") - w.count(departures, last="6h") - w.count(cancellations, last="6h")}
ahead = {"sched_next": w.around(schedule, flights.scheduled, before="1h", after="1h")}
last_leg = {"last_delay": w.newest(landings.arr_delay), "last_age": w.age(landings) / "1m"}
ride = feature_view("flight", flights, {name: flights[name] for name in ("carrier", "origin", "dest", "distance", "minute_of_day", "weekday")})
plane = feature_view("plane", tail, {"seats": w.newest(planes.event("always").seats), "year": w.newest(planes.event("always").year)})
wx = feature_view("wx", entity("airport", "origin"), {
    name: w.newest(reports[name], within="6h")
    for name in ("temp", "dewp", "humid", "wind_speed", "wind_gust", "precip", "pressure", "visib")
})
everyone = feature_view("sys", sw.system(), history("1h", "3h", "24h"))
org = feature_view("org", entity("origin"), history("1h", "3h", "6h", "24h", "7d") | backlog | ahead)
car = feature_view("car", entity("carrier"), history("3h", "24h", "7d", "28d"))
co = feature_view("co", entity("carrier_origin", "carrier", "origin"), history("3h", "24h", "7d"))
dst = feature_view("dst", entity("destination", "dest"), history("3h", "6h", "24h", "7d", "28d"))
rt = feature_view("rt", entity("route", "origin", "dest"), history("24h", "7d", "28d"))
num = feature_view("fn", entity("flight_number", "carrier", "flight", "origin", "dest"), history("7d", "28d"))
legs = feature_view("tail", tail, history("12h", "24h", "7d") | last_leg)

WORSE = [org.dep_mean_1h, everyone.dep_mean_1h, co.dep_mean_3h, dst.dep_mean_3h, legs.last_delay, org.canc_n_3h,
         org.backlog, wx.wind_gust, wx.precip]


@sw.model("delay", on=flights, at=flights.scheduled - "2h", label=late, rising=WORSE, falling=[wx.visib],
          features=[ride, plane, wx, everyone, org, car, co, dst, rt, num, legs], baselines={"schedule": [ride, plane]})
def train(frame: sw.TrainFrame, *, rounds: int = 60, leaves: int = 31, rate: float = 0.15) -> lightgbm.Booster:
    """Boost trees on everything that was known two hours before departure."""
    data = lightgbm.Dataset(frame.x, frame.y, categorical_feature=frame.category_columns, params={"max_bin": 127})
    params = {
        "objective": "binary", "learning_rate": rate, "num_leaves": leaves, "max_bin": 127, "min_data_in_leaf": 100,
        "feature_fraction": 0.7, "monotone_constraints": list(frame.monotone), "num_threads": frame.threads,
        "seed": frame.seed, "deterministic": True, "force_row_wise": True, "verbosity": -1,
    }
    return lightgbm.train(params, data, num_boost_round=rounds)


storms_never_help = sw.never_lowers("storms_never_help", {
    org.dep_mean_1h: 20, everyone.dep_mean_1h: 20, co.dep_mean_3h: 20, dst.dep_mean_3h: 20, legs.last_delay: 30,
    org.canc_n_3h: 10, org.backlog: 10, wx.wind_gust: 15, wx.precip: 0.3, wx.visib: -5,
})
small_things_stay_small = sw.never_matters("small_things_stay_small", {ride.distance: 5, plane.seats: 2, wx.temp: 0.5})

sw.gate(
    "data",
    sw.has_rows(flights) >= 300_000,
    sw.unique(flights.month, flights.day, flights.carrier, flights.flight, flights.origin),
    sw.holds(flights.origin.is_in("EWR", "JFK", "LGA")),
    sw.holds((flights.arr_delay >= -120) & (flights.arr_delay <= 1500)),
    sw.holds(flights.landed > flights.departed),
    sw.present(flights.dest),
    sw.present(flights.tailnum) <= 0.01,  # none where a flight was cancelled before it had an aircraft
    sw.present(flights.arr_delay) <= 0.05,  # cancelled or diverted
    sw.holds((weather.wind_speed <= 100) & (weather.temp >= 0) & (weather.visib <= 10)),
    sw.fresh(flights.departed, within="24h"),
    sw.fresh(weather.reported, within="48h"),  # the feed ends on December 30
    before="training",
)
sw.gate(
    "quality",
    sw.auc >= 0.72,
    sw.log_loss.better_than("current"),
    sw.auc.better_than("schedule"),
    sw.decision_value(act_if_true=65, act_if_false=25, skip_if_true=100) > 0,
    sw.slice_regression("carrier", "origin", "hour_band", "month").no_regression(),
    storms_never_help,
    small_things_stay_small <= 0.01,
    before="release",
)

sw.leak("event_time_join", model=train, swap={landings: flights.event("scheduled")},
        doc="History is joined on the time a flight was scheduled, whether or not it had landed by then.")
sw.leak("no_aircraft", model=train, add=feature_view("after", flights, {"no_aircraft": flights.tailnum.is_null()}),
        doc="The aircraft in the data is the one that flew: that there is none is known once the flight is cancelled.")
