"""What Claude Code sends, by Anthropic's SDK, to models of others that refuse every field that they do not know.

Its requests as version 2.1 makes them: betas, cache marks, thinking, context management, and a user's name of more
letters than OpenAI takes.
"""

from typing import Any

import anthropic
import pytest

from tests.journey.strict_providers import StrictProviders
from tests.provider_servers import Behaviour

EVERYWHERE = pytest.mark.parametrize("model", ["strict-gpt", "strict-gemini"])
MARK = {"type": "ephemeral"}
BETAS = [
    *("claude-code-20250219", "interleaved-thinking-2025-05-14", "thinking-token-count-2026-05-13"),
    *("context-management-2025-06-27", "prompt-caching-scope-2026-01-05"),
]
USER = '{"device_id":"' + "7" * 64 + '","account_uuid":"","session_id":"ab45e505-bf32-4a78-8045-25fbfceef457"}'


def tool(name: str) -> dict[str, Any]:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {"city": {"type": "string", "description": "where"}, "limit": {"type": "number"}},
        "required": ["city"],
        "additionalProperties": False,
    }
    return {"name": name, "description": f"The tool {name}", "input_schema": schema}


ASKED: dict[str, Any] = {
    "max_tokens": 32_000,
    "system": [
        {"type": "text", "text": "You are a coding assistant."},
        {"type": "text", "text": "Work with care.", "cache_control": MARK},
    ],
    "tools": [tool("Read"), {**tool("Bash"), "cache_control": MARK}],
    "thinking": {"type": "enabled", "budget_tokens": 31_999},
}
BETA: dict[str, Any] = {
    "betas": BETAS,
    "metadata": {"user_id": USER},
    "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
    "extra_headers": {"x-app": "cli", "user-agent": "claude-cli/2.1.197 (external, sdk-cli)"},
}


def said(text: str) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "text", "text": "<system-reminder>"}, {"type": "text", "text": text}]}


def server_of(strict: StrictProviders, model: str) -> Any:
    return strict.openai if model == "strict-gpt" else strict.gemini


@EVERYWHERE
def test_a_turn_with_a_tool_is_streamed_and_goes_on(
    claude_sdk: anthropic.Anthropic, strict: StrictProviders, model: str
) -> None:
    server = server_of(strict, model)
    server.next(Behaviour(tool_calls=True), Behaviour(text="It is done."))
    messages: list[Any] = [said("read a.txt")]
    messages[0]["content"][-1]["cache_control"] = MARK
    with claude_sdk.beta.messages.stream(model=model, messages=messages, **ASKED, **BETA) as stream:
        first = stream.get_final_message()
    calls = [block for block in first.content if block.type == "tool_use"]
    assert first.stop_reason == "tool_use"
    assert [(call.name, call.input) for call in calls] == [("Read", {"city": "Oslo"}), ("Bash", {"city": "Oslo"})]
    results = [
        {"type": "tool_result", "tool_use_id": call.id, "content": [{"type": "text", "text": f"of {call.name}"}]}
        for call in calls
    ]
    results[-1]["cache_control"] = MARK
    messages += [
        {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in first.content]},
        {"role": "user", "content": results},
    ]
    with claude_sdk.beta.messages.stream(model=model, messages=messages, **ASKED, **BETA) as stream:
        second = stream.get_final_message()
    assert second.stop_reason == "end_turn"
    assert [block.text for block in second.content if block.type == "text"] == ["It is done."]
    assert second.usage.output_tokens > 0
    sent = server.received[-1].body
    assert "of Read" in str(sent)
    assert "of Bash" in str(sent)


@EVERYWHERE
def test_the_small_calls_before_it_are_answered(claude_sdk: anthropic.Anthropic, model: str) -> None:
    quota = claude_sdk.beta.messages.create(
        model=model, max_tokens=1, messages=[{"role": "user", "content": "quota"}], metadata={"user_id": USER}
    )
    assert quota.stop_reason in ("end_turn", "max_tokens")
    counted = claude_sdk.beta.messages.count_tokens(
        model=model,
        messages=[{"role": "user", "content": "how many?"}],
        system=ASKED["system"],
        tools=ASKED["tools"],
        thinking=ASKED["thinking"],
        betas=BETAS,
    )
    assert counted.input_tokens > 20


@EVERYWHERE
def test_an_error_of_the_provider_is_told_in_anthropics_words(
    claude_sdk: anthropic.Anthropic, strict: StrictProviders, model: str
) -> None:
    server_of(strict, model).next(Behaviour(status=429))
    asked: Any = [said("hi")]
    with pytest.raises(anthropic.RateLimitError) as caught:
        claude_sdk.beta.messages.create(model=model, messages=asked, stream=True, **ASKED, **BETA)
    assert caught.value.body["error"]["type"] == "rate_limit_error"  # type: ignore[index]


@EVERYWHERE
def test_a_tool_runner_goes_on_without_a_thread(
    claude_sdk: anthropic.Anthropic, strict: StrictProviders, model: str
) -> None:
    """The SDK has Anthropic hold the conversation, unless it is told in Anthropic's words that this cannot be."""

    @anthropic.beta_tool
    def weather(city: str) -> str:
        """The weather in a city."""
        return f"20 degrees in {city}"

    server = server_of(strict, model)
    server.next(Behaviour(tool_calls=True), Behaviour(text="It is warm."))
    asked: Any = [{"role": "user", "content": "the weather of the runner"}]
    runner = claude_sdk.beta.messages.tool_runner(model=model, max_tokens=99, messages=asked, tools=[weather])
    assert [message.stop_reason for message in runner] == ["tool_use", "end_turn"]
    sent = str(server.received[-1].body)
    assert "the weather of the runner" in sent
    assert "20 degrees in Oslo" in sent
