"""Cohere's usage: `usage` of the v2 API, `meta` of the older one and of embeddings and rerankers.

Source: https://docs.cohere.com/reference/chat (billed_units are what is paid for; tokens include the chat template)
"""

from shared.usage.classes import Usage
from shared.usage.reading import count, count_or_0


def usage_from_cohere(usage: object) -> Usage | None:
    """Return the billed units, else the tokens; None where there are neither."""
    if not isinstance(usage, dict):
        return None
    billed = usage.get("billed_units")
    if not isinstance(billed, dict) or not billed:
        billed = usage.get("tokens")
    names = ("input_tokens", "output_tokens", "image_tokens", "search_units", "images", "classifications")
    if not isinstance(billed, dict) or all(count(billed, name) is None for name in names):
        return None
    return Usage(
        input=count_or_0(billed, "input_tokens"),
        image_input=count_or_0(billed, "image_tokens"),
        output=count_or_0(billed, "output_tokens"),
        search_units=count_or_0(billed, "search_units"),
        input_images=count_or_0(billed, "images"),
    )
