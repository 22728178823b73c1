"""The Messages API where another company hosts it: the model stands in the path, a version in the body.

Sources: https://docs.claude.com/en/api/claude-on-vertex-ai, https://docs.claude.com/en/api/claude-on-amazon-bedrock
"""

import time
from typing import Any

from services.router.providers.answers.translated_answer import Framing
from services.router.providers.anthropic.provider import DEFAULT_MAX_TOKENS, AnthropicAnswer
from services.router.providers.anthropic.requests.request import to_messages
from services.router.providers.base import AnswerReader, ProviderCall
from services.router.providers.chat.body import chat_body
from shared.prices import own_output_limit
from shared.serving.deployments import Deployment


def hosted_messages(call: ProviderCall, deployment: Deployment, *, model: str, version: str | None) -> dict[str, Any]:
    """Return the body for `model`, without its name; `version` is None where a header tells it.

    Raises:
        Rejected: it cannot be put so.
    """
    body = chat_body(call, deployment, keep=("metadata",))
    default = deployment.max_output_tokens or own_output_limit(model) or DEFAULT_MAX_TOKENS
    request = to_messages(body, model=model, drop_params=call.drop_params, default_max_tokens=default)
    request.pop("model", None)
    request.pop("stream", None)
    told = {} if version is None else {"anthropic_version": version}
    return {**told, **request, **deployment.extra_body}


def hosted_answer(call: ProviderCall, framing: Framing | None = None) -> AnswerReader:
    """Return the reader; `framing` where the stream is not one of server-sent events."""
    return AnthropicAnswer(call.model, call.include_usage, created=int(time.time()), framing=framing)
