"""A fake of each port: it keeps the whole contract for one process, needs no outside library, and forgets it all."""

from shipway.testing.fake.blobs import MemoryBlobs
from shipway.testing.fake.catalog import MemoryCatalog
from shipway.testing.fake.changes import MemoryChanges
from shipway.testing.fake.chart import PlainCharts
from shipway.testing.fake.clock import START, ManualClock, ManualStopwatch
from shipway.testing.fake.engine import HereEngine
from shipway.testing.fake.inbox import MemoryInbox
from shipway.testing.fake.ledger import MemoryLedger
from shipway.testing.fake.log import MemoryLog
from shipway.testing.fake.model import LinearClassifier, LinearFormat, LinearRegressor, LinearRuntime
from shipway.testing.fake.online import MemoryOnline
from shipway.testing.fake.publication import MemoryPublisher
from shipway.testing.fake.reader import MemoryReader
from shipway.testing.fake.search import RandomSearch
from shipway.testing.fake.signature import SecretSigner, SecretVerifier
from shipway.testing.fake.tables import make_tables
from shipway.testing.fake.traffic import MemoryTraffic

__all__ = [
    "START",
    "HereEngine",
    "LinearClassifier",
    "LinearFormat",
    "LinearRegressor",
    "LinearRuntime",
    "ManualClock",
    "ManualStopwatch",
    "MemoryBlobs",
    "MemoryCatalog",
    "MemoryChanges",
    "MemoryInbox",
    "MemoryLedger",
    "MemoryLog",
    "MemoryOnline",
    "MemoryPublisher",
    "MemoryReader",
    "MemoryTraffic",
    "PlainCharts",
    "RandomSearch",
    "SecretSigner",
    "SecretVerifier",
    "make_tables",
]
