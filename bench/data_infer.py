"""How good is a gate that `shipway check infer` proposes, on months it has not seen, beside one written by hand?

Rules are inferred from the first months of 2013 and nothing else. Each later month as it is must pass, the months
before it being what main holds: whatever does not pass is a false alarm, `hold` included. Then every fault of
`bench/data_fault.py` is put into one of these later months; where its own month was inferred from, into the one half a
year later. The gate of that file was written by people who had seen all twelve months, so it has no false alarm here,
and its faults are put into the same months.

    python bench/data_infer.py [months to infer from, 6] [part of a fault's name]
"""

import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Final

import polars as pl

import data_fault
from shipway.core.feature import Source
from shipway.core.gate import Gate, make_gate
from shipway.core.proposal import Proposed
from shipway.data.proposal import propose_rules
from shipway.kit.duration import DAY

SOURCES: Final[dict[str, Source]] = {
    "flights": data_fault.flights, "weather": data_fault.weather, "planes": data_fault.planes,
    "airports": data_fault.airports,
}  # fmt: skip


def infer(tables: dict[str, pl.DataFrame], months: int) -> Proposed:
    """Propose rules from the first months, asked on the second day of the next, as deliveries of a month."""
    end = datetime(2013 + months // 12, months % 12 + 1, 1, 17, tzinfo=UTC) + timedelta(days=1)
    given = {
        SOURCES[name]: rows.filter(pl.col("month") <= months) if name in ("flights", "weather") else rows
        for name, rows in tables.items()
    }
    labels = [(data_fault.late, data_fault.flights.scheduled - "2h")]
    now = int(end.timestamp()) * 1_000_000
    return propose_rules(given, every_us=30 * DAY, now=now, labels=labels, by={"weather": "observed"})


def gate_of(proposed: Proposed) -> Gate:
    """Return the gate of what was proposed, nothing left out."""
    return make_gate("inferred", *(proposal.rule for proposal in proposed.rules), before="training")


def main(months: str = "6", part: str = "") -> int:
    """Print false alarms and faults."""
    tables, seen = data_fault.load(), int(months)
    started = time.process_time()
    proposed = infer(tables, seen)
    print(f"{len(proposed.rules)} rules from {seen} months in {time.process_time() - started:.1f} CPU s, "
          f"{proposed.bounds} with an estimated bound, {len(proposed.left)} left out")  # fmt: skip
    gates = {"inferred": gate_of(proposed), "by hand": data_fault.GATE}
    wolf = dict.fromkeys(gates, 0)
    clean: dict[tuple[str, int], set[str]] = {}
    print("\nclean months that were not inferred from")
    for month in range(seen + 1, 13):
        for name, gate in gates.items():
            against = data_fault.judge(tables, month, gate=gate)
            wolf[name] += bool(against)
            clean[name, month] = set(against)
            print(f"  2013-{month:02}  {name:9} {'pass' if not against else 'FALSE ALARM'}")
            print("".join(f"           {rule}: {reason}\n" for rule, reason in against.items()), end="")
    caught = dict.fromkeys(gates, 0)
    print("\nfaults")
    moved = [(fault, fault.month if fault.month > seen else fault.month + 6)
             for fault in data_fault.FAULTS if part in fault.name]  # fmt: skip
    faults = [(fault, month) for fault, month in moved if seen < month <= 12]
    for fault, month in faults:
        said, first = list[str](), "-"
        for name, gate in gates.items():
            against = data_fault.judge(tables, month, fault, gate=gate)
            # A rule that the clean month does not pass either has not caught anything.
            failed = [r for r, reason in against.items() if reason.startswith("fail") and r not in clean[name, month]]
            caught[name] += bool(failed)
            said.append(f"{'caught' if failed else 'MISSED':6}")
            if name == "inferred":
                first = f"{failed[0]} and {len(failed) - 1} more" if failed else first
        print(f"  2013-{month:02} {fault.name:55} inferred {said[0]}  by hand {said[1]}  {first}")
    for name in gates:
        print(f"{name}: {caught[name]} of {len(faults)} caught, {wolf[name]} of {12 - seen} clean months not passed")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
