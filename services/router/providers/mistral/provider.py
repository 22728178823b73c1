"""Mistral behind the router: chat with only what it knows; its other calls are OpenAI's."""

import orjson

from services.router.providers.answers.completions import SseEvents
from services.router.providers.answers.translated_answer import TranslatedAnswer
from services.router.providers.base import CHAT, AnswerReader, HttpCall, ProviderCall
from services.router.providers.chat.body import chat_body
from services.router.providers.chat.content_parts import PartsTranslator
from services.router.providers.mistral.request import to_mistral
from services.router.providers.openai.answer import OpenAIAnswer
from services.router.providers.openai.paths import PATHS
from services.router.providers.openai.provider import OpenAICompatible
from shared.serving.deployments import Deployment


class Mistral(OpenAICompatible):
    def prepare(self, call: ProviderCall, deployment: Deployment) -> tuple[HttpCall, AnswerReader]:
        if call.call_type != CHAT:
            return super().prepare(call, deployment)
        base, headers = self.address_and_headers(deployment)
        chat = to_mistral(chat_body(call, deployment), model=deployment.model, drop_params=call.drop_params)
        request = HttpCall(base + PATHS[CHAT], headers, orjson.dumps(chat | dict(deployment.extra_body)))
        if not _thinks(chat):
            return request, OpenAIAnswer(call.model, include_usage=call.include_usage)
        translator = PartsTranslator(call.model, include_usage=call.include_usage)
        return request, TranslatedAnswer(SseEvents(), translator)


def _thinks(chat: dict[str, object]) -> bool:
    """Only then is its content more than a text: other answers go through as they come."""
    asked = chat.get("prompt_mode") == "reasoning" or chat.get("reasoning_effort") not in (None, "none")
    return asked or "magistral" in str(chat["model"])
