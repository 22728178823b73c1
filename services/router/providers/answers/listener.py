"""The base of those who listen to an answer that passes untouched."""

from shared.usage import Usage


class Listener:
    """Most of an `AnswerReader`; nothing of what it makes of the answer is for a client."""

    reads_text = False
    """Whether `text_so_far` tells what was written."""

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.response_id = ""
        self.finish_reason = ""
        self.done = False

    def feed(self, data: bytes) -> bytes:
        return b""

    def end(self) -> bytes:
        return b""

    def text_so_far(self) -> str:
        return ""
