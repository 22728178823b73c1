"""The lines of a JSONL file out of its pieces, each with its number from 1; empty ones are left out."""

from collections.abc import Iterator

LINE_BYTES_MAX = 32 * 1024 * 1024


class LineTooLong(Exception):
    """A line of more than LINE_BYTES_MAX bytes; the message says which."""


class LineReader:
    def __init__(self) -> None:
        self._rest = b""
        self._number = 0

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield the lines that `data` completes.

        Raises:
            LineTooLong
        """
        *whole, rest = (self._rest + data).split(b"\n") if b"\n" in data else (self._rest + data,)
        self._rest = rest
        for line in whole:
            self._number += 1
            stripped = line.strip()
            if stripped:
                yield self._number, stripped
        if len(rest) > LINE_BYTES_MAX:
            raise LineTooLong(f"line {self._number + 1} has more than {LINE_BYTES_MAX // 1_048_576} MB")

    def end(self) -> Iterator[tuple[int, bytes]]:
        """Yield the last line, where no line break follows it."""
        yield from self.feed(b"\n")
