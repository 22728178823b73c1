"""The base of readers of answers that are never streamed."""

from services.router.providers.answers.broken_answer import UnreadableAnswer


class WholeOnly:
    """What an `AnswerReader` has besides `whole`."""

    def feed(self, data: bytes) -> bytes:
        """Raises: UnreadableAnswer."""
        raise UnreadableAnswer("a stream where a whole answer was asked for")

    def end(self) -> bytes:
        """Raises: UnreadableAnswer."""
        raise UnreadableAnswer("a stream where a whole answer was asked for")

    def text_so_far(self) -> str:
        return ""
