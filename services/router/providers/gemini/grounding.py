"""What an answer was grounded on: OpenAI's annotations, and the searches it is billed for.

Sources: https://ai.google.dev/gemini-api/docs/google-search, https://ai.google.dev/gemini-api/docs/pricing (up to 2.5
a grounded request is billed, from 3 on each query).
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


def searches_of(candidates: list[dict[str, Any]], *, bills_queries: bool) -> int:
    """Return how many searches the candidates' grounding is billed for."""
    queries = [
        query
        for candidate in candidates
        for query in (candidate.get("groundingMetadata") or {}).get("webSearchQueries") or ()
    ]
    return len(queries) if bills_queries else min(1, len(queries))
