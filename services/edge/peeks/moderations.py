"""POST /moderations."""

from typing import Any

import msgspec

from services.edge.peeks.json_body import decoded
from services.edge.peeks.peek import Ours, Peek, peek_of
from shared.errors import InvalidRequest

ROUTE = "/moderations"
USUAL_MODEL = "omni-moderation-latest"
"""What OpenAI takes where the client names none. https://platform.openai.com/docs/api-reference/moderations/create"""


class _Moderation(Ours, kw_only=True):
    input: str | list[Any]


_decode = msgspec.json.Decoder(_Moderation).decode


def peek_moderation(body: bytes) -> Peek:
    """Return what is asked for.

    Raises:
        InvalidRequest
    """
    asked = decoded(_decode, body, ROUTE)
    if not asked.input:
        raise InvalidRequest(f"{ROUTE}: 'input' must hold a text.", param="input")
    if asked.model is None:
        asked.model = USUAL_MODEL
    parts = asked.input if isinstance(asked.input, list) else ()
    return peek_of(
        asked, ROUTE, len(body), images=sum(isinstance(part, dict) and "image_url" in part for part in parts)
    )
