"""A provider that does not listen: its client is read no further, and nothing of what it says is lost."""

import threading
from collections.abc import Iterator

import pytest

from shared.realtime import WINDOW_BYTES
from tests.journey.realtime.talking import Open, hear, say
from tests.provider_servers.realtime import RealtimeServer
from tests.running_gateway import RunningGateway

ITEM_BYTES = 1024 * 1024
ITEMS = 64
SOCKETS_BYTES = 40 * 1024 * 1024
"""What the kernel's buffers and a message on each hop may hold besides the window, at most."""
STILL_S = 1.0


@pytest.fixture
def deaf(speaker: RealtimeServer) -> Iterator[RealtimeServer]:
    """It opens sessions, and then reads on only when it is told to."""
    yield speaker
    speaker.hear(True)


def test_what_a_client_may_say_ahead_of_its_provider_is_bounded_and_all_of_it_arrives(
    opened: Open, gateway: RunningGateway, deaf: RealtimeServer
) -> None:
    session = opened(gateway.master_key)
    hear(session, "session.created")
    deaf.hear(False)
    said, progress = [0], threading.Event()

    def speak() -> None:
        for number in range(ITEMS):
            content = [{"type": "input_text", "text": f"{number}:" + "a" * ITEM_BYTES}]
            say(session, "conversation.item.create", item={"type": "message", "role": "user", "content": content})
            said[0] = number + 1
            progress.set()

    speaking = threading.Thread(target=speak, daemon=True)
    speaking.start()
    while progress.wait(STILL_S):
        progress.clear()
    ahead = said[0]
    assert 0 < ahead * ITEM_BYTES < WINDOW_BYTES + SOCKETS_BYTES
    before = len(deaf.events("conversation.item.create"))
    deaf.hear(True)
    for number in range(ITEMS):
        item = hear(session, "conversation.item.done")["item"]
        assert item["content"][0]["text"].partition(":")[0] == str(number)
    speaking.join(10)
    assert not speaking.is_alive()
    assert before <= 1, "it had heard nothing until then but what it was reading"
