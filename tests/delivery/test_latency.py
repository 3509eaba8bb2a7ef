import msgspec
import pytest

from shipway.core.bundle import Golden
from shipway.core.latency import LATENCY, read_profile
from shipway.delivery import latency
from shipway.delivery.latency import BATCHES, attest_latency, describe_machine


def test_each_size_of_batch_is_asked_and_the_machine_is_said(bundle):
    manifest, files = bundle
    golden = msgspec.json.decode(files["golden.json"], type=Golden)
    asked = []

    class Counting:
        def infer(self, inputs):
            asked.append(inputs["x"].shape)
            return {}

    found = attest_latency(manifest, Counting(), golden)
    assert (found.kind, found.bundle) == (LATENCY, manifest.digest)
    assert set(asked) == {(rows, 3) for rows in BATCHES}
    profile = read_profile(found)
    assert profile is not None
    assert [batch.rows for batch in profile.batches] == list(BATCHES)
    assert all(batch.calls > 0 and 0 <= batch.p50_us <= batch.p99_us for batch in profile.batches)
    assert profile.machine == describe_machine()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("processor : 0\nmodel name : Xeon @ 2.00GHz\n\nprocessor : 1\nmodel name : other\n", "Xeon @ 2.00GHz"),
        ("CPU implementer : 0x41\nCPU part : 0xd0c\n", "implementer 0x41 part 0xd0c"),
        ("", "M9"),
        (None, "M9"),
    ],
)
def test_a_processor_is_called_by_what_it_says(monkeypatch, tmp_path, text, said):
    if text is not None:
        (tmp_path / "cpuinfo").write_text(text)
    monkeypatch.setattr(latency, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr("platform.processor", lambda: "M9")
    assert describe_machine().processor == said
