"""A stream that is one JSON array, as Google's are without alt=sse: its elements, however the network cut them."""

import re
from collections.abc import Iterator

from services.router.providers.answers.broken_answer import UnreadableAnswer

ELEMENT_BYTES_MAX = 64 * 1024 * 1024
_MARK = re.compile(rb'["{}]')
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)


def split_elements(data: bytes) -> tuple[list[bytes], bytes]:
    """Return the elements (objects) that are whole, each with what stands before it, and the rest; joined: `data`."""
    elements, start, at, depth = [], 0, 0, 0
    while (mark := _MARK.search(data, at)) is not None:
        if mark[0] == b'"':
            string = _STRING.match(data, mark.start())
            if string is None:
                break
            at = string.end()
            continue
        at = mark.end()
        depth += 1 if mark[0] == b"{" else -1
        if depth == 0:
            elements.append(data[start:at])
            start = at
    return elements, data[start:]


class ArrayElements:
    """A `Framing` without names."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        """Raises: UnreadableAnswer."""
        elements, self._rest = split_elements(self._rest + data)
        if len(self._rest) > ELEMENT_BYTES_MAX:
            raise UnreadableAnswer("an element without an end")
        return iter([("", element[element.find(b"{") :]) for element in elements])

    def end(self) -> Iterator[tuple[str, bytes]]:
        """Raises: UnreadableAnswer."""
        if self._rest.strip() != b"]":
            raise UnreadableAnswer("the array ended within an element")
        return iter(())
