"""JSON objects, a line each, however the network cut them. https://github.com/ndjson/ndjson-spec"""

from services.router.providers.answers.broken_answer import UnreadableAnswer
from services.router.providers.answers.sse import BOM, EVENT_BYTES_MAX


class JsonLines:
    """A `Framing`; a line has no name."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[tuple[str, bytes]]:
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > EVENT_BYTES_MAX:
            raise UnreadableAnswer("a line without an end")
        return [("", line.removeprefix(BOM)) for line in lines if line.strip()]

    def end(self) -> list[tuple[str, bytes]]:
        rest, self._rest = self._rest, b""
        return [("", rest)] if rest.strip() else []
