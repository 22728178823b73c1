"""POST /v1beta/models/{model}:generateContent and its kin for providers that do not speak it."""

from typing import Any

from services.router.dialects.gemini.request import to_chat
from services.router.dialects.gemini.stream import CandidatesOutlet
from services.router.dialects.outlet import Outlet
from services.router.providers.base import ProviderCall
from services.router.providers.json_body import json_body


def translate_generate(call: ProviderCall) -> tuple[dict[str, Any], Outlet]:
    """Implements dialects.outlet.Translate."""
    return _translated(call, json_body(call.body))


def translate_count(call: ProviderCall) -> tuple[dict[str, Any], Outlet]:
    """The same for countTokens, whose request may stand in a field of its own."""
    body = json_body(call.body)
    inner = body.get("generateContentRequest") or body.get("generate_content_request")
    return _translated(call, inner if isinstance(inner, dict) else body)


def _translated(call: ProviderCall, body: dict[str, Any]) -> tuple[dict[str, Any], Outlet]:
    chat = to_chat({**body, "model": call.model}, drop_params=call.drop_params)
    if call.stream:
        chat["stream"] = True
    return chat, CandidatesOutlet(call.model)
