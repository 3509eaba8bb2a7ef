"""Which requests are traced, by the project's settings and by OpenTelemetry's variables."""

import pytest

from shipway.serving.sampling import find_collector, read_sampling
from shipway.serving.setting import Settings
from shipway.testing.refusal import expect_refusal

ON = Settings(traces="http://127.0.0.1:4318")


def test_nothing_is_traced_unless_somebody_says_so():
    assert read_sampling(Settings(), {}) is None
    assert read_sampling(Settings(), {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a"}) is None
    assert read_sampling(Settings(), {"OTEL_TRACES_EXPORTER": "otlp"}) is not None
    assert read_sampling(ON, {"OTEL_TRACES_EXPORTER": "none"}) is None
    assert read_sampling(ON, {"OTEL_SDK_DISABLED": "True"}) is None


def test_where_spans_go():
    assert find_collector(ON) == "http://127.0.0.1:4318"
    assert find_collector(Settings(traces="environment")) == ""
    assert find_collector(Settings()) == ""


@pytest.mark.parametrize(
    ("share", "variables", "expected"),
    [
        (None, {}, (1.0, True)),
        (0.25, {"OTEL_TRACES_SAMPLER": "always_off"}, (0.25, True)),
        (None, {"OTEL_TRACES_SAMPLER": "always_on"}, (1.0, False)),
        (None, {"OTEL_TRACES_SAMPLER": "parentbased_always_off"}, (0.0, True)),
        (None, {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.5"}, (0.5, False)),
        (None, {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.1"}, (0.1, True)),
        (None, {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio"}, (1.0, True)),
    ],
)
def test_shares(share, variables, expected):
    sampling = read_sampling(Settings(traces="environment", traces_share=share), variables)
    assert (sampling.share, sampling.follows) == expected


def test_what_waits_and_for_how_long():
    assert read_sampling(ON, {}).queue == 2_048
    variables = {
        "OTEL_BSP_MAX_QUEUE_SIZE": "10", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "20", "OTEL_BSP_SCHEDULE_DELAY": "250",
        "OTEL_BSP_EXPORT_TIMEOUT": "1500",
    }  # fmt: skip
    found = read_sampling(ON, variables)
    assert (found.queue, found.batch, found.delay_s, found.timeout_s) == (10, 10, 0.25, 1.5)


def test_what_is_known_of_the_process():
    resource = read_sampling(Settings(traces="environment", traces_name="flights"), {}).resource
    assert resource["service.name"] == "flights"
    assert resource["telemetry.sdk.name"] == "shipway"
    variables = {
        "OTEL_RESOURCE_ATTRIBUTES": "service.name=other,deployment.environment.name=a%20b, ,x",
        "OTEL_SERVICE_NAME": "scorer",
    }
    resource = read_sampling(ON, variables).resource
    assert resource["service.name"] == "scorer"
    assert resource["deployment.environment.name"] == "a b"
    assert "x" not in resource


def test_propagators():
    settings = Settings(traces="environment", traces_baggage=("tenant",))
    for said, parents, baggage in [
        ("", True, ("tenant",)), ("tracecontext", True, ()), ("baggage", False, ("tenant",)), ("none", False, ()),
    ]:  # fmt: skip
        found = read_sampling(settings, {"OTEL_PROPAGATORS": said})
        assert (found.reads_parents, found.baggage) == (parents, baggage)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("OTEL_TRACES_EXPORTER", "zipkin"),
        ("OTEL_TRACES_SAMPLER", "jaeger_remote"),
        ("OTEL_TRACES_SAMPLER_ARG", "1.5"),
        ("OTEL_TRACES_SAMPLER_ARG", "some"),
        ("OTEL_PROPAGATORS", "tracecontext,b3"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
        ("OTEL_BSP_SCHEDULE_DELAY", "-1"),
    ],
)
def test_what_cannot_be_is_refused(name, said):
    with expect_refusal("SW-102") as refusals:
        read_sampling(ON, {"OTEL_TRACES_SAMPLER": "traceidratio"} | {name: said})
    assert refusals[0].fact.startswith(name)
