"""POST /v1/messages for providers that do not speak it."""

from typing import Any

from services.router.dialects.anthropic.request import to_chat
from services.router.dialects.anthropic.stream import MessageOutlet
from services.router.dialects.outlet import Outlet
from services.router.providers.base import ProviderCall
from services.router.providers.json_body import json_body


def translate_messages(call: ProviderCall) -> tuple[dict[str, Any], Outlet]:
    """Implements dialects.outlet.Translate."""
    body = json_body(call.body)
    chat = to_chat(body, drop_params=call.drop_params)
    return chat, MessageOutlet(call.model, stop_sequences=chat.get("stop") or ())
