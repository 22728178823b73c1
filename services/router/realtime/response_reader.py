"""Reads the events of one response: what it used, or, where the provider does not say, what was heard of it."""

from services.router.providers.answers.broken_answer import UnreadableAnswer
from services.router.providers.base import OwnForm, Whole
from services.router.realtime.context import SPOKEN_MS
from services.router.realtime.server_events import RESPONSE_DONE, SOUNDS, TEXTS, ServerEvent, read_server_event
from shared import tokens
from shared.errors import GatewayError, ProviderFailed
from shared.usage import Usage, usage_from_realtime


class ResponseReader(OwnForm):
    """An AnswerReader of a stream whose events are fed one by one."""

    def __init__(self, provider: str, *, input_tokens: int, spoken_bytes_per_ms: int) -> None:
        """`input_tokens` bounds what it reads."""
        self.usage: Usage | None = None
        self.response_id = ""
        self.finish_reason = ""
        self.done = False
        self.failure: GatewayError | None = None
        self._provider = provider
        self._input_tokens = input_tokens
        self._bytes_per_ms = spoken_bytes_per_ms
        self._texts: list[str] = []
        self._sound_bytes = 0

    @property
    def spoken_tokens(self) -> int:
        return self._sound_bytes // (self._bytes_per_ms * SPOKEN_MS)

    def note(self, event: ServerEvent) -> None:
        """Take one event of the response."""
        if event.type in SOUNDS:
            self._sound_bytes += len(event.delta) * 3 // 4 if isinstance(event.delta, str) else 0
        elif event.type in TEXTS:
            self._texts.append(event.delta if isinstance(event.delta, str) else "")
        elif event.response is not None:
            self.response_id = event.response.id or self.response_id
            if event.type == RESPONSE_DONE:
                self._end(event)

    def _end(self, event: ServerEvent) -> None:
        assert event.response is not None, "note has looked"
        self.done = True
        self.usage = usage_from_realtime(event.response.usage)
        status, details = event.response.status or "", event.response.status_details
        details = details if isinstance(details, dict) else {}
        reason = details.get("reason")
        self.finish_reason = {"completed": "stop", "incomplete": "length"}.get(status, status)
        if status == "incomplete" and reason == "content_filter":
            self.finish_reason = "content_filter"
        if status == "failed":
            told = details.get("error")
            told = told if isinstance(told, dict) else {}
            message = told.get("message") or told.get("code") or "it does not say why"
            self.failure = ProviderFailed(
                f"{self._provider} could not make the response: {message}", fields={"provider": self._provider}
            )

    def whole(self, body: bytes) -> Whole:
        raise UnreadableAnswer("a response of a session has no whole form")

    def feed(self, data: bytes) -> bytes:
        event = read_server_event(data)
        if event is not None:
            self.note(event)
        return data

    def end(self) -> bytes:
        return b""

    def text_so_far(self) -> str:
        return "".join(self._texts)

    def counted(self) -> Usage:
        """Return what was heard: sound by its length, text by its tokens, and the most that it can have read."""
        text = tokens.count(self.text_so_far())
        return Usage(input=self._input_tokens, output=text, audio_output=self.spoken_tokens)
