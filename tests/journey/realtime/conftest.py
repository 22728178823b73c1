"""Sessions in front of the gateway of all journeys, opened without an SDK, which hides what an event looks like."""

from collections.abc import Iterator
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from tests.journey.realtime.talking import Open
from tests.provider_servers.realtime import RealtimeServer
from tests.running_gateway import RunningGateway


@pytest.fixture(autouse=True)
def usual(speaker: RealtimeServer) -> Iterator[None]:
    yield
    speaker.words, speaker.holds, speaker.says_usage = 5, False, True


@pytest.fixture
def opened(gateway: RunningGateway) -> Iterator[Open]:
    open_ones: list[ClientConnection] = []

    def open_one(key: str, path: str = "/v1/realtime?model=talk", **options: Any) -> ClientConnection:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        url = gateway.url.replace("http", "ws") + path
        one = connect(
            url, additional_headers={**headers, **options.pop("headers", {})}, max_size=None, legacy=True, **options
        )
        open_ones.append(one)
        return one

    yield open_one
    for one in open_ones:
        one.close()
