"""The reader of an answer that is one JSON object in a provider's own form: embeddings, rankings, transcripts."""

from collections.abc import Callable
from typing import Any, NamedTuple

import orjson

from services.router.providers.answers.broken_answer import UnreadableAnswer
from services.router.providers.answers.whole_only import WholeOnly
from services.router.providers.base import Whole
from services.router.providers.openai.answer import raise_reported
from shared.usage import Usage

_NOT_ITS_FORM = (KeyError, TypeError, AttributeError, ValueError, IndexError)


class Read(NamedTuple):
    """What the client gets, and what was used."""

    shown: dict[str, Any]
    usage: Usage | None
    answer_id: str = ""


class TranslatedJson(WholeOnly):
    """An `AnswerReader` for answers that are not streamed."""

    def __init__(self, read: Callable[[Any], Read], *, reports_errors: bool = True) -> None:
        """`read` takes the decoded answer, and may raise whatever a missing part of it raises, or a BrokenAnswer.

        `reports_errors`: a field `error` in an answer means that it is none.
        """
        self.usage: Usage | None = None
        self.response_id = ""
        self.finish_reason = ""
        self.done = False
        self._read = read
        self._reports_errors = reports_errors

    def whole(self, body: bytes) -> Whole:
        try:
            answer = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise UnreadableAnswer(f"not JSON: {error}") from error
        if self._reports_errors and isinstance(answer, dict):
            raise_reported(answer)
        try:
            read = self._read(answer)
        except _NOT_ITS_FORM as error:
            raise UnreadableAnswer(f"not an answer: {error!r}") from error
        self.usage, self.response_id = read.usage, read.answer_id
        return Whole(orjson.dumps(read.shown), self.usage, self.response_id, self.finish_reason)
