"""What is counted, read by Prometheus' own parser."""

from prometheus_client.parser import text_string_to_metric_families

from shipway.serving.log import LogState
from shipway.serving.meter import Counts, Meters
from shipway.serving.metric import write_metrics

LOG = LogState(waiting_rows=3, written_rows=5, dropped_rows=1, failures=2, error=None)


def read(body):
    """Samples by name and labels."""
    families = list(text_string_to_metric_families(body.decode()))
    assert len({family.name for family in families}) == len(families)
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value for family in families for sample in family.samples
    }


def test_everything_is_there_with_its_labels():
    meters, counts = Meters(), Counts(answered=3, shed=4)
    meter = meters.of('od"d\\\n', "m", 2)
    meter.add(3, 1, [90, 100, 2_000_000])
    meter.add(200, 0, [101])
    meter.shadowed, meter.shadow_failed = 5, 2
    found = read(write_metrics(counts, meters, LOG, 7))
    of = (("model", "m"), ("service", 'od"d\\\n'), ("version", "2"))

    def value(name, **labels):
        return found[f"shipway_{name}", *sorted([*of, *labels.items()])]

    assert (value("rows_total", status="200"), value("rows_total", status="503")) == (202, 1)
    assert (value("shadow_rows_total", result="ok"), value("shadow_rows_total", result="failed")) == (3, 2)
    assert (value("wait_seconds_bucket", le="0.0001"), value("wait_seconds_bucket", le="0.00025")) == (2, 3)
    assert (value("wait_seconds_bucket", le="1.0"), value("wait_seconds_bucket", le="+Inf")) == (3, 4)
    assert (value("wait_seconds_count"), value("wait_seconds_sum")) == (4, (90 + 100 + 2_000_000 + 101) / 1e6)
    sizes = [value("batch_rows_bucket", le=bound) for bound in ("1", "2", "4", "128", "+Inf")]
    assert sizes == [0, 0, 1, 1, 2]
    assert (value("batch_rows_sum"), value("batch_rows_count")) == (203, 2)
    assert found["shipway_events_total", ("event", "shed")] == 4
    assert found["shipway_shadow_waiting_rows",] == 7
    assert found["shipway_log_waiting_rows",] == 3
    assert found["shipway_log_dropped_rows_total",] == 1
    assert found["process_cpu_seconds_total",] > 0
    assert found["process_resident_memory_bytes",] > 1 << 20


def test_a_server_tells_them(shared):
    answer = shared.ask("GET", "/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert any(name == "shipway_info" for name, *_ in read(answer.body))
