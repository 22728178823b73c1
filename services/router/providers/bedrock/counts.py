"""InvokeModel's counts of tokens, in the headers of answers whose bodies are the models' own.

Source: https://docs.aws.amazon.com/bedrock/latest/userguide/inference-invoke.html
"""

from services.router.providers.answers.headers import Header, count_in
from shared.usage import Usage, usage_from_bedrock_metrics

_NAMES = {
    "inputTokenCount": "x-amzn-bedrock-input-token-count",
    "outputTokenCount": "x-amzn-bedrock-output-token-count",
    "cacheReadInputTokenCount": "x-amzn-bedrock-cache-read-input-token-count",
    "cacheWriteInputTokenCount": "x-amzn-bedrock-cache-write-input-token-count",
}


def usage_in(header: Header) -> Usage | None:
    """Return what the headers tell, None where they tell nothing."""
    told = {name: count_in(header, known) for name, known in _NAMES.items()}
    return usage_from_bedrock_metrics({name: count for name, count in told.items() if count is not None})
