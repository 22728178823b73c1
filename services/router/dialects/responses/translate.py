"""POST /v1/responses for providers that have chat alone."""

from typing import Any

from services.router.dialects.outlet import Outlet
from services.router.dialects.responses.request import to_chat
from services.router.dialects.responses.stream import ResponseOutlet
from services.router.providers.base import ProviderCall
from services.router.providers.json_body import json_body


def translate_responses(call: ProviderCall) -> tuple[dict[str, Any], Outlet]:
    """Implements dialects.outlet.Translate."""
    body = json_body(call.body)
    chat = to_chat(body, drop_params=call.drop_params)
    return chat, ResponseOutlet(body, model=call.model, request_id=call.request_id)
