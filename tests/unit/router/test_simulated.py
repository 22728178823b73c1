import re
from typing import Any

import httpx
import orjson
import pytest

from services.router.providers.registry import load_providers
from services.router.transport.transports import Transports
from tests.router_calls import deployment, provider_call

MESSAGES = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "one two three"}]


async def answer(body: dict[str, Any], model: str = "echo") -> tuple[int, bytes]:
    """Ask it as the router does: through its adapter and its transport."""
    given = {"model": "m", "messages": MESSAGES, **body}
    call = provider_call(given, stream=bool(given.get("stream")))
    request, _ = load_providers({})["simulated"].prepare(
        call, deployment(provider="simulated", model=model, api_key=None)
    )
    async with Transports({}) as transports:
        opened = await transports.open(request, 5.0)
        return opened.status_code, b"".join([part async for part in opened.parts()])


async def whole(body: dict[str, Any], model: str = "echo") -> dict[str, Any]:
    status, data = await answer(body, model)
    assert status == 200
    decoded: dict[str, Any] = orjson.loads(data)
    return decoded


async def test_it_repeats_the_last_message_and_counts_words() -> None:
    made = await whole({})
    assert made["choices"][0]["message"] == {"role": "assistant", "content": "one two three"}
    assert made["usage"] == {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}
    assert made["model"] == "echo"


async def test_the_same_request_has_the_same_answer_under_another_id() -> None:
    for body in ({}, {"stream": True}):
        first, second = [await answer(body) for _ in range(2)]
        ids = [re.findall(rb"chatcmpl-simulated_\w+", data)[0] for _, data in (first, second)]
        assert ids[0] != ids[1]
        assert first[1].replace(ids[0], ids[1]) == second[1]


async def test_a_stream_says_the_same_in_chunks() -> None:
    _, data = await answer({"stream": True})
    events = [line[6:] for line in data.split(b"\n") if line]
    assert events[-1] == b"[DONE]"
    chunks = [orjson.loads(event) for event in events[:-1]]
    text = "".join(c["choices"][0]["delta"].get("content", "") for c in chunks if c["choices"])
    assert text == "one two three"
    assert chunks[-1]["usage"]["total_tokens"] == 8


async def test_a_script_says_what_to_answer() -> None:
    script = {"text": "a b", "prompt_tokens": 100, "completion_tokens": 7, "no_usage": False}
    made = await whole({"simulated": script})
    assert made["choices"][0]["message"]["content"] == "a b"
    assert made["usage"]["total_tokens"] == 107
    assert "usage" not in await whole({"simulated": {"no_usage": True}})


async def test_tools_are_called_by_script() -> None:
    calls = [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    made = await whole({"simulated": {"text": "", "tool_calls": calls}})
    assert made["choices"][0]["message"]["tool_calls"] == calls
    assert made["choices"][0]["finish_reason"] == "tool_calls"


async def test_a_maximum_cuts_the_answer() -> None:
    assert (await whole({"max_tokens": 2}))["choices"][0]["message"]["content"] == "one two"


@pytest.mark.parametrize(("model", "status"), [("fail-429", 429), ("fail-503", 503)])
async def test_a_model_can_fail(model: str, status: int) -> None:
    code, data = await answer({}, model)
    assert code == status
    assert orjson.loads(data)["error"]["message"] == "simulated failure"


async def test_a_stream_can_break_off() -> None:
    _, data = await answer({"stream": True, "simulated": {"fail_after_chunks": 1}})
    assert b'"error"' in data
    assert b"[DONE]" not in data


async def test_a_script_with_a_mistake_is_told() -> None:
    code, data = await answer({"simulated": {"colour": 1}})
    assert code == 400
    assert "colour" in orjson.loads(data)["error"]["message"]


@pytest.mark.parametrize("content", [None, [], [{"type": "text", "text": None}, "x", {"type": "image_url"}], 3])
async def test_content_without_text_is_answered_with_nothing(content: Any) -> None:
    made = await whole({"messages": [{"role": "user", "content": content}]})
    assert made["choices"][0]["message"]["content"] is None


async def test_only_its_own_address_leads_to_it() -> None:
    request, _ = load_providers({})["openai"].prepare(
        provider_call({"model": "m"}), deployment(api_base="simulated://x")
    )
    async with Transports({}) as transports:
        with pytest.raises(httpx.UnsupportedProtocol):
            await transports.open(request, 1.0)
