"""The way from the chat form back to the client's: what every dialect has to have."""

from typing import Any, Protocol

import orjson

from services.router.providers.answers.sse import data_of_each
from services.router.providers.base import ProviderCall
from shared.usage import Usage


class Outlet(Protocol):
    """One answer. Use either `whole`, or `feed` for all pieces and then `closing`."""

    stream_type: str

    def whole(self, completion: dict[str, Any], usage: Usage) -> bytes:
        """Return a chat completion in the client's form; `usage` is what was used, whoever said so."""
        ...

    def feed(self, events: bytes) -> bytes:
        """Return the client's events for whole events of chat chunks; may be empty."""
        ...

    def closing(self, usage: Usage) -> bytes:
        """Return what ends the stream: all that was not said yet."""
        ...


class Translate(Protocol):
    def __call__(self, call: ProviderCall) -> tuple[dict[str, Any], Outlet]:
        """Return the body of a chat request that asks for the same, and the way back.

        Raises:
            Rejected: the call is malformed, or asks for what chat has no words for.
        """
        ...


def chunks_in(events: bytes) -> list[dict[str, Any]]:
    """Return the chunks in whole events of a chat stream; comments and [DONE] are none."""
    return [orjson.loads(data) for data in data_of_each(events) if data.lstrip().startswith(b"{")]
