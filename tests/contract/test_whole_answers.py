"""/spend/calculate says of an answer what its call was charged: for every case of tests/contract/usage."""

from datetime import datetime
from typing import Any

import orjson
import pytest

from services.edge.model_details.cost_quote import quote
from services.router.providers.anthropic.answers.usage import openai_usage as of_claude_as_chat
from services.router.providers.gemini.answers.usage import openai_usage as of_google_as_chat
from services.router.providers.passed_kinds import JSON, listening
from shared.money import pico_to_usd, usd_to_pico
from shared.prices import PriceBook, cost_of
from shared.prices.reporters import REPORTERS
from shared.serving.deployments import Deployment
from shared.usage import Usage
from shared.usage.whole_answer import usage_in_answer
from tests.contract.corpus import FILES, answer_of, read, row_of

CASES = [
    pytest.param(case, id=f"{name}: {case['name']}")
    for name, document in FILES.items()
    for case in document["cases"]
    if answer_of(case) is not None
]
TOLD = [
    case
    for case in CASES
    if "priced_as" in case.values[0] and case.values[0]["priced_as"][3] == read(case.values[0]).tier
]
"""No answer says that it is a line of a batch: the router knows it otherwise, and charges the batch's price."""
PATHS = {
    "usage_from_openai": "/v1/chat/completions",
    "usage_from_responses": "/v1/responses",
    "usage_from_anthropic": "/v1/messages",
    "usage_from_gemini": "/v1beta/models/m:generateContent",
    "usage_from_interactions": "/v1beta/interactions",
    "usage_from_conversation": "/v1/conversations",
    "usage_from_bedrock": "/model/m/converse",
    "usage_from_images": "/v1/images/generations",
    "usage_from_transcription": "/v1/audio/transcriptions",
    "usage_from_pages": "/v1/ocr",
    "usage_from_deepgram": "/v1/listen",
    "usage_from_ollama": "/api/generate",
    "usage_from_replicate": "/v1/predictions",
}


def model_of(case: dict[str, Any]) -> str:
    return case["priced_as"][1] if "priced_as" in case else "gpt"


@pytest.mark.parametrize("case", CASES)
def test_a_whole_answer_is_read_as_its_usage_is(case: dict[str, Any]) -> None:
    answer = answer_of(case)
    assert answer is not None
    assert counted(usage_in_answer(answer, model_of(case))) == counted(read(case))


@pytest.mark.parametrize("case", [case for case in CASES if case.values[0]["reader"] in PATHS])
def test_the_router_reads_the_same_off_it(case: dict[str, Any]) -> None:
    answer, path = answer_of(case), PATHS[case["reader"]]
    assert answer is not None
    if path.endswith("/completions") and "choices" not in answer:
        path = "/v1/embeddings" if "data" in answer else "/v1/rerank"
    heard = listening(path, model_of(case), JSON)
    assert heard is not None
    told = heard.listener.whole(orjson.dumps(answer)).usage
    assert told == usage_in_answer(answer, model_of(case))


@pytest.mark.parametrize("case", TOLD)
def test_what_is_calculated_is_what_the_case_costs(case: dict[str, Any]) -> None:
    provider, model, day, _ = case["priced_as"]
    answer = answer_of(case)
    assert answer is not None
    one = Deployment(id="d", group="m", provider=provider, model=model, priced_as=model)

    def used(served: str) -> Usage:
        told = usage_in_answer(answer, served)
        assert told is not None
        return told

    found = quote(PriceBook(), [one], "m", used, now=datetime.fromisoformat(f"{day}T12:00:00+00:00").timestamp())
    assert found is not None
    usd = case["reported_usd"] if "reported_usd" in case and provider in REPORTERS else case["usd"]
    assert found.priced.pico == usd_to_pico(usd), (pico_to_usd(found.priced.pico), usd, found.priced.computed.parts)


SHOWN_AS_CHAT = {
    "usage_from_gemini": of_google_as_chat,
    "usage_from_interactions": of_google_as_chat,
    "usage_from_anthropic": of_claude_as_chat,
    "usage_from_bedrock": of_claude_as_chat,
}


@pytest.mark.parametrize("case", [case for case in CASES if case.values[0]["reader"] in SHOWN_AS_CHAT])
def test_the_chat_that_the_router_makes_of_it_costs_the_same(case: dict[str, Any]) -> None:
    usage = SHOWN_AS_CHAT[case["reader"]](read(case))
    chat = {"object": "chat.completion", "choices": [], "usage": usage}
    told = usage_in_answer(chat, model_of(case))
    assert told is not None
    assert cost_of(told, row_of(case["prices"])).pico == usd_to_pico(case["usd"])


def test_searches_of_maps_are_in_the_chat() -> None:
    used = Usage(input=1, output=1, map_searches=2)
    assert usage_in_answer({"choices": [], "usage": of_google_as_chat(used)}, "gemini-3-flash") == used


def counted(usage: Usage | None) -> tuple[object, ...]:
    """Without the pixels of pictures, which an answer alone tells of."""
    assert usage is not None
    counts = {name: count for name, count in usage.counts().items() if name != "pixels"}
    return (counts, usage.tier, usage.search_size, usage.geo, usage.reported_cost_pico, bool(usage.mismatch))
