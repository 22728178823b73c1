"""What InvokeModel tells of an answer whose form is its maker's: Bedrock's own counts, in headers or the last chunk.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html
"""

from services.router.providers.answers.headers import Header, ReadsHeaders, count_in
from services.router.providers.answers.listener import Listener
from services.router.providers.base import Whole, json_object
from services.router.providers.bedrock.invoke.chunks import InvokeChunks
from services.router.providers.bedrock.invoke.openai_answer import METRICS
from shared.usage import usage_from_bedrock_metrics


class InvokeListener(Listener, ReadsHeaders):
    """An `AnswerReader` that only listens."""

    def __init__(self) -> None:
        super().__init__()
        self._chunks = InvokeChunks()

    def read_headers(self, header: Header) -> None:
        counts = {
            "inputTokenCount": count_in(header, "x-amzn-bedrock-input-token-count"),
            "outputTokenCount": count_in(header, "x-amzn-bedrock-output-token-count"),
        }
        self.usage = usage_from_bedrock_metrics({name: count for name, count in counts.items() if count is not None})

    def whole(self, body: bytes) -> Whole:
        return Whole(body, self.usage, "", "")

    def feed(self, data: bytes) -> bytes:
        for _, payload in self._chunks.feed(data):
            if METRICS.encode() in payload:
                told = json_object(payload).get(METRICS)
                self.usage = usage_from_bedrock_metrics(told) or self.usage
                self.done = True
        return b""

    def end(self) -> bytes:
        for _ in self._chunks.end():
            pass
        return b""
