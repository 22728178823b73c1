"""Facts as edge, policy and router publish them, with what a test wants in them."""

from typing import Any

from shared.bus import Bus
from shared.facts import (
    CompletionFinished,
    CompletionLost,
    RequestAdmitted,
    RequestDenied,
    RequestReceived,
    encode_fact,
)
from shared.facts.completion import Attempt, PriceUsed
from shared.facts.header import Fact
from shared.ids import new_id

KEY = "86e50149658661312a9e0b35558d84f6c6d3da797f552a9657fe0558ca40cdef"
OTHER_KEY = "d1bbdc9673724c1d8b3fba2b22cff9bec6e510005f822750c97b758d4b556f99"
MADE_MS = 1_795_415_243_968  # 2026-11-23 06:27:23.968 UTC


def request_id(at_ms: int = MADE_MS) -> str:
    """Return an id made at `at_ms`: the first ten characters of its tail are the time."""
    alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
    number = at_ms << 2
    head = "".join(alphabet[number >> shift & 31] for shift in range(45, -1, -5))
    return f"req_{head}{new_id('x')[-16:]}"


def received(request: str, **fields: Any) -> RequestReceived:
    return RequestReceived(
        **_caller("rec", request, fields),
        **{
            "edge": "edge-1",
            "route": "/v1/chat/completions",
            "model": "gpt-4",
            "stream": False,
            "body_bytes": 1024,
            "body_sha256": "0" * 64,
            **fields,
        },
    )


def admitted(request: str, **fields: Any) -> RequestAdmitted:
    return RequestAdmitted(**_caller("adm", request, fields), **{"partition": 0, "model": "gpt-4", **fields})


def denied(request: str, **fields: Any) -> RequestDenied:
    return RequestDenied(
        **_caller("den", request, fields),
        **{
            "stage": "guardrail",
            "route": "/v1/chat/completions",
            "model": "gpt-4",
            "status": 400,
            "error_type": "guardrail_blocked",
            "message": "Blocked by the deny list",
            "received_ms": MADE_MS,
            "guardrail": "deny-list",
            **fields,
        },
    )


def lost(request: str, cost_pico: int, **fields: Any) -> CompletionLost:
    return CompletionLost(
        **_caller("lost", request, fields),
        **{"partition": 0, "model": "gpt-4", "cost_pico": cost_pico, "admitted_ms": MADE_MS + 1, **fields},
    )


def finished(request: str, cost_pico: int = 7_500_000, **fields: Any) -> CompletionFinished:
    values: dict[str, Any] = {
        "partition": 0,
        "held": False,
        "route": "/v1/chat/completions",
        "call_type": "acompletion",
        "model": "gpt-4",
        "group": "gpt-4",
        "deployment": "9986da0c11715c8b",
        "provider": "openai",
        "provider_model": "gpt-4-0613",
        "api_base": "https://api.openai.com/v1",
        "stream": False,
        "outcome": "success",
        "status": 200,
        "response_id": f"chatcmpl-{request[-12:]}",
        "finish_reason": "stop",
        "usage": {"input": 9, "cached_input": 3, "output": 10, "reasoning": 2, "requests": 1},
        "usage_source": "provider",
        "prompt_tokens": 12,
        "completion_tokens": 12,
        "cost_parts_pico": {"input": cost_pico // 3, "output": cost_pico - cost_pico // 3},
        "price": PriceUsed(row="openai/gpt-4@2026-06-01", source="genai-prices", rates={"input": "30000000"}),
        "attempts": (
            Attempt(
                deployment="9986da0c11715c8b",
                provider="openai",
                model="gpt-4-0613",
                started_ms=MADE_MS + 2,
                duration_ms=900,
                status=200,
            ),
        ),
        "received_ms": MADE_MS,
        "admitted_ms": MADE_MS + 1,
        "started_ms": MADE_MS + 2,
        "first_token_ms": MADE_MS + 300,
        "finished_ms": MADE_MS + 902,
        "ip": "127.0.0.1",
        "user_agent": "OpenAI/Python 3.54.0",
        "metadata": {"x": 1},
    }
    return CompletionFinished(**_caller("fin", request, fields), **{**values, "cost_pico": cost_pico, **fields})


async def publish(bus: Bus, *facts: Fact) -> None:
    """Store them in this order; wait until JetStream has them all."""
    for done in [bus.store(fact.subject, encode_fact(fact), msg_id=fact.id) for fact in facts]:
        await done


async def publish_again(bus: Bus, fact: Fact) -> None:
    """Store it as a publisher does that repeats it after the stream's own deduplication has forgotten it."""
    await bus.store(fact.subject, encode_fact(fact))


def _caller(prefix: str, request: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Take the caller's part of a fact out of `fields`; the rest of it is the same in every test."""
    usual: dict[str, Any] = {
        "id": f"{prefix}_{request}",
        "ts_ms": MADE_MS + 905,
        "tenant": "team-1",
        "request_id": request,
        "key": KEY,
        "key_alias": "frontend",
        "user_id": "ada",
        "team_id": "team-1",
        "organization_id": "",
        "end_user": "",
        "tags": ("prod", "User-Agent: OpenAI"),
    }
    return {name: fields.pop(name, value) for name, value in usual.items()}
