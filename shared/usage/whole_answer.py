"""What a whole answer tells of what it used, in whichever provider's form: by what stands in it."""

from collections.abc import Callable
from typing import Any

from shared.payloads.picture_sizes import USUAL, pixels_of
from shared.usage.anthropic import usage_from_anthropic
from shared.usage.bedrock import usage_from_bedrock, usage_from_bedrock_metrics
from shared.usage.classes import Usage
from shared.usage.cohere import usage_from_cohere
from shared.usage.gemini_interactions import usage_in_interaction
from shared.usage.gemini_searches import usage_in_generated
from shared.usage.mistral_conversations import usage_in_conversation
from shared.usage.ollama import usage_from_ollama
from shared.usage.openai_chat import usage_from_openai
from shared.usage.openai_media import usage_from_images, usage_from_realtime, usage_from_transcription
from shared.usage.openai_responses import usage_in_response
from shared.usage.single_figures import (
    usage_from_deepgram,
    usage_from_pages,
    usage_from_replicate,
    usage_from_total,
    usage_from_watsonx,
)

Answer = dict[str, Any]


def usage_in_answer(answer: Answer, model: str) -> Usage | None:
    """Return what the router reads off `answer`, None where it tells nothing; `model` is the provider's name of it."""
    for is_of, read in _FORMS:
        if is_of(answer) and (told := read(answer, model)) is not None:
            return told
    found = usage_from_openai(answer.get("usage"), tier=answer.get("service_tier"))
    return found or usage_in_response(answer) or usage_from_total(answer.get("usage"))


def usage_in_reranking(answer: Answer) -> Usage | None:
    """Return the usage as Cohere tells it (`meta.billed_units`), or as those do who count tokens (`usage`)."""
    if _within(answer, "meta").get("billed_units"):
        return usage_from_cohere(answer["meta"])
    usage = answer.get("usage")
    return usage_from_openai(usage) or usage_from_total(usage)


def usage_in_pictures(answer: Answer, *, size: object = None) -> Usage:
    """Return the usage of an answer whose `data` are pictures; `size` was asked for, and holds if it tells no other."""
    pixels = pixels_of(answer.get("size")) or pixels_of(size) or USUAL
    images = len(answer["data"])
    return usage_from_images(answer.get("usage"), images=images, pixels=images * pixels)


def _within(answer: Answer, name: str) -> Answer:
    found = answer.get(name)
    return found if isinstance(found, dict) else {}


def _in_converse(answer: Answer) -> Usage | None:
    return usage_from_bedrock(answer["usage"], tier=_within(answer, "serviceTier").get("type"))


def _has_pictures(answer: Answer) -> bool:
    data = answer.get("data")
    return isinstance(data, list) and any(
        isinstance(one, dict) and (one.get("b64_json") or one.get("url")) for one in data
    )


_METRICS = "amazon-bedrock-invocationMetrics"
_FORMS: tuple[tuple[Callable[[Answer], bool], Callable[[Answer, str], Usage | None]], ...] = (
    (lambda answer: answer.get("type") == "message", lambda answer, _: usage_from_anthropic(answer.get("usage"))),
    (lambda answer: "usageMetadata" in answer, usage_in_generated),
    (lambda answer: "total_input_tokens" in _within(answer, "usage"), usage_in_interaction),
    (
        lambda answer: answer.get("object") == "conversation.response",
        lambda answer, _: usage_in_conversation(answer),
    ),
    (lambda answer: answer.get("object") == "response", lambda answer, _: usage_in_response(answer)),
    (
        lambda answer: answer.get("object") == "realtime.response",
        lambda answer, _: usage_from_realtime(answer.get("usage")),
    ),
    (lambda answer: "inputTokens" in _within(answer, "usage"), lambda answer, _: _in_converse(answer)),
    (lambda answer: _METRICS in answer, lambda answer, _: usage_from_bedrock_metrics(answer[_METRICS])),
    (lambda answer: "meta" in answer, lambda answer, _: usage_in_reranking(answer)),
    (
        lambda answer: not _within(answer, "usage").keys().isdisjoint(("billed_units", "tokens")),
        lambda answer, _: usage_from_cohere(answer["usage"]),
    ),
    (lambda answer: "usage_info" in answer, lambda answer, _: usage_from_pages(answer)),
    (lambda answer: "duration" in _within(answer, "metadata"), lambda answer, _: usage_from_deepgram(answer)),
    (lambda answer: "metrics" in answer, lambda answer, _: usage_from_replicate(answer)),
    (
        lambda answer: not answer.keys().isdisjoint(("prompt_eval_count", "eval_count")),
        lambda answer, _: usage_from_ollama(answer),
    ),
    (_has_pictures, lambda answer, _: usage_in_pictures(answer)),
    (lambda answer: isinstance(answer.get("text"), str), lambda answer, _: usage_from_transcription(answer)),
    (lambda answer: "results" in answer and "usage" not in answer, lambda answer, _: usage_from_watsonx(answer)),
)
