"""The translations kept under tests/contract/providers of the protocols that need no more than a golden file each."""

import copy
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from services.router.providers.answers.completions import Completions, SseEvents
from services.router.providers.answers.translated_answer import TranslatedAnswer
from services.router.providers.chat.content_parts import PartsTranslator
from services.router.providers.cloudflare.provider import DONE
from services.router.providers.cloudflare.run import RunTranslator, to_run
from services.router.providers.cohere.request import to_chat as to_cohere
from services.router.providers.cohere.translate import CohereTranslator
from services.router.providers.mistral.request import to_mistral
from services.router.providers.ollama.lines import JsonLines
from services.router.providers.ollama.request import to_chat as to_ollama
from services.router.providers.ollama.translate import OllamaTranslator
from services.router.providers.replicate.request import to_input
from services.router.providers.replicate.translate import ReplicateEvents, ReplicateTranslator
from services.router.providers.watsonx.request import to_chat as to_watsonx
from services.router.providers.watsonx.translate import WatsonxTranslator
from tests.golden_files import golden, golden_names

ToRequest = Callable[..., dict[str, Any]]
REQUESTS: dict[str, ToRequest] = {
    "cloudflare": to_run,
    "cohere": to_cohere,
    "mistral": to_mistral,
    "ollama": to_ollama,
    "replicate": to_input,
    "watsonx": to_watsonx,
}
READERS: dict[str, Callable[[Completions], TranslatedAnswer]] = {
    "cloudflare": lambda out: TranslatedAnswer(SseEvents(done=DONE), RunTranslator(out, include_usage=True)),
    "cohere": lambda out: TranslatedAnswer(SseEvents(), CohereTranslator(out, include_usage=True)),
    "mistral": lambda _: TranslatedAnswer(SseEvents(), PartsTranslator("shown", include_usage=True)),
    "ollama": lambda out: TranslatedAnswer(JsonLines(), OllamaTranslator(out, include_usage=True)),
    "replicate": lambda out: TranslatedAnswer(ReplicateEvents(), ReplicateTranslator(out, include_usage=True)),
    "watsonx": lambda _: TranslatedAnswer(SseEvents(), WatsonxTranslator("shown", include_usage=True)),
}
REQUEST_FILES = [(name, file) for name in REQUESTS for file in golden_names(name, "request")]
RESPONSE_FILES = [(name, file) for name in READERS for file in golden_names(name, "response")]
STREAM_FILES = [(name, file) for name in READERS for file in golden_names(name, "stream")]


def reader(provider: str) -> TranslatedAnswer:
    return READERS[provider](Completions("shown", 1_700_000_000, "chatcmpl-1"))


def without_made_ids(value: Any) -> Any:
    """Return the chunks with the ids that the translation makes up replaced: those are different each time."""
    if isinstance(value, dict):
        made = isinstance(value.get("id"), str) and value["id"].startswith("call_0")
        return {name: "made" if made and name == "id" else without_made_ids(item) for name, item in value.items()}
    return [without_made_ids(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize(("provider", "file"), REQUEST_FILES)
def test_a_documented_request_is_translated(provider: str, file: str) -> None:
    sample = golden(provider, file)
    asked = copy.deepcopy(sample["openai"])
    assert REQUESTS[provider](asked, model=sample["model"], drop_params=False) == sample[provider]
    assert asked == sample["openai"], "the caller's body must stay as it was: it is sent again on a fallback"
    assert sample["source"].startswith("https://")


@pytest.mark.parametrize(("provider", "file"), RESPONSE_FILES)
def test_a_documented_answer_is_translated(provider: str, file: str) -> None:
    sample = golden(provider, file)
    whole = reader(provider).whole(orjson.dumps(sample[provider]))
    assert without_made_ids(orjson.loads(whole.body)) == sample["openai"]


@pytest.mark.parametrize("cut", [1, 7, 10_000])
@pytest.mark.parametrize(("provider", "file"), STREAM_FILES)
def test_a_documented_stream_is_translated_however_it_is_cut(provider: str, file: str, cut: int) -> None:
    sample = golden(provider, file)
    stream = "".join(sample["stream"]).encode()
    answer = reader(provider)
    out = b"".join(answer.feed(stream[at : at + cut]) for at in range(0, len(stream), cut)) + answer.end()
    chunks = [orjson.loads(event.removeprefix(b"data: ")) for event in out.split(b"\n\n") if event]
    assert without_made_ids(chunks) == sample["openai"]
    assert answer.finish_reason
    assert answer.usage is not None
