"""A stream of events as one JSON array: what Google's clients without alt=sse read.

Source: https://cloud.google.com/apis/docs/system-parameters (alt), https://ai.google.dev/api/generate-content
"""

import re

from services.edge.http.asgi import Event, Send

_GAP = re.compile(rb"\r?\n\r?\n")
_TYPE = (b"content-type", b"application/json; charset=UTF-8")


def as_array(send: Send) -> Send:
    """Return a `send` that takes a stream of server-sent events; all other answers pass through it."""
    array: _Array | None = None

    async def send_array(event: Event) -> None:
        nonlocal array
        if event["type"] == "http.response.start":
            headers = event["headers"]
            if any(name == b"content-type" and value.startswith(b"text/event-stream") for name, value in headers):
                array = _Array()
                event["headers"] = [_TYPE, *[header for header in headers if header[0] != b"content-type"]]
        elif array is not None:
            more = event.get("more_body", False)
            event["body"] = array.feed(event.get("body", b""), last=not more)
            if more and not event["body"]:
                return
        await send(event)

    return send_array


class _Array:
    def __init__(self) -> None:
        self._rest = b""  # of an event that is not whole yet
        self._before = b"["

    def feed(self, data: bytes, *, last: bool) -> bytes:
        """Return the elements of the events that are whole by now; and after the last of them the array's end."""
        events = _GAP.split(self._rest + data)
        self._rest = b"" if last else events.pop()
        out: list[bytes] = []
        for event in events:
            element = b"".join([line[5:].strip() for line in event.split(b"\n") if line.startswith(b"data:")])
            if element:
                out += (self._before, element)
                self._before = b",\r\n"
        if last:
            out.append(b"[]" if self._before == b"[" else b"]")
        return b"".join(out)
