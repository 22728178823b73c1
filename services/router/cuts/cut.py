"""What the money line has to know of a dialect's stream."""

from typing import NamedTuple, Protocol

from services.router.cuts.wire import Told, Wire
from shared.usage import Usage


class Ending(NamedTuple):
    """`closing` waits until the fact is stored; `events` go before it."""

    events: bytes
    closing: bytes


class Cut(Protocol):
    """One stream. `note` is given every event that goes to the client, in order."""

    wire: Wire
    reason: str  # the dialect's word for an answer that ended at its length

    def alike(self, event: bytes) -> tuple[bytes, bytes]:
        """Return what a piece of text begins and ends with in every event: JSON, which no text can hold; b"" if not."""
        ...

    def texts(self, told: Told) -> list[tuple[int, str]]:
        """Return the texts of an event, each with the number of what it belongs to."""
        ...

    def note(self, told: Told) -> None:
        """Keep what `ending` must know."""
        ...

    def shortened(self, event: bytes, told: Told, text: str) -> bytes | None:
        """Return the event with `text` in the place of its only text; None where it has another form."""
        ...

    def ending(self, answer_id: str, model: str, usage: Usage, *, shows_usage: bool) -> Ending:
        """Return what ends the stream; where the dialect leaves the choice, `shows_usage` says whether to tell it."""
        ...
