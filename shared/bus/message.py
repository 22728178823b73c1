"""What a subscription delivers."""

from collections.abc import Callable
from typing import NamedTuple

_NO_RESPONDERS = b"NATS/1.0 503"


class Message(NamedTuple):
    """`headers` are raw and usually empty."""

    subject: str
    reply: str
    data: bytes
    headers: bytes

    @property
    def is_no_responders(self) -> bool:
        """True where the server itself answers that nobody serves the subject."""
        return self.headers.startswith(_NO_RESPONDERS)


Handler = Callable[[Message], None]
