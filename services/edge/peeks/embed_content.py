"""POST /v1beta/models/{model}:embedContent and batchEmbedContents, Google's API."""

from typing import Any

import msgspec

from services.edge.peeks.json_body import decoded
from services.edge.peeks.media import media_in_any_form
from services.edge.peeks.peek import Ours, Peek, peek_of
from shared.errors import InvalidRequest

ROUTE = "embedContent"


class _Embed(Ours, kw_only=True):
    content: dict[str, Any] | None = None
    requests: list[dict[str, Any]] | None = None


_decode = msgspec.json.Decoder(_Embed).decode


def peek_embed_content(body: bytes) -> Peek:
    """Return what the request asks for: one content, or a batch of requests.

    Raises:
        InvalidRequest
    """
    asked = decoded(_decode, body, ROUTE)
    if not asked.content and not asked.requests:
        raise InvalidRequest(
            f"{ROUTE}: Missing required parameter: 'content', or 'requests' of a batch.", param="content"
        )
    media = media_in_any_form(body)
    if not media:
        return peek_of(asked, ROUTE, len(body))
    return peek_of(asked, ROUTE, len(body), images=media, units=(("input_images", media),))
