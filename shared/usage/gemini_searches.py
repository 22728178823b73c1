"""What an answer of Gemini's was grounded on, and how many searches it is billed for.

Sources: https://ai.google.dev/gemini-api/docs/google-search, https://ai.google.dev/gemini-api/docs/pricing (up to 2.5
a grounded request is billed, from 3 on each query that is not empty and no other's like; what a search finds is not
charged as input).
"""

import re
from typing import Any

from shared.usage.classes import Usage
from shared.usage.gemini import usage_from_gemini

_VERSION = re.compile(r"gemini-(?:[a-z]+-)*(\d{1,2})(?:\.(\d{1,2}))?(?!\d)")


def version_of(model: str) -> tuple[int, int] | None:
    """Return (2, 5) of gemini-2.5-flash, None where a name tells no version, as gemini-pro-latest does not."""
    found = _VERSION.search(model.lower())
    return (int(found[1]), int(found[2] or 0)) if found else None


def bills_queries(model: str) -> bool:
    """Whether a search is billed by its queries, else by the request. A name without a version is of a new model."""
    version = version_of(model)
    return "gemini" in model.lower() if version is None else version >= (3, 0)


def usage_in_generated(answer: dict[str, Any], model: str) -> Usage | None:
    """Return what a whole answer of generateContent by `model` tells of what it used."""
    searches = Searches(bills_queries=bills_queries(model))
    candidates = answer.get("candidates")
    searches.note([one for one in candidates if isinstance(one, dict)] if isinstance(candidates, list) else [])
    return searches.usage(answer.get("usageMetadata"))


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
            content = candidate.get("content")
            for part in (content.get("parts") if isinstance(content, dict) else None) or ():
                self._other_tools |= isinstance(part, dict) and _is_of_another_tool(part)

    def usage(self, metadata: object) -> Usage | None:
        """Return what `usageMetadata` tells, with the searches that were noted so far."""
        return usage_from_gemini(
            metadata, searches=self._billed, map_searches=self._maps_billed, finds_are_free=self._finds_are_free
        )

    @property
    def _billed(self) -> int:
        """How many searches of the web are billed: queries count once each, and not at all where they are empty."""
        if self._of_maps and not self._of_web:
            return 0
        return len(self._queries) if self._bills_queries else int(self._searched)

    @property
    def _maps_billed(self) -> int:
        """How many of maps: an answer is billed that has a place of theirs.

        Where it has pages as well, no field tells the queries apart: they cost the same, and count as the web's.
        """
        if not self._of_maps or (self._of_web and self._bills_queries):
            return 0
        return max(1, len(self._queries)) if self._bills_queries else 1

    @property
    def _finds_are_free(self) -> bool:
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
