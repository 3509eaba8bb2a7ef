"""Which latencies may stand beside each other."""

import msgspec
import pytest

from shipway.core.attestation import Attestation
from shipway.core.latency import (
    UNKNOWN,
    Latency,
    LatencyProfile,
    Machine,
    are_alike,
    compare_machines,
    list_sizes,
    read_profile,
    write_time,
)

MACHINE = Machine(processor="Xeon", cores=2, system="Linux x86_64", python="3.11.2")


def profile(*sizes, **fields):
    batches = tuple(Latency(rows=rows, calls=9, p50_us=10.0 * rows, p99_us=20.0 * rows, cpu_us=9.0) for rows in sizes)
    return LatencyProfile(machine=msgspec.structs.replace(MACHINE, **fields), batches=batches)


def test_a_profile_is_read_from_the_statement_that_it_is_written_to():
    one = profile(1, 16)
    said = Attestation(kind="latency", bundle="b", body=msgspec.to_builtins(one))
    assert read_profile(said) == one
    assert read_profile(msgspec.structs.replace(said, kind="energy")) is None
    assert read_profile(msgspec.structs.replace(said, body={"machine": "fast"})) is None
    assert one.find(16) == one.batches[1]
    assert one.find(2) is None


def test_latencies_of_machines_alike_are_compared():
    assert are_alike(profile(1), profile(16))
    assert compare_machines(profile(1), profile(16), ref="m@2", against="m@1") == ""


@pytest.mark.parametrize(
    "fields", [{"processor": "Epyc"}, {"cores": 4}, {"system": "Linux aarch64"}, {"python": "3.12.1"}]
)
def test_latencies_of_machines_that_differ_in_anything_are_not(fields):
    other = profile(1, **fields)
    assert not are_alike(profile(1), other)
    said = compare_machines(profile(1), other, ref="m@2", against="m@1")
    assert "the machines differ" in said
    assert f"m@2 was measured on {other.machine.said}; m@1 on Xeon, 2 cores, Linux x86_64, Python 3.11.2" in said


def test_what_was_not_measured_and_what_has_no_name_is_not_compared():
    for before, after, names in ((None, profile(1), "m@1"), (profile(1), None, "m@2"), (None, None, "m@1 and m@2")):
        said = compare_machines(before, after, ref="m@2", against="m@1")
        assert said == f"latency is not compared: that of {names} was not measured"
    nameless = profile(1, processor=UNKNOWN)
    assert not are_alike(nameless, nameless)
    assert "one kind of processor" in compare_machines(nameless, nameless, ref="m@2", against="m@1")


def test_times_and_sizes_are_written_as_they_are_read():
    assert list_sizes([None, profile(256, 1), profile(16)]) == [1, 16, 256]
    assert [write_time(us) for us in (0.04, 99.96, 999.94, 1_000, 1_234_567.8)] == [
        "0.0 us",
        "100.0 us",
        "999.9 us",
        "1.00 ms",
        "1,234.57 ms",
    ]
    assert Latency(rows=1, calls=1, p50_us=10.0, p99_us=2_000.0, cpu_us=1.0).said == "p50 10.0 us, p99 2.00 ms"
    assert profile(cores=None).machine.said.startswith("Xeon, cores unknown")
