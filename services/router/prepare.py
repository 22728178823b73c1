"""The request that a provider gets for a call: as it is, where the provider serves such calls, else translated."""

from typing import NamedTuple

import msgspec
import orjson

from services.router.dialects.outlet import Outlet
from services.router.dialects.registry import COUNTS, EMBEDDINGS, TRANSLATIONS
from services.router.providers.answers.count_answer import CountAnswer
from services.router.providers.answers.rejection import InvalidField, Rejected, UnsupportedParameter
from services.router.providers.base import CHAT, AnswerReader, HttpCall, PlainChat, Provider, ProviderCall
from services.router.providers.embeddings import EMBEDDING
from services.router.providers.openai.plain_chat import plain_chat
from services.router.providers.passing import passed_call
from services.router.streaming.counting import counting_call
from shared.serving.deployments import Deployment
from shared.serving.pass_through import CALL_TYPE

_SET_BY_CLIENT = "max_output_tokens"
"""Stands for the field of the maximum where the client's dialect has another: an adapter takes its own name."""


_WISHES = ("thinking", "reasoning_effort")
"""What a translated request says of how to work, not what to answer: a model without it, or one that always thinks,
answers all the same. In the provider's own dialect the same is refused, because there it is meant for that provider."""


_MESSAGES = {"anthropic_messages": "messages", "aresponses": "input", "agenerate_content": "contents"}
"""Where a call has what becomes the messages of a chat. Their places there are others: a system prompt comes first, and
one message may become several."""


class Unserved(Rejected):
    """The provider has no such endpoint; another deployment may be of one that has."""

    def __init__(self, call: ProviderCall, deployment: Deployment) -> None:
        super().__init__(
            f"the deployment '{deployment.provider}/{deployment.model}' does not serve calls of the type "
            f"{call.call_type}; ask for a model of a provider that does",
            "model",
        )


class Prepared(NamedTuple):
    """The request to send, the reader of its answer, and the way from chat to the client's dialect, if it needs one."""

    request: HttpCall
    reader: AnswerReader
    outlet: Outlet | None = None


def prepared(provider: Provider, call: ProviderCall, deployment: Deployment) -> Prepared:
    """Return what `deployment` gets for the call.

    Raises:
        Unserved: the provider has nothing of the kind.
        CredentialMissing, Rejected: as Provider.prepare.
    """
    if call.call_type == CALL_TYPE:
        return Prepared(*passed_call(provider, call, deployment))
    if provider.serves(call.call_type, deployment):
        return Prepared(*provider.prepare(call, deployment))
    if call.call_type in EMBEDDINGS and provider.serves(EMBEDDING, deployment):
        asked, outlet = EMBEDDINGS[call.call_type](call)
        plain = msgspec.structs.replace(call, body=orjson.dumps(asked), call_type=EMBEDDING, dialect="openai")
        return Prepared(*provider.prepare(plain, deployment), outlet)
    translate = TRANSLATIONS.get(call.call_type)
    if translate is None or not provider.serves(CHAT, deployment):
        raise Unserved(call, deployment)
    chat, outlet = translate(call)
    if call.call_type in COUNTS:
        field, kind = COUNTS[call.call_type]
        return Prepared(counting_call(orjson.dumps(chat), field), CountAnswer(field, kind=kind))
    if isinstance(provider, PlainChat) and provider.plain(deployment):
        chat = plain_chat(chat, takes=provider.takes(deployment), drop_params=call.drop_params)
    try:
        return Prepared(*_of_chat(provider, call, chat, deployment), outlet)
    except UnsupportedParameter as refused:
        if not any(name in _WISHES for name in refused.names):
            raise
    modest = {name: value for name, value in chat.items() if name not in _WISHES}
    return Prepared(*_of_chat(provider, call, modest, deployment), outlet)


def _of_chat(
    provider: Provider, call: ProviderCall, chat: dict[str, object], deployment: Deployment
) -> tuple[HttpCall, AnswerReader]:
    """Return what the provider gets for the chat that a call has become; what is wrong is told in the call's terms."""
    try:
        return provider.prepare(_chat_call(call, chat), deployment)
    except InvalidField as refused:
        messages = _MESSAGES.get(call.call_type)
        if messages is None or not refused.param.startswith("messages["):
            raise
        place = refused.param.rpartition("].")[2]
        raise InvalidField(
            messages, f"must not have what this provider refuses: {place} {refused.problem}"
        ) from refused


def _chat_call(call: ProviderCall, chat: dict[str, object]) -> ProviderCall:
    """Return the call of the chat; its maximum is what was admitted, else the client's."""
    own = chat.get("max_tokens")
    limits = [limit for limit in (own, call.max_tokens) if isinstance(limit, int)]
    return msgspec.structs.replace(
        call,
        body=orjson.dumps({name: value for name, value in chat.items() if name != "max_tokens"}),
        call_type=CHAT,
        dialect="openai",
        client_headers=(),
        include_usage=False,
        max_tokens=min(limits, default=None),
        max_tokens_field=_SET_BY_CLIENT if own is not None else "",
    )
