"""Every endpoint that calls a model. Whoever adds one adds a row here and a peek beside the others."""

import re
from collections.abc import Iterable, Iterator

from services.edge.calls.endpoint import Endpoint
from services.edge.calls.previous_response import resolve_previous
from services.edge.calls.schemas import (
    CHAT,
    COMPLETION,
    COUNT_TOKENS,
    EMBEDDINGS,
    IMAGE,
    INPUT_TOKENS,
    MESSAGES,
    MODERATION,
    RERANK,
    RESPONSES,
    SPEECH,
)
from services.edge.objects import named
from services.edge.peeks.audio import peek_speech, peek_transcription, peek_translation
from services.edge.peeks.chat import peek_chat
from services.edge.peeks.completions import peek_completion
from services.edge.peeks.embed_content import peek_embed_content
from services.edge.peeks.embeddings import peek_embeddings
from services.edge.peeks.generate_content import peek_count_contents, peek_generate, peek_stream_generate
from services.edge.peeks.images import peek_edit, peek_edit_form, peek_image
from services.edge.peeks.messages import peek_count_tokens, peek_messages
from services.edge.peeks.moderations import peek_moderation
from services.edge.peeks.rerank import peek_rerank
from services.edge.peeks.responses import peek_input_tokens, peek_responses


def _under(path: str) -> tuple[str, ...]:
    """OpenAI's paths as LiteLLM takes them."""
    return (f"/v1{path}", path, f"/openai/v1{path}")


def _azure(path: str) -> tuple[str, ...]:
    """The same, with the model in the path."""
    return (f"/openai/deployments/{{model}}{path}", f"/engines/{{model}}{path}")


def _google(method: str) -> tuple[str, ...]:
    return tuple(f"{version}/models/{{model}}:{method}" for version in ("/v1beta", "/v1", ""))


ENDPOINTS = (
    Endpoint(
        name="/chat/completions",
        summary="Chat completions, OpenAI's API, streamed or not",
        call_type="acompletion",
        paths=_under("/chat/completions"),
        templates=_azure("/chat/completions"),
        peek=peek_chat,
        refers=named.CHAT,
        schema=CHAT,
    ),
    Endpoint(
        name="/completions",
        summary="Text completions, OpenAI's older API, streamed or not",
        call_type="atext_completion",
        paths=_under("/completions"),
        templates=_azure("/completions"),
        peek=peek_completion,
        schema=COMPLETION,
    ),
    Endpoint(
        name="/embeddings",
        summary="Embeddings, OpenAI's API",
        call_type="aembedding",
        paths=_under("/embeddings"),
        templates=_azure("/embeddings"),
        peek=peek_embeddings,
        schema=EMBEDDINGS,
    ),
    Endpoint(
        name="/images/generations",
        summary="Pictures, OpenAI's API, streamed or not",
        call_type="aimage_generation",
        paths=_under("/images/generations"),
        templates=_azure("/images/generations"),
        peek=peek_image,
        schema=IMAGE,
    ),
    Endpoint(
        name="/images/edits",
        summary="Pictures made of others, OpenAI's API: a form with files, or JSON that refers to them",
        call_type="aimage_edit",
        paths=_under("/images/edits"),
        templates=_azure("/images/edits"),
        peek=peek_edit,
        refers=named.CHAT,
        peek_form=peek_edit_form,
        schema=IMAGE,
    ),
    Endpoint(
        name="/audio/speech",
        summary="Speech of a text, OpenAI's API",
        call_type="aspeech",
        paths=_under("/audio/speech"),
        templates=_azure("/audio/speech"),
        peek=peek_speech,
        schema=SPEECH,
    ),
    Endpoint(
        name="/audio/transcriptions",
        summary="The text of a recording, OpenAI's API: a form with a file",
        call_type="atranscription",
        paths=_under("/audio/transcriptions"),
        templates=_azure("/audio/transcriptions"),
        peek_form=peek_transcription,
    ),
    Endpoint(
        name="/audio/translations",
        summary="The English text of a recording, OpenAI's API: a form with a file",
        call_type="atranslation",
        paths=_under("/audio/translations"),
        templates=_azure("/audio/translations"),
        peek_form=peek_translation,
    ),
    Endpoint(
        name="/moderations",
        summary="Whether a text is harmful, OpenAI's API",
        call_type="amoderation",
        paths=_under("/moderations"),
        peek=peek_moderation,
        schema=MODERATION,
    ),
    Endpoint(
        name="/rerank",
        summary="Which documents answer a query best, Cohere's API",
        call_type="arerank",
        paths=("/v1/rerank", "/rerank", "/v2/rerank"),
        peek=peek_rerank,
        schema=RERANK,
    ),
    Endpoint(
        name="/responses",
        summary="Responses, OpenAI's API, to any provider, streamed or not",
        call_type="aresponses",
        paths=_under("/responses"),
        peek=peek_responses,
        refers=named.RESPONSES,
        resolve=resolve_previous,
        schema=RESPONSES,
    ),
    Endpoint(
        name="/responses/input_tokens",
        summary="How many tokens a response would read, OpenAI's API",
        call_type="aresponses_input_tokens",
        paths=_under("/responses/input_tokens"),
        peek=peek_input_tokens,
        refers=named.RESPONSES,
        resolve=resolve_previous,
        schema=INPUT_TOKENS,
    ),
    Endpoint(
        name="generateContent",
        summary="Candidates, Google's API, to any provider",
        call_type="agenerate_content",
        dialect="gemini",
        templates=_google("generateContent"),
        peek=peek_generate,
        refers=named.GENERATE,
        key_in_query=True,
    ),
    Endpoint(
        name="streamGenerateContent",
        summary="The same, streamed: with alt=sse as events, else as a JSON array",
        call_type="agenerate_content",
        dialect="gemini",
        templates=_google("streamGenerateContent"),
        peek=peek_stream_generate,
        refers=named.GENERATE,
        key_in_query=True,
        array_unless=b"alt=sse",
    ),
    Endpoint(
        name="countTokens",
        summary="How many tokens contents have, Google's API",
        call_type="agemini_count_tokens",
        dialect="gemini",
        templates=_google("countTokens"),
        peek=peek_count_contents,
        refers=named.GENERATE,
        key_in_query=True,
    ),
    Endpoint(
        name="embedContent",
        summary="The vector of a content, Google's API",
        call_type="aembed_content",
        dialect="gemini",
        templates=_google("embedContent"),
        peek=peek_embed_content,
        refers=named.GENERATE,
        key_in_query=True,
    ),
    Endpoint(
        name="batchEmbedContents",
        summary="The vectors of contents, Google's API",
        call_type="aembed_content",
        dialect="gemini",
        templates=_google("batchEmbedContents"),
        peek=peek_embed_content,
        refers=named.GENERATE,
        key_in_query=True,
    ),
    Endpoint(
        name="/v1/messages",
        summary="Messages, Anthropic's API, to any provider, streamed or not",
        call_type="anthropic_messages",
        dialect="anthropic",
        paths=("/v1/messages",),
        peek=peek_messages,
        refers=named.MESSAGES,
        client_headers=(b"anthropic-version", b"anthropic-beta"),
        schema=MESSAGES,
    ),
    Endpoint(
        name="/v1/messages/count_tokens",
        summary="How many tokens a message has, Anthropic's API",
        call_type="acount_tokens",
        dialect="anthropic",
        paths=("/v1/messages/count_tokens",),
        peek=peek_count_tokens,
        refers=named.MESSAGES,
        client_headers=(b"anthropic-version", b"anthropic-beta"),
        schema=COUNT_TOKENS,
    ),
)


class Table:
    """Finds the endpoint of a path: a dictionary for those that are fixed, else the templates, the first that fits."""

    def __init__(self, endpoints: Iterable[Endpoint] = ENDPOINTS) -> None:
        self.endpoints = tuple(endpoints)
        self.fixed = dict(self._fixed())
        self._patterns = [
            (_pattern_of(template), endpoint) for endpoint in self.endpoints for template in endpoint.templates
        ]

    def find(self, path: str) -> tuple[Endpoint, str | None] | None:
        """Return the endpoint of a path that has no slash at its end, and the model in it."""
        endpoint = self.fixed.get(path)
        if endpoint is not None:
            return endpoint, None
        for pattern, endpoint in self._patterns:
            match = pattern.fullmatch(path)
            if match:
                return endpoint, match["model"]
        return None

    def _fixed(self) -> Iterator[tuple[str, Endpoint]]:
        for endpoint in self.endpoints:
            for path in endpoint.paths:
                yield path, endpoint


def _pattern_of(template: str) -> re.Pattern[str]:
    before, _, behind = template.partition("{model}")
    return re.compile(f"{re.escape(before)}(?P<model>.+){re.escape(behind)}")
