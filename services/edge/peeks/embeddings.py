"""POST /embeddings."""

from typing import Any

import msgspec

from services.edge.peeks.json_body import decoded
from services.edge.peeks.media import READ_PIXELS_MAX
from services.edge.peeks.peek import Ours, Peek, peek_of
from shared.errors import InvalidRequest

ROUTE = "/embeddings"


class _Embeddings(Ours, kw_only=True):
    input: str | list[Any]


_decode = msgspec.json.Decoder(_Embeddings).decode


def peek_embeddings(body: bytes) -> Peek:
    """Return what the request asks for. Token ids have at least one digit each: the bytes bound them too.

    Raises:
        InvalidRequest
    """
    asked = decoded(_decode, body, ROUTE)
    if not asked.input:
        raise InvalidRequest(f"{ROUTE}: 'input' must hold a text.", param="input")
    pictures = sum(_is_picture(part) for part in asked.input) if isinstance(asked.input, list) else 0
    if not pictures:
        return peek_of(asked, ROUTE, len(body))
    units = (("input_images", pictures), ("pixels", pictures * READ_PIXELS_MAX))
    return peek_of(asked, ROUTE, len(body), images=pictures, units=units)


def _is_picture(part: object) -> bool:
    return isinstance(part, dict) or (isinstance(part, str) and part.startswith("data:image/"))
