"""POST /v1/responses for providers that have chat alone."""

from typing import Any

import orjson

from services.router.dialects.outlet import Outlet
from services.router.dialects.responses.request import to_chat
from services.router.dialects.responses.stream import ResponseOutlet
from services.router.providers.answers.rejection import InvalidField
from services.router.providers.base import ProviderCall


def translate_responses(call: ProviderCall) -> tuple[dict[str, Any], Outlet]:
    """Implements dialects.outlet.Translate."""
    try:
        body = orjson.loads(call.body)
    except orjson.JSONDecodeError as error:
        raise InvalidField("request_body", f"is not JSON that can be translated: {error}") from error
    if not isinstance(body, dict):
        raise InvalidField("request_body", "must be a JSON object.")
    chat = to_chat(body, drop_params=call.drop_params)
    return chat, ResponseOutlet(body, model=call.model, request_id=call.request_id)
