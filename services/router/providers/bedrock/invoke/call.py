"""A chat as InvokeModel takes it: the body of the model's family, and the reader of its answer."""

import time
from typing import Any

import orjson

from services.router.providers.answers.rejection import InvalidField
from services.router.providers.answers.translated_answer import TranslatedAnswer
from services.router.providers.anthropic.hosted import hosted_answer, hosted_messages
from services.router.providers.anthropic.native.hosted import bedrock_message
from services.router.providers.anthropic.native.message_answer import MessageAnswer
from services.router.providers.anthropic.provider import MESSAGES
from services.router.providers.base import AnswerReader, ProviderCall
from services.router.providers.bedrock.converse.request import to_converse
from services.router.providers.bedrock.invoke.chunks import InvokeChunks, InvokedMessages
from services.router.providers.bedrock.invoke.nova_answer import NovaTranslator
from services.router.providers.bedrock.invoke.openai_answer import OpenAITranslator
from services.router.providers.bedrock.invoke.text_answer import TextAnswer, TextTranslator
from services.router.providers.bedrock.invoke.text_request import TEXT_FAMILIES, to_text_model
from services.router.providers.bedrock.model_id import ModelId
from services.router.providers.chat.body import chat_body
from services.router.providers.openai import outgoing_body
from services.router.providers.openai.body import MAX_TOKENS_FIELDS
from shared.ids import new_id
from shared.serving.deployments import Deployment

ANTHROPIC_VERSION = "bedrock-2023-05-31"
_OPENAI_FAMILIES = frozenset(
    {"openai", "qwen", "deepseek", "google", "minimax", "moonshot", "moonshotai", "nvidia", "zai"}
)

_PROMPTED_MISTRALS = ("mistral-7b", "mixtral-8x7b", "mistral-large-2402", "mistral-small-2402")
"""The first of them, which take a text in instruction marks; all others have Mistral's chat, which is OpenAI's.
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-mistral-chat-completion.html"""


def speaks_openai(model: ModelId) -> bool:
    """Return whether the model is asked in OpenAI's form."""
    return model.route == "invoke" and _in_openais_form(model)


def _in_openais_form(model: ModelId) -> bool:
    if model.family == "mistral":
        return not model.id.startswith("arn:") and not model.name.startswith(_PROMPTED_MISTRALS)
    return model.family in _OPENAI_FAMILIES


def invoke_call(call: ProviderCall, deployment: Deployment, model: ModelId) -> tuple[bytes, AnswerReader]:
    """Return the body, and the reader of its answer.

    Raises:
        Rejected: it cannot be put in the family's form.
    """
    if call.call_type == MESSAGES:
        sent = bedrock_message(call, deployment, version=ANTHROPIC_VERSION)
        return sent, MessageAnswer(call.model, InvokedMessages())
    shown: dict[str, Any] = {"answer_id": new_id("chatcmpl")}
    now = int(time.time())
    if model.family == "anthropic":
        body = hosted_messages(call, deployment, model=model.name, version=ANTHROPIC_VERSION)
        return orjson.dumps(body), hosted_answer(call, InvokeChunks())
    if _in_openais_form(model):
        sent = outgoing_body(
            call,
            deployment,
            model=model.id,
            max_tokens_fields=MAX_TOKENS_FIELDS[::-1] if model.family == "openai" else MAX_TOKENS_FIELDS[:1],
            stream_usage=False,
            developer_role=False,
        )
        openai = OpenAITranslator(call.model, now, call.include_usage, **shown)
        return sent, TranslatedAnswer(InvokeChunks(), openai)
    if model.family == "amazon" and "nova" in model.name:
        request = to_converse(chat_body(call, deployment), model, drop_params=call.drop_params)
        for name, value in request.pop("additionalModelRequestFields", {}).items():
            known = request.get(name)
            request[name] = {**known, **value} if isinstance(known, dict) and isinstance(value, dict) else value
        sent = orjson.dumps({"schemaVersion": "messages-v1", **request, **deployment.extra_body})
        return sent, TranslatedAnswer(InvokeChunks(), NovaTranslator(call.model, now, call.include_usage, **shown))
    if model.family in TEXT_FAMILIES:
        request = to_text_model(chat_body(call, deployment), model.family, drop_params=call.drop_params)
        text = TextTranslator(model.family, call.model, now, call.include_usage, **shown)
        return orjson.dumps({**request, **deployment.extra_body}), TextAnswer(InvokeChunks(), text)
    raise InvalidField(
        "model",
        f"is served by bedrock/{deployment.model}, whose form InvokeModel does not tell; write the deployment as "
        "bedrock/converse/..., or set its model_info.base_model",
    )
