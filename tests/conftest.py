"""Fixtures more than one test module uses."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from shared.bus import Bus, prepare_streams
from tests.nats_server import NatsServer, running_nats

settings.register_profile("meterhouse", deadline=None)  # what an example is given is judged, not how long it takes
settings.load_profile("meterhouse")


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[NatsServer]:
    """A nats-server of the test's own, with nothing in it."""
    with running_nats(tmp_path / "nats") as server:
        yield server


@pytest.fixture
async def bus(nats: NatsServer) -> AsyncIterator[Bus]:
    """A connection to `nats`, the gateway's streams made."""
    bus = await Bus.connect(nats.url, name="test")
    await prepare_streams(bus)
    yield bus
    await bus.close()
