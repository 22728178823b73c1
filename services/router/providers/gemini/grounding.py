"""What an answer was grounded on: OpenAI's annotations, and the searches it is billed for.

Sources: https://ai.google.dev/gemini-api/docs/google-search, https://ai.google.dev/gemini-api/docs/pricing (up to 2.5
a grounded request is billed, from 3 on each query that is not empty and no other's like; what a search finds is not
charged as input).
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


class Searches:
    """What the candidates of an answer, whole or in events, were grounded on."""

    def __init__(self, *, bills_queries: bool) -> None:
        self._bills_queries = bills_queries
        self._queries: set[str] = set()
        self._searched = self._of_maps = self._of_web = self._other_tools = False

    def note(self, candidates: list[dict[str, Any]]) -> None:
        for candidate in candidates:
            grounding = candidate.get("groundingMetadata")
            if isinstance(grounding, dict):
                self._note_grounding(grounding)
            self._other_tools |= "urlContextMetadata" in candidate
            for part in (candidate.get("content") or {}).get("parts") or ():
                self._other_tools |= isinstance(part, dict) and _is_of_another_tool(part)

    @property
    def billed(self) -> int:
        """How many searches of the web are billed: queries count once each, and not at all where they are empty."""
        if self._of_maps and not self._of_web:
            return 0
        return len(self._queries) if self._bills_queries else int(self._searched)

    @property
    def maps_billed(self) -> int:
        """How many of maps: an answer is billed that has a place of theirs.

        Where it has pages as well, no field tells the queries apart: they cost the same, and count as the web's.
        """
        if not self._of_maps or (self._of_web and self._bills_queries):
            return 0
        return max(1, len(self._queries)) if self._bills_queries else 1

    @property
    def finds_are_free(self) -> bool:
        """Whether what tools had the model read came from searches alone, which is not charged."""
        return self._searched and not self._other_tools

    def _note_grounding(self, grounding: dict[str, Any]) -> None:
        queries = grounding.get("webSearchQueries") or ()
        self._searched |= bool(queries)
        self._queries.update(query for query in queries if isinstance(query, str) and query.strip())
        for chunk in grounding.get("groundingChunks") or ():
            if isinstance(chunk, dict):
                self._of_web |= "web" in chunk
                self._of_maps |= "maps" in chunk
                self._other_tools |= "retrievedContext" in chunk or "maps" in chunk


def _is_of_another_tool(part: dict[str, Any]) -> bool:
    call = part.get("toolCall")
    if isinstance(call, dict):
        return not str(call.get("toolType")).startswith("GOOGLE_SEARCH")
    return "executableCode" in part or "codeExecutionResult" in part
