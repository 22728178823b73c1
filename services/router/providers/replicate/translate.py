"""A prediction, or the events of its output, as an OpenAI chat completion or its chunks.

Source: https://replicate.com/docs/topics/predictions/streaming (events output, error and done, data as plain text)
"""

from typing import Any

import orjson

from services.router.providers.answers.broken_answer import ProviderStreamError, UnreadableAnswer
from services.router.providers.answers.completions import Completions
from services.router.providers.answers.sse import SseParser
from shared.usage import Usage, usage_from_replicate

LAST = "prediction"
"""The name under which a stream's reader gets the prediction itself, once it is over."""

FAILED = ("failed", "canceled", "aborted")


class ReplicateEvents:
    """A `Framing`: the events of a prediction, each as a JSON object of its own name."""

    def __init__(self) -> None:
        self._parser = SseParser()

    def feed(self, data: bytes) -> list[tuple[str, bytes]]:
        return [_as_json(name, text) for name, text in self._parser.feed(data)]

    def end(self) -> list[tuple[str, bytes]]:
        return [_as_json(name, text) for name, text in self._parser.end()]


def last_event(prediction: bytes) -> bytes:
    """Return the prediction as the last event of its stream."""
    return b"\n\nevent: " + LAST.encode() + b"\ndata: " + prediction.replace(b"\n", b" ") + b"\n\n"


def prediction_in(body: bytes) -> dict[str, Any]:
    """Return the prediction.

    Raises:
        UnreadableAnswer
    """
    try:
        prediction = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise UnreadableAnswer(f"not JSON: {error}") from error
    if not isinstance(prediction, dict) or "status" not in prediction:
        raise UnreadableAnswer("not a prediction")
    return prediction


class ReplicateTranslator:
    """A `ChunkTranslator`."""

    def __init__(self, out: Completions, *, include_usage: bool) -> None:
        self.usage: Usage | None = None
        self.finished = False
        self._out = out
        self._include_usage = include_usage
        self._streamed = False  # the stream has said that it is over

    def whole(self, answer: dict[str, Any]) -> dict[str, Any]:
        self._note(answer)
        self._out.id = str(answer.get("id") or "")
        return self._out.whole({"content": _text_of(answer.get("output"))}, finish="stop", usage=self.usage)

    def feed(self, event: dict[str, Any], name: str) -> list[dict[str, Any]]:
        if name == "output":
            return [self._out.chunk({"content": event["text"]})]
        if name == "error":
            raise ProviderStreamError("prediction_failed", event["text"])
        self._streamed = self._streamed or name == "done"
        if name != LAST:
            return []
        self._note(event)
        if not self._streamed:
            raise UnreadableAnswer("the stream ended before its end")
        self.finished = True
        chunks = [self._out.chunk({}, finish="stop")]
        if self._include_usage and self.usage is not None:
            chunks.append(self._out.usage_chunk(self.usage))
        return chunks

    def end(self) -> list[dict[str, Any]]:
        if not self.finished:
            raise UnreadableAnswer("the stream ended before the prediction did")
        return []

    def _note(self, prediction: dict[str, Any]) -> None:
        status = prediction.get("status")
        if status in FAILED:
            told = prediction.get("error") or f"the prediction was {status}"
            raise ProviderStreamError(f"prediction_{status}", str(told), status=502)
        if status != "succeeded":
            raise UnreadableAnswer(f"a prediction that is {status}")
        metrics = prediction.get("metrics")
        if isinstance(metrics, dict) and ("input_token_count" in metrics or "output_token_count" in metrics):
            self.usage = usage_from_replicate(prediction)  # else the tokens are counted


def _as_json(name: str, data: bytes) -> tuple[str, bytes]:
    return name, data if name == LAST else orjson.dumps({"text": data.decode("utf-8", "replace")})


def _text_of(output: Any) -> str:
    if isinstance(output, list):
        return "".join(part if isinstance(part, str) else orjson.dumps(part).decode() for part in output)
    if output is None or isinstance(output, str):
        return output or ""
    return orjson.dumps(output).decode()
