"""What a router is asked, and by which configuration, for tests that say only what matters to them."""

import time
from typing import Any

import orjson

from services.router.providers.base import ProviderCall
from shared.calls import Admit, Caller, Complete
from shared.serving.deployments import Deployment


def deployment(id: str = "d1", **fields: Any) -> Deployment:
    known = {"group": "m", "provider": "openai", "model": "gpt-4o", "api_key": "sk-test"}
    fields = {**known, **fields}
    return Deployment(id=id, **{"priced_as": fields["model"], **fields})


def provider_call(body: dict[str, Any] | bytes, **fields: Any) -> ProviderCall:
    known = {
        "model": "m",
        "stream": False,
        "include_usage": False,
        "max_tokens": None,
        "max_tokens_field": "",
        "drop_params": False,
    }
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return ProviderCall(body=raw, **{**known, **fields})


def caller(**fields: Any) -> Caller:
    known: dict[str, Any] = dict.fromkeys(Caller.__struct_fields__, "")
    return Caller(**{**known, "key": "k" * 64, "tenant": "t1", "tags": (), "metadata": b"", **fields})


def complete(request_id: str, edge: str, body: bytes, **fields: Any) -> Complete:
    """Return the command for `body`; `fields` are those of Admit or of Complete."""
    asked = orjson.loads(body)
    now_ms = time.time_ns() // 1_000_000
    stream_options = asked.get("stream_options") or {}
    field = next((name for name in ("max_completion_tokens", "max_tokens") if asked.get(name) is not None), "")
    admit: dict[str, Any] = {
        "request_id": request_id,
        "edge": edge,
        "caller": caller(),
        "route": "/v1/chat/completions",
        "call_type": "acompletion",
        "model": asked.get("model", ""),
        "group": asked.get("model", ""),
        "stream": bool(asked.get("stream")),
        "include_usage": bool(stream_options.get("include_usage")),
        "max_tokens": asked.get(field),
        "max_tokens_field": field,
        "n": asked.get("n", 1),
        "input_bytes": len(body),
        "images": 0,
        "has_tools": bool(asked.get("tools")),
        "received_ms": now_ms,
        "deadline_ms": now_ms + 30_000,
        "body_bytes": len(body),
        "body_ref": "",
        "guardrails": (),
        "num_retries": None,
        "timeout_s": None,
        "disable_fallbacks": False,
    }
    command: dict[str, Any] = {
        "partition": 0,
        "admitted_ms": now_ms,
        "hold_pico": None,
        "max_tokens": None,
        "applied_guardrails": (),
        "body_ref": "",
        "body_changed": False,
        "bound": None,
        "reserved": False,
        "homes": (),
        "answer_lines": "",
    }
    for name, value in fields.items():
        (command if name in command and name != "max_tokens" else admit)[name] = value
    if "admitted_max_tokens" in fields:
        command["max_tokens"] = admit.pop("admitted_max_tokens")
    return Complete(request=Admit(**admit), **command)
