"""Streams for clients that read one JSON array."""

from typing import Any

import orjson
import pytest

from services.edge.http.asgi import Event
from services.edge.http.event_array import as_array


async def sent(*bodies: bytes, kind: bytes = b"text/event-stream; charset=utf-8") -> tuple[bytes, list[Event]]:
    """Return the content type and the pieces that leave for an answer in so many pieces."""
    out: list[Any] = []

    async def send(event: Event) -> None:
        out.append(dict(event))

    through = as_array(send)
    await through({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind), (b"x", b"y")]})
    for number, body in enumerate(bodies, start=1):
        await through({"type": "http.response.body", "body": body, "more_body": number < len(bodies)})
    assert [value for name, value in out[0]["headers"] if name == b"x"] == [b"y"]
    (content_type,) = [value for name, value in out[0]["headers"] if name == b"content-type"]
    return content_type, out[1:]


EVENTS = b'data: {"a":1}\n\ndata: {"b":"\\n"}\r\n\r\n'


@pytest.mark.parametrize("size", [1, 9, 1_000])
async def test_events_become_elements_wherever_they_are_cut(size: int) -> None:
    pieces = [EVENTS[at : at + size] for at in range(0, len(EVENTS), size)]
    content_type, events = await sent(*pieces, b"")
    body = b"".join(event["body"] for event in events)
    assert (content_type, body) == (b"application/json; charset=UTF-8", b'[{"a":1},\r\n{"b":"\\n"}]')
    assert [event["more_body"] for event in events][-1] is False


async def test_an_element_leaves_as_soon_as_it_is_whole() -> None:
    _, events = await sent(b'data: {"a":1}\n\nda', b'ta: {"b":2}\n\n', b"")
    assert [event["body"] for event in events] == [b'[{"a":1}', b',\r\n{"b":2}', b"]"]


async def test_an_error_in_mid_stream_is_the_last_element() -> None:
    _, events = await sent(EVENTS, b'data: {"error":{"code":503}}\n\n')
    assert orjson.loads(b"".join(event["body"] for event in events))[-1] == {"error": {"code": 503}}


async def test_a_stream_of_nothing_is_an_empty_array() -> None:
    _, events = await sent(b"", b": a comment\n\n")
    assert b"".join(event["body"] for event in events) == b"[]"


async def test_what_is_no_stream_passes_through() -> None:
    content_type, events = await sent(b'{"error":{}}', kind=b"application/json")
    assert (content_type, events[0]["body"]) == (b"application/json", b'{"error":{}}')
