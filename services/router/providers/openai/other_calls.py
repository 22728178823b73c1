"""What OpenAI's API answers beside chat: the request for each type of call, and the reader of its answer."""

from services.router.providers.base import AnswerReader, HttpCall, ProviderCall
from services.router.providers.openai.answer import OpenAIAnswer
from services.router.providers.openai.body import MAX_TOKENS_FIELDS, outgoing_body
from services.router.providers.openai.json_answer import JsonAnswer
from services.router.providers.openai.plain_body import plain_body
from shared.deployments import Deployment

_COMPLETION_DEFAULTS = frozenset(
    {"best_of", "frequency_penalty", "logit_bias", "max_tokens", "n", "presence_penalty", "seed", "stop"}
    | {"stream_options", "temperature", "top_p", "user"}
)
"""The call parameters of a deployment that /completions knows: the others are of chats."""

_EMBEDDING_DEFAULTS = frozenset({"dimensions", "encoding_format", "user"})


def other_call(
    call: ProviderCall, deployment: Deployment, url: str, headers: dict[str, str]
) -> tuple[HttpCall, AnswerReader]:
    """Return the request and the reader for a call that is not a chat and stands in PATHS.

    Raises:
        InvalidField
    """
    if call.call_type == "atext_completion":
        defaults = {name: value for name, value in deployment.defaults.items() if name in _COMPLETION_DEFAULTS}
        body = outgoing_body(
            call,
            model=deployment.model,
            max_tokens_fields=MAX_TOKENS_FIELDS[:1],
            defaults=defaults,
            extra=deployment.extra_body,
            drop=deployment.drop_always,
        )
        return HttpCall(url, headers, body), OpenAIAnswer(call.model, include_usage=call.include_usage)
    defaults = {name: value for name, value in deployment.defaults.items() if name in _EMBEDDING_DEFAULTS}
    body = plain_body(
        call, model=deployment.model, defaults=defaults, extra=deployment.extra_body, drop=deployment.drop_always
    )
    return HttpCall(url, headers, body), JsonAnswer(call.model, "data")
