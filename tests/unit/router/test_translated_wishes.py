"""How much a client of another API lets the model think is a wish, where that is another provider's model; and what is
wrong with its request is told by its own API's names."""

from typing import Any

import orjson
import pytest

from services.router.prepare import prepared
from services.router.providers.answers.rejection import InvalidField, UnsupportedParameter
from services.router.providers.registry import load_providers
from tests.router_calls import deployment, provider_call

HELLO = [{"role": "user", "content": "hi"}]
MESSAGE = {"model": "m", "max_tokens": 50, "messages": HELLO}
CONTENTS = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
NOVA = {"provider": "bedrock", "model": "amazon.nova-pro-v1:0", "api_key": "bedrock-key"}
OLD_GEMINI = {"provider": "gemini", "model": "gemini-2.0-flash"}
ALWAYS_THINKS = {"provider": "gemini", "model": "gemini-2.5-pro"}
OLD_CLAUDE = {"provider": "anthropic", "model": "claude-3-5-haiku-20241022"}
COHERE = {"provider": "cohere", "model": "command-r-08-2024"}
ON, OFF = {"type": "enabled", "budget_tokens": 31_999}, {"type": "disabled"}


def sent(call_type: str, body: dict[str, Any], of: dict[str, Any], **call: Any) -> dict[str, Any]:
    request = prepared(
        load_providers({})[of["provider"]], provider_call(body, call_type=call_type, **call), deployment(**of)
    )
    decoded: dict[str, Any] = orjson.loads(request.request.body)
    return decoded


@pytest.mark.parametrize("of", [NOVA, OLD_GEMINI, ALWAYS_THINKS, COHERE], ids=lambda of: str(of["model"]))
@pytest.mark.parametrize("thinking", [ON, OFF, {"type": "adaptive"}], ids=["on", "off", "adaptive"])
def test_a_message_is_answered_by_a_model_that_does_not_think_as_it_is_asked_to(
    of: dict[str, Any], thinking: dict[str, Any]
) -> None:
    asked = {**MESSAGE, "thinking": thinking, "output_config": {"effort": "high"}}
    assert "hi" in str(sent("anthropic_messages", asked, of, dialect="anthropic"))


@pytest.mark.parametrize("of", [NOVA, OLD_GEMINI, OLD_CLAUDE], ids=lambda of: str(of["model"]))
def test_so_is_a_response(of: dict[str, Any]) -> None:
    asked = {"model": "m", "input": "hi", "reasoning": {"effort": "high", "summary": "auto"}, "max_output_tokens": 50}
    body = sent("aresponses", asked, of)
    assert "hi" in str(body)
    assert "50" in str(body)


def test_so_are_googles_contents() -> None:
    asked = {**CONTENTS, "generationConfig": {"thinkingConfig": {"thinkingBudget": 1_000}}}
    assert "hi" in str(sent("agenerate_content", asked, NOVA, dialect="gemini"))


def test_what_else_a_model_cannot_do_is_still_named() -> None:
    asked = {**MESSAGE, "thinking": ON, "service_tier": "auto", "top_k": 3, "stop_sequences": ["x"], "n": 2}
    with pytest.raises(UnsupportedParameter) as refused:
        sent("anthropic_messages", asked, NOVA, dialect="anthropic")
    assert refused.value.names == ("n",)


def test_in_chats_own_dialect_it_is_meant() -> None:
    with pytest.raises(UnsupportedParameter, match=r"reasoning_effort \(this model does not think\)"):
        sent("acompletion", {"model": "m", "messages": HELLO, "reasoning_effort": "high"}, NOVA)


PICTURE = "https://example.com/a.png"


@pytest.mark.parametrize(
    ("call_type", "body", "field"),
    [
        (
            "anthropic_messages",
            {
                **MESSAGE,
                "system": "be brief",
                "messages": [
                    {"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": PICTURE}}]}
                ],
            },
            "messages",
        ),
        (
            "aresponses",
            {
                "model": "m",
                "instructions": "be brief",
                "input": [{"role": "user", "content": [{"type": "input_image", "image_url": PICTURE}]}],
            },
            "input",
        ),
    ],
    ids=["messages", "responses"],
)
def test_a_content_that_the_provider_refuses_is_told_without_a_place_that_the_client_does_not_have(
    call_type: str, body: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidField) as refused:
        sent(call_type, body, NOVA)
    assert refused.value.param == field
    assert refused.value.message == (
        f"{field} must not have what this provider refuses: image_url.url must be a data: URL or an s3:// address: "
        "Bedrock fetches nothing else."
    )
