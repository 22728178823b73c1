"""Calls that pass untouched, by the end of their path: who reads what they used, and how their streams are cut."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from services.router.providers.answers.completions import Completions, SseEvents
from services.router.providers.answers.figures_listener import FiguresListener
from services.router.providers.answers.json_array import ArrayElements
from services.router.providers.answers.sse import SseParser
from services.router.providers.answers.translated_answer import TranslatedAnswer
from services.router.providers.answers.translated_json import Read, TranslatedJson
from services.router.providers.anthropic.provider import AnthropicAnswer
from services.router.providers.aws.event_stream import EventStream
from services.router.providers.base import AnswerReader
from services.router.providers.bedrock.converse.stream import ConverseTranslator
from services.router.providers.bedrock.invoke.chunks import InvokeChunks
from services.router.providers.bedrock.invoke.listener import InvokeListener
from services.router.providers.cohere.translate import CohereTranslator
from services.router.providers.gemini.interactions import InteractionsListener
from services.router.providers.gemini.provider import listener_for
from services.router.providers.mistral.conversations import ConversationListener
from services.router.providers.ollama.listener import LinesListener
from services.router.providers.openai.answer import OpenAIAnswer
from services.router.providers.openai.images import ImagesAnswer
from services.router.providers.openai.json_answer import JsonAnswer
from services.router.providers.openai.rerank import RerankAnswer
from services.router.providers.openai.responses_usage import ResponsesListener
from services.router.providers.openai.transcription import TranscriptionAnswer
from services.router.providers.sagemaker.listener import ContainerListener
from shared.usage import (
    Usage,
    usage_from_cohere,
    usage_from_deepgram,
    usage_from_gemini,
    usage_from_ollama,
    usage_from_pages,
    usage_from_replicate,
)

SSE, AWS, JSON = "text/event-stream", "application/vnd.amazon.eventstream", "application/json"
LINES = "application/x-ndjson"


class Listening(NamedTuple):
    """`cut_as` is empty where an answer is no stream of text."""

    listener: AnswerReader
    streams: bool = False
    cut_as: str = ""


def listening(target: str, model: str, content_type: str) -> Listening | None:
    """Return who reads an answer of that type; None where nobody knows its form. `target` is a path and its query."""
    path = target.partition("?")[0].rstrip("/")
    if content_type.startswith(AWS) or path.startswith(("/model/", "/endpoints/")):
        return _of_bedrock(path, model, streams=content_type.startswith(AWS))
    if path.endswith(":streamGenerateContent") and not content_type.startswith(SSE):
        return Listening(listener_for(model, ArrayElements()), True, "generate-array")
    streams = content_type.startswith((SSE, LINES))
    for pattern, made, cut_as in (*_STREAMS, *_KINDS) if streams else _KINDS:
        if pattern.search(path):
            return Listening(made(model), streams, cut_as if streams else "")
    return None


def _of_bedrock(path: str, model: str, *, streams: bool) -> Listening:
    if path.startswith("/endpoints/"):
        return Listening(ContainerListener(model), streams, "contained" if streams else "")
    if path.endswith(("/converse", "/converse-stream")):
        translator = ConverseTranslator(model, 0, True, answer_id="", cache_in_input="openai." in model)
        return Listening(TranslatedAnswer(EventStream(), translator), streams, "converse" if streams else "")
    if "anthropic." in model:
        claude = AnthropicAnswer(model, True, created=0, framing=InvokeChunks())
        return Listening(claude, streams, "messages-invoked" if streams else "")
    return Listening(InvokeListener(), streams)


def _pages_read(answer: Any) -> Read:
    return Read(answer, usage_from_pages(answer))


def _google_vectors(answer: Any) -> Usage | None:
    return usage_from_gemini(answer.get("usageMetadata"))


def _cohere(model: str) -> AnswerReader:
    return TranslatedAnswer(SseEvents(), CohereTranslator(Completions(model, 0), include_usage=True))


_Made = Callable[[str], AnswerReader]
_STREAMS: tuple[tuple[re.Pattern[str], _Made, str], ...] = (
    (re.compile(r"/v2/chat$"), _cohere, "cohere"),
    (re.compile(r"/api/chat$"), lambda _: LinesListener(), "ollama"),
    (re.compile(r"/api/generate$"), lambda _: LinesListener(), "ollama-generate"),
)
"""Streams that are read otherwise than a whole answer of the same path."""
_KINDS: tuple[tuple[re.Pattern[str], _Made, str], ...] = (
    (re.compile(r"/completions$"), lambda _: OpenAIAnswer("", include_usage=True), "chat-to-its-end"),
    (re.compile(r"/embeddings$"), lambda _: JsonAnswer("", "data"), ""),
    (re.compile(r"/responses$"), lambda _: ResponsesListener(), "responses"),
    (re.compile(r"/images/(generations|edits)$"), lambda _: ImagesAnswer(), ""),
    (re.compile(r"/audio/tra\w+$"), lambda _: TranscriptionAnswer("json", b""), ""),
    (re.compile(r"/re-?rank$"), lambda _: RerankAnswer(""), ""),
    (re.compile(r"/messages$"), lambda _: AnthropicAnswer("", True, created=0), "messages"),
    (
        re.compile(r"/publishers/anthropic/models/[^/]+:(streamR|r)awPredict$"),
        lambda _: AnthropicAnswer("", True, created=0),
        "messages",
    ),
    (re.compile(r":(streamR|r)awPredict$"), lambda _: OpenAIAnswer("", include_usage=True), "chat-to-its-end"),
    (re.compile(r":(stream)?[gG]enerateContent$"), lambda model: listener_for(model, SseParser()), "generate"),
    (re.compile(r":(batchE|e)mbedContents?$"), lambda _: FiguresListener(_google_vectors), ""),
    (re.compile(r"/interactions$"), InteractionsListener, "interactions"),
    (re.compile(r"/conversations(/[^/]+(/restart)?)?$"), lambda _: ConversationListener(), "conversation"),
    (re.compile(r"/ocr$"), lambda _: TranslatedJson(_pages_read), ""),
    (re.compile(r"/listen$"), lambda _: FiguresListener(usage_from_deepgram), ""),
    (re.compile(r"/v2/chat$"), lambda _: FiguresListener(lambda answer: usage_from_cohere(answer.get("usage"))), ""),
    (re.compile(r"/v[12]/embed$"), lambda _: FiguresListener(lambda answer: usage_from_cohere(answer.get("meta"))), ""),
    (re.compile(r"/api/(chat|generate|embed)$"), lambda _: FiguresListener(usage_from_ollama), ""),
    (re.compile(r"/predictions$"), lambda _: FiguresListener(usage_from_replicate), ""),
)
