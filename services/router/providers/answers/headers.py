"""What answers tell by their headers, beside or in place of their bodies."""

from abc import ABC, abstractmethod
from collections.abc import Callable

from shared.errors import GatewayError

Header = Callable[[str], str | None]
"""Returns the first value of a header; its name in lower case."""


def no_header(name: str) -> str | None:
    """A `Header` of an answer without any."""
    return None


class ReadsHeaders(ABC):
    """What a reader has besides an `AnswerReader`'s methods."""

    @abstractmethod
    def read_headers(self, header: Header) -> None:
        """Note what an answer tells before its body."""


class FailsByHeader(ABC):
    """What an adapter has besides a `Provider`'s methods."""

    @abstractmethod
    def failure_with(self, status: int, body: bytes, header: Header) -> GatewayError:
        """Return what an answer with `status` >= 400 means, by its headers too."""


def count_in(header: Header, name: str) -> int | None:
    """Return a header's whole number, None where there is none."""
    text = (header(name) or "").strip()
    return int(text) if text.isascii() and text.isdigit() else None
