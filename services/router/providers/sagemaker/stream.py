"""The event stream of InvokeEndpointWithResponseStream: pieces of the container's own stream, in events.

Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpointWithResponseStream.html
"""

from collections.abc import Iterator

import orjson

from services.router.providers.answers.broken_answer import BrokenAnswer, UnreadableAnswer
from services.router.providers.answers.sse import SseParser
from services.router.providers.aws.event_stream import EXCEPTION, EventStream
from services.router.providers.bedrock.failures import stream_error
from services.router.providers.openai import OpenAIAnswer


class Payloads:
    """The container's bytes out of AWS's events."""

    def __init__(self) -> None:
        self._events = EventStream()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what each event carries.

        Raises:
            BrokenAnswer
        """
        for name, payload in self._events.feed(data):
            if name.startswith(EXCEPTION):
                try:
                    told = orjson.loads(payload)
                    raise stream_error(name.removeprefix(EXCEPTION), {"message": told.get("Message"), **told})
                except (orjson.JSONDecodeError, AttributeError, TypeError) as error:
                    raise UnreadableAnswer(f"an exception that cannot be read: {error!r}") from error
            if name == "PayloadPart":
                yield payload

    def end(self) -> None:
        """Check that nothing is left.

        Raises:
            BrokenAnswer
        """
        for _ in self._events.end():
            pass


class ContainerEvents:
    """A `Framing` for containers that send server-sent events."""

    def __init__(self) -> None:
        self._payloads = Payloads()
        self._events = SseParser()

    def feed(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        for payload in self._payloads.feed(data):
            yield from self._events.feed(payload)

    def end(self) -> Iterator[tuple[str, bytes]]:
        self._payloads.end()
        yield from self._events.end()


class ContainerAnswer(OpenAIAnswer):
    """An `AnswerReader` for containers that speak OpenAI's chat completions."""

    def __init__(self, model: str, *, include_usage: bool) -> None:
        super().__init__(model, include_usage=include_usage)
        self._payloads = Payloads()

    def feed(self, data: bytes) -> bytes:
        out: list[bytes] = []
        try:
            for payload in self._payloads.feed(data):
                out.append(super().feed(payload))
        except BrokenAnswer as broken:
            broken.before = b"".join(out) + broken.before
            raise
        return b"".join(out)

    def end(self) -> bytes:
        self._payloads.end()
        return super().end()
