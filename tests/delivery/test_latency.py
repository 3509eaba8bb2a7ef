import msgspec

from shipway.core.bundle import Golden
from shipway.delivery.latency import BATCHES, LATENCY, Latency, attest_latency


def test_each_size_of_batch_is_asked_and_the_machine_is_said(bundle):
    manifest, files = bundle
    golden = msgspec.json.decode(files["golden.json"], type=Golden)
    asked = []

    class Counting:
        def infer(self, inputs):
            asked.append(inputs["x"].shape)
            return {}

    found = attest_latency(manifest.digest, Counting(), golden)
    assert (found.kind, found.bundle) == (LATENCY, manifest.digest)
    assert set(asked) == {(rows, 3) for rows in BATCHES}
    batches = msgspec.convert(found.body["batches"], list[Latency])
    assert [batch.rows for batch in batches] == list(BATCHES)
    assert all(batch.calls > 0 and 0 <= batch.p50_us <= batch.p99_us for batch in batches)
    assert {"processor", "cores", "system", "python"} == found.body["machine"].keys()
