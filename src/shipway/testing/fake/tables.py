"""The lakehouse in memory, in place of a fake of the port Tables."""

from shipway.infra.lake import Lake
from shipway.testing.fake.blobs import MemoryBlobs
from shipway.testing.fake.catalog import MemoryCatalog


def make_tables() -> Lake:
    """Return a lakehouse over fakes: its logic is shipway's own, so only the world beneath it is faked."""
    return Lake(MemoryBlobs(), MemoryCatalog())
