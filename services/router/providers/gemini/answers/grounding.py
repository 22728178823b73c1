"""What an answer was grounded on, as OpenAI's annotations; the searches it is billed for are read in shared/usage.

Source: https://ai.google.dev/gemini-api/docs/google-search
"""

from typing import Any

from services.router.providers.answers.annotations import url_citation


def annotations_of(candidate: dict[str, Any], text: str) -> list[dict[str, Any]]:
    """Return url_citation annotations of `text`; Gemini counts its places in bytes, OpenAI in characters."""
    grounding = candidate.get("groundingMetadata")
    if not isinstance(grounding, dict):
        return []
    chunks, encoded = grounding.get("groundingChunks") or [], text.encode()
    annotations = []
    for support in grounding.get("groundingSupports") or ():
        segment = support.get("segment") or {}
        start = len(encoded[: segment.get("startIndex", 0)].decode("utf-8", "ignore"))
        end = len(encoded[: segment.get("endIndex", 0)].decode("utf-8", "ignore"))
        for place in support.get("groundingChunkIndices") or ():
            web = chunks[place].get("web") if 0 <= place < len(chunks) else None
            if isinstance(web, dict):
                annotations.append(url_citation(web.get("uri", ""), web.get("title", ""), start, end))
    return annotations
