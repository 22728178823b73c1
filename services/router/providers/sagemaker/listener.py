"""Listens to a container whose calls pass untouched: by what it says first, whether it chats or generates text."""

from services.router.providers.answers.broken_answer import UnreadableAnswer
from services.router.providers.answers.listener import Listener
from services.router.providers.answers.sse import EventBlocks, SseParser
from services.router.providers.answers.translated_answer import TranslatedAnswer
from services.router.providers.base import AnswerReader, Whole
from services.router.providers.openai import OpenAIAnswer
from services.router.providers.sagemaker.stream import Payloads
from services.router.providers.sagemaker.text_generation import TextGenerationTranslator

FIRST_BYTES_MAX = 1024 * 1024
"""What is kept until the first event is whole: a piece of text, in either form."""

_GENERATED = b'"generated_text"'
"""What every event of text generation has, and no chunk of a chat."""


class ContainerListener(Listener):
    """An `AnswerReader`; what it makes of the answer is for nobody."""

    reads_text = True

    def __init__(self, model: str) -> None:
        super().__init__()
        self._model = model
        self._payloads = Payloads()
        self._first = bytearray()
        self._blocks = EventBlocks()  # of what came first
        self._reader: AnswerReader | None = None

    def whole(self, body: bytes) -> Whole:
        """Text generation may answer with a list of one."""
        generated = _GENERATED in body
        one = body.strip().removeprefix(b"[").removesuffix(b"]") if generated else body
        told = self._made(generated=generated).whole(one)
        self.usage, self.response_id, self.finish_reason = told.usage, told.response_id, told.finish_reason
        self.done = True
        return told

    def feed(self, data: bytes) -> bytes:
        for payload in self._payloads.feed(data):
            if self._reader is None:
                self._first += payload
                if b"data:" not in self._blocks.feed(payload):
                    if len(self._first) > FIRST_BYTES_MAX:
                        raise UnreadableAnswer("an event without an end")
                    continue
                self._reader, payload = self._made(generated=_GENERATED in self._first), bytes(self._first)
            try:
                self._reader.feed(payload)
            finally:
                self._note(self._reader)
        return b""

    def end(self) -> bytes:
        self._payloads.end()
        if self._reader is not None:
            self._reader.end()
            self._note(self._reader)
        return b""

    def text_so_far(self) -> str:
        return self._reader.text_so_far() if self._reader is not None else ""

    def _made(self, *, generated: bool) -> AnswerReader:
        if generated:
            return TranslatedAnswer(SseParser(), TextGenerationTranslator(self._model, 0, True, answer_id=""))
        return OpenAIAnswer(self._model, include_usage=True)

    def _note(self, reader: AnswerReader) -> None:
        self.usage, self.response_id = reader.usage, reader.response_id
        self.done, self.finish_reason = reader.done, reader.finish_reason
