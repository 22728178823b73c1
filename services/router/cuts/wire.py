"""How streams are cut into events, byte for byte, and how another event is written into one.

Sources: https://html.spec.whatwg.org/multipage/server-sent-events.html,
https://docs.aws.amazon.com/transcribe/latest/dg/event-stream.html
"""

import base64
import binascii
import re
import struct
import zlib
from typing import Any, NamedTuple, Protocol

import orjson

from services.router.providers.answers.json_array import split_elements
from services.router.providers.answers.sse import BOM


class Told(NamedTuple):
    """What an event says."""

    name: str
    fields: dict[str, Any]


class Wire(Protocol):
    def split(self, data: bytes) -> tuple[list[bytes], bytes]:
        """Return the whole events at the beginning of `data`, and the rest; joined they are `data`."""
        ...

    def read(self, event: bytes) -> Told | None:
        """Return what an event says, None where it is no object."""
        ...

    def write(self, name: str, fields: dict[str, Any], *, in_place_of: bytes = b"") -> bytes:
        """Return an event in this framing; `in_place_of` one that does not go out."""
        ...

    def opened(self) -> None:
        """An event went out."""
        ...

    def end(self) -> bytes:
        """Return what closes the stream behind its last event."""
        ...


class Sse:
    """Server-sent events. `named`: each has a line with its name; `end` is what follows the last."""

    _gap = re.compile(rb"\r?\n\r?\n|\r\r")

    def __init__(self, *, named: bool = False, end: bytes = b"") -> None:
        self._named = named
        self._end = end

    def split(self, data: bytes) -> tuple[list[bytes], bytes]:
        if b"\r" not in data:
            *parts, rest = data.split(b"\n\n")
            return [part + b"\n\n" for part in parts], rest
        events, at = [], 0
        for gap in self._gap.finditer(data):
            events.append(data[at : gap.end()])
            at = gap.end()
        return events, data[at:]

    def read(self, event: bytes) -> Told | None:
        if event.startswith(b"data: {") and event.find(b"\n") == len(event) - 2:
            return _told("", event[6:])
        name, data = "", []
        for line in event.removeprefix(BOM).splitlines():
            field, _, value = line.partition(b":")
            if field == b"data":
                data.append(value.removeprefix(b" "))
            elif field == b"event":
                name = value.strip().decode("utf-8", "replace")
        return _told(name, b"\n".join(data))

    def write(self, name: str, fields: dict[str, Any], *, in_place_of: bytes = b"") -> bytes:
        head = f"event: {name}\n".encode() if self._named else b""
        return head + b"data: " + orjson.dumps(fields) + b"\n\n"

    def opened(self) -> None:
        return None

    def end(self) -> bytes:
        return self._end


class JsonArray:
    """Google's streams without alt=sse: the elements of an array; what stands between two is in front of the second."""

    def __init__(self) -> None:
        self._is_open = False  # an element went out before

    def split(self, data: bytes) -> tuple[list[bytes], bytes]:
        events, rest = split_elements(data)
        if rest.strip() == b"]":
            return [*events, rest], b""
        return events, rest

    def read(self, event: bytes) -> Told | None:
        return _told("", event[event.find(b"{") :] if b"{" in event else b"")

    def write(self, name: str, fields: dict[str, Any], *, in_place_of: bytes = b"") -> bytes:
        before = in_place_of[: in_place_of.find(b"{")] if in_place_of else b",\r\n" if self._is_open else b"["
        self._is_open = True
        return before + orjson.dumps(fields)

    def opened(self) -> None:
        self._is_open = True

    def end(self) -> bytes:
        return b"]"


class AwsEvents:
    """AWS's binary messages: lengths and checksums around headers and a payload in JSON."""

    def split(self, data: bytes) -> tuple[list[bytes], bytes]:
        events, at = [], 0
        while len(data) - at >= _PRELUDE:
            size = struct.unpack_from("!I", data, at)[0]
            if size < _PRELUDE or len(data) - at < size:
                break
            events.append(data[at : at + size])
            at += size
        return events, data[at:]

    def read(self, event: bytes) -> Told | None:
        start = _payload_at(event)
        return _told(_event_type(event[_PRELUDE:start]), event[start:-4])

    def write(self, name: str, fields: dict[str, Any], *, in_place_of: bytes = b"") -> bytes:
        return aws_message(name, orjson.dumps(fields))

    def opened(self) -> None:
        return None

    def end(self) -> bytes:
        return b""


class AwsChunks(AwsEvents):
    """InvokeModel's: a payload is an event of the model's maker, in base64."""

    def read(self, event: bytes) -> Told | None:
        chunk = super().read(event)
        if chunk is None or not isinstance(chunk.fields.get("bytes"), str):
            return None
        try:
            return _told("", base64.b64decode(chunk.fields["bytes"]))
        except binascii.Error:
            return None

    def write(self, name: str, fields: dict[str, Any], *, in_place_of: bytes = b"") -> bytes:
        return super().write("chunk", {"bytes": base64.b64encode(orjson.dumps(fields)).decode()})


_PRELUDE = 12  # two lengths and their checksum
_STRING = 7  # the type of a header whose value is a text


def aws_payload(message: bytes) -> bytes:
    """Return what one of AWS's messages carries."""
    return message[_payload_at(message) : -4]


def _payload_at(message: bytes) -> int:
    headers: int = struct.unpack_from("!I", message, 4)[0]
    return _PRELUDE + headers


def aws_message(name: str, payload: bytes, *, content_type: str = "application/json") -> bytes:
    named = {":event-type": name, ":content-type": content_type, ":message-type": "event"}
    headers = b"".join(
        struct.pack(f"!B{len(key)}sBH", len(key), key.encode(), _STRING, len(value)) + value.encode()
        for key, value in named.items()
    )
    return _framed(headers, payload)


def aws_recut(message: bytes, size: int) -> tuple[bytes, bytes]:
    """Return two messages with the headers of one: the first has `size` bytes of its payload, the second the rest."""
    headers, payload = message[_PRELUDE : _payload_at(message)], aws_payload(message)
    return _framed(headers, payload[:size]), _framed(headers, payload[size:])


def _framed(headers: bytes, payload: bytes) -> bytes:
    prelude = struct.pack("!II", _PRELUDE + len(headers) + len(payload) + 4, len(headers))
    whole = prelude + struct.pack("!I", zlib.crc32(prelude)) + headers + payload
    return whole + struct.pack("!I", zlib.crc32(whole))


def _event_type(headers: bytes) -> str:
    """Return the event's name. Its header is a text, and so are all before it in what Bedrock sends."""
    at = headers.find(b":event-type\x07")
    if at < 0:
        return ""
    at += len(b":event-type\x07")
    size = struct.unpack_from("!H", headers, at)[0]
    return headers[at + 2 : at + 2 + size].decode("utf-8", "replace")


def _told(name: str, text: bytes) -> Told | None:
    try:
        fields = orjson.loads(text)
    except orjson.JSONDecodeError:  # [DONE], a comment, or what no client could read either
        return None
    return Told(name, fields) if isinstance(fields, dict) else None
