"""Server-sent events out of bytes, however the network cut them. https://html.spec.whatwg.org/multipage/server-sent-events.html"""

from collections.abc import Iterator

from services.router.providers.answers.broken_answer import UnreadableAnswer

BOM = b"\xef\xbb\xbf"
"""May stand in front of a stream, and is no part of its first line."""

EVENT_BYTES_MAX = 64 * 1024 * 1024


class EventBlocks:
    """Hands on bytes in blocks that end where an event ends; every line ends with a newline alone."""

    def __init__(self) -> None:
        self._rest = bytearray()  # of an event that is not whole yet
        self._return = False  # a \r that may be the first half of \r\n
        self._begun = False
        self._start = b""  # that may be of a mark

    def feed(self, data: bytes) -> bytes:
        """Return all events that are whole by now; b"" while there is none.

        Raises:
            UnreadableAnswer: an event is larger than EVENT_BYTES_MAX.
        """
        if not self._begun:
            data = self._start + data
            if len(data) < len(BOM) and BOM.startswith(data):
                self._start = data
                return b""
            self._begun, data = True, data.removeprefix(BOM)
        if self._return or b"\r" in data:
            data = self._without_returns(data)
        rest = self._rest
        if not rest:
            end = data.rfind(b"\n\n") + 2
            if end == len(data) or end == 1:
                if end == 1:
                    rest += data
                return data if end > 1 else b""
            rest += data[end:]
            return data[:end]
        seen = len(rest) - 1  # the empty line may begin with the last byte that is here
        rest += data
        end = rest.rfind(b"\n\n", seen) + 2
        if end == 1:
            if len(rest) > EVENT_BYTES_MAX:
                raise UnreadableAnswer("an event without an end")
            return b""
        block = bytes(rest[:end])
        del rest[:end]
        return block

    def rest(self) -> bytes:
        """Return what came after the last whole event, once nothing more will come."""
        return bytes(self._rest)

    def _without_returns(self, data: bytes) -> bytes:
        if self._return:
            data = b"\r" + data
        self._return = data.endswith(b"\r")
        if self._return:
            data = data[:-1]
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


class SseParser:
    def __init__(self) -> None:
        self._blocks = EventBlocks()

    def feed(self, data: bytes) -> list[tuple[str, bytes]]:
        """Return (event name, data) of each event that is complete by now; those without data are left out.

        Raises:
            UnreadableAnswer: an event without an end.
        """
        return _parsed(self._blocks.feed(data))

    def end(self) -> list[tuple[str, bytes]]:
        """Return the last event where the empty line behind it is missing."""
        return _parsed(self._blocks.rest())


def event_of(text: bytes) -> tuple[str, bytes]:
    """Return the name and the data of one event, "" and b"" where it has none."""
    name, data = "", []
    for line in text.split(b"\n"):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"event":
            name = value.decode("utf-8", "replace")
        elif field == b"data":
            data.append(value)
    return name, b"\n".join(data)


def data_of_each(events: bytes) -> Iterator[bytes]:
    """Yield the data of whole events, those without left out; no line of them ends with a return."""
    for text in events.split(b"\n\n"):
        if text.startswith(b"data:") and b"\n" not in text:
            yield text[5:]
        elif text and (data := event_of(text)[1]):
            yield data


def _parsed(block: bytes) -> list[tuple[str, bytes]]:
    return [event for text in block.split(b"\n\n") if (event := event_of(text))[1]] if block else []
