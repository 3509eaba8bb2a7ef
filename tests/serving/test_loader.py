"""What the server keeps of the bundles it loaded: those that are routed to, the last few before, and no more."""

import gc
import weakref

import pytest

from shipway.core.error import ShipwayError
from shipway.serving.loader import KEPT_BUNDLES, Loader
from shipway.serving.log import LogWriter


@pytest.fixture
def loader(shop):
    writer = LogWriter()
    loader = Loader(shop.state, writer)
    yield loader
    loader.close()
    assert writer.stop(5.0)


def lose(shop, number):
    """Take a bundle's files out of the store."""
    digest = shop.bundles[number]
    (shop.state / "blobs" / digest[:2] / digest).unlink()


def swap(loader, shop, number):
    """Load a version and let go of what nobody names any more; return its model's memory, without keeping it."""
    version = loader.load_alone("fraud", shop.variant(number))
    assert version.bundle is not None, version.fault
    loader.forget({version.variant.bundle})
    return weakref.ref(version.bundle.predictor)


def test_memory_of_replaced_versions_is_freed(shop, loader):
    numbers = range(10, 20)
    for number in numbers:
        shop.add(number, number / 10)
    models = [swap(loader, shop, number) for number in numbers]
    gc.collect()
    alive = [number for number, model in zip(numbers, models, strict=True) if model() is not None]
    assert alive == list(numbers)[-1 - KEPT_BUNDLES :]
    assert loader.bundles == [shop.bundles[number] for number in alive]


def test_the_way_back_reads_nothing(shop, loader):
    """What was in force lately is not read again, so it can be put in force whatever became of its files."""
    first = swap(loader, shop, 1)
    for number in range(10, 10 + KEPT_BUNDLES):
        shop.add(number, number / 10)
        swap(loader, shop, number)
    lose(shop, 1)
    assert swap(loader, shop, 1)() is first()
    lose(shop, 10)
    swap(loader, shop, 2)
    version = loader.load_alone("fraud", shop.variant(10))
    assert version.bundle is None
    assert version.fault is not None
    assert version.fault.code == "SW-605"


def test_what_is_named_stays_and_what_is_refused_leaves_nothing(shop, loader):
    """However long ago it was loaded, and however many came since."""
    served = loader.load(shop.route(1, 2), strict=True)
    named = {version.variant.bundle for version in served.versions}
    for number in range(10, 16):
        shop.add(number, number / 10)
        loader.load_alone("fraud", shop.variant(number))
        loader.forget(named)
    shop.add(20, 2.0)
    lose(shop, 20)
    with pytest.raises(ShipwayError, match="SW-605"):
        loader.load(shop.route(20), strict=True)
    assert loader.bundles[:2] == [shop.bundles[1], shop.bundles[2]]
    assert shop.bundles[20] not in loader.bundles
    assert len(loader.bundles) == 2 + KEPT_BUNDLES
