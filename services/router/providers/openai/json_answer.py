"""An answer that is one JSON object and no chat: embeddings and their like, passed on as it came."""

from typing import Any

import msgspec

from services.router.providers.answers.broken_answer import UnreadableAnswer
from services.router.providers.answers.whole_only import WholeOnly
from services.router.providers.base import Whole, json_object
from services.router.providers.openai.answer import raise_reported
from shared.usage import Usage, usage_from_openai

_decode_raw = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class JsonAnswer(WholeOnly):
    """An `AnswerReader` for answers that are not streamed."""

    def __init__(self, model: str, field: str) -> None:
        """`model` is shown to the client; `field` is there in every answer that is one."""
        self.usage: Usage | None = None
        self.response_id = ""
        self.finish_reason = ""
        self.done = False
        self._model = model
        self._field = field

    def whole(self, body: bytes) -> Whole:
        try:
            fields: dict[str, Any] = _decode_raw(body)
            if self._field not in fields:
                raise_reported(json_object(body))
                raise UnreadableAnswer(f"an answer without {self._field}")
            self.usage = usage_from_openai(_decode(fields["usage"])) if "usage" in fields else None
            answer_id = _decode(fields["id"]) if "id" in fields else ""
            model = _decode(fields["model"]) if "model" in fields else None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise UnreadableAnswer(f"not a JSON object: {error}") from error
        self.response_id = answer_id if isinstance(answer_id, str) else ""
        if model is not None and model != self._model:
            fields["model"] = self._model
            body = _encode(fields)
        return Whole(body, self.usage, self.response_id, self.finish_reason)
