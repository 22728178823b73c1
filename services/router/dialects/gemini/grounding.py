"""What a chat message cites, as Google's groundingMetadata: the pages, and which bytes of the text each supports.

Source: https://ai.google.dev/gemini-api/docs/google-search
"""

from typing import Any

from services.router.providers.answers.annotations import cited_in


def grounding_of(text: str, annotations: object) -> dict[str, Any] | None:
    """Return it, None where nothing is cited. Which searches led there is not known."""
    cited = cited_in(annotations, len(text))
    if not cited:
        return None
    pages = list(dict.fromkeys((one.url, one.title) for one in cited))
    supports: dict[tuple[int, int], list[int]] = {}
    for one in cited:
        supports.setdefault((one.start, one.end), []).append(pages.index((one.url, one.title)))
    return {
        "groundingChunks": [{"web": {"uri": url, "title": title}} for url, title in pages],
        "groundingSupports": [
            {"segment": _segment(text, start, end), "groundingChunkIndices": places}
            for (start, end), places in supports.items()
        ],
    }


def _segment(text: str, start: int, end: int) -> dict[str, Any]:
    begins, said = len(text[:start].encode()), text[start:end]
    return {"startIndex": begins, "endIndex": begins + len(said.encode()), "text": said}
