"""Reranking in Cohere's form, which servers beside OpenAI's chat have too. https://docs.cohere.com/reference/rerank"""

import orjson

from services.router.providers.answers.broken_answer import UnreadableAnswer
from services.router.providers.answers.whole_only import WholeOnly
from services.router.providers.base import Whole, json_object
from services.router.providers.openai.answer import raise_reported
from shared.usage import Usage
from shared.usage.whole_answer import usage_in_reranking


class RerankAnswer(WholeOnly):
    """An `AnswerReader` for answers that are not streamed."""

    def __init__(self, model: str) -> None:
        self.usage: Usage | None = None
        self.response_id = ""
        self.finish_reason = ""
        self.done = False
        self._model = model

    def whole(self, body: bytes) -> Whole:
        answer = json_object(body)
        if not isinstance(answer.get("results"), list):
            raise_reported(answer)
            raise UnreadableAnswer("an answer without results")
        self.usage = usage_in_reranking(answer)
        self.response_id = str(answer.get("id") or "")
        if answer.get("model", self._model) != self._model:
            body = orjson.dumps({**answer, "model": self._model})
        return Whole(body, self.usage, self.response_id, self.finish_reason)
