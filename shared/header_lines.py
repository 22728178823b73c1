"""Headers of an answer as HTTP/1.1 writes them: one line each, made where they are known and written as they are.

An answer has some thirty of them. As pairs, each would be packed and unpacked by every service on its way, and encoded
and checked at its end: a tenth of what edge does for a request. Who makes a line answers for it: its name and its value
are printable ASCII, so that no text of a caller can end it early.
"""

from collections.abc import Iterable

Header = tuple[str, str]


def lines_of(headers: Iterable[Header]) -> str:
    """Return the lines: "x-request-id: 1" and a CRLF each, "" for none."""
    return "".join([f"{name}: {value}\r\n" for name, value in headers])


def headers_in(lines: str) -> tuple[Header, ...]:
    """Return the pairs that `lines_of` made lines of."""
    return tuple([_pair(line) for line in lines.split("\r\n") if line])


def _pair(line: str) -> Header:
    name, _, value = line.partition(": ")
    return name, value


def header_text(text: str) -> str:
    """Return `text` as a header can carry it: names come from the configuration, where anything may stand."""
    if text.isascii() and text.isprintable():
        return text
    return "".join([letter if letter.isprintable() and letter.isascii() else "?" for letter in text])
