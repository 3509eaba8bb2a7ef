"""What is counted of each version."""

import threading

from shipway.core.inference import Duration
from shipway.serving.statistic import Statistics


def test_requests_rows_and_their_time():
    statistics = Statistics(lambda: 5_000_000)
    tally = statistics.of("m", 1)
    tally.succeed(3, (0, 10, 110, 115))
    tally.succeed(3, (0, 20, 220, 230))
    tally.succeed(1000, (0, 1, 2, 3))
    tally.fail(0)
    said = tally.describe("m", 1)
    assert (said.name, said.version, said.last_inference) == ("m", "1", 5_000)
    assert (said.inference_count, said.execution_count) == (1006, 3)
    stats = said.inference_stats
    assert stats.success == Duration(count=3, ns=348)
    assert stats.fail.count == 1
    assert (stats.compute_input, stats.compute_infer, stats.compute_output) == (
        Duration(count=3, ns=31), Duration(count=3, ns=301), Duration(count=3, ns=16),
    )  # fmt: skip
    assert stats.queue == Duration(count=3, ns=0)
    assert [batch.batch_size for batch in said.batch_stats] == [3, 1024]
    assert said.batch_stats[0].compute_infer == Duration(count=2, ns=300)


def test_sizes_are_bounded():
    tally = Statistics(lambda: 0).of("m", 1)
    for rows in range(3_000):
        tally.succeed(rows, (0, 0, 0, 0))
    assert [batch.batch_size for batch in tally.describe("m", 1).batch_stats][-7:] == [
        64,
        128,
        256,
        512,
        1024,
        2048,
        4096,
    ]


def test_threads_lose_no_count():
    tally = Statistics(lambda: 0).of("m", 1)

    def count():
        for _ in range(1_000):
            tally.succeed(1, (0, 1, 2, 3))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tally.describe("m", 1).inference_stats.success == Duration(count=4_000, ns=12_000)


def test_version_that_was_unloaded_begins_anew():
    statistics = Statistics(lambda: 0)
    statistics.of("m", 1).fail(0)
    statistics.forget("m", 1)
    assert statistics.of("m", 1).describe("m", 1).inference_stats.fail.count == 0
