"""POST /v1beta/models/{model}:generateContent and its kin for providers that do not speak it."""

from typing import Any

import orjson

from services.router.dialects.gemini.request import to_chat
from services.router.dialects.gemini.stream import CandidatesOutlet
from services.router.dialects.outlet import Outlet
from services.router.providers.answers.rejection import InvalidField
from services.router.providers.base import ProviderCall


def translate_generate(call: ProviderCall) -> tuple[dict[str, Any], Outlet]:
    """Implements dialects.outlet.Translate."""
    return _translated(call, _decoded(call.body))


def translate_count(call: ProviderCall) -> tuple[dict[str, Any], Outlet]:
    """The same for countTokens, whose request may stand in a field of its own."""
    body = _decoded(call.body)
    inner = body.get("generateContentRequest") or body.get("generate_content_request")
    return _translated(call, inner if isinstance(inner, dict) else body)


def _translated(call: ProviderCall, body: dict[str, Any]) -> tuple[dict[str, Any], Outlet]:
    chat = to_chat({**body, "model": call.model}, drop_params=call.drop_params)
    if call.stream:
        chat["stream"] = True
    return chat, CandidatesOutlet(call.model)


def _decoded(raw: bytes) -> dict[str, Any]:
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise InvalidField("request_body", f"is not JSON that can be translated: {error}") from error
    if not isinstance(body, dict):
        raise InvalidField("request_body", "must be a JSON object.")
    return body
