"""The `usage` of Gemini's Interactions API. https://ai.google.dev/api/interactions-api"""

from typing import Any

from shared.usage.classes import Usage
from shared.usage.gemini import usage_from_gemini
from shared.usage.gemini_searches import bills_queries
from shared.usage.reading import first_count

_COUNTS = {
    "total_input_tokens": "promptTokenCount",
    "total_output_tokens": "candidatesTokenCount",
    "total_thought_tokens": "thoughtsTokenCount",
    "total_cached_tokens": "cachedContentTokenCount",
    "total_tool_use_tokens": "toolUsePromptTokenCount",
    "total_tokens": "totalTokenCount",
}
_BY_MODALITY = {
    "input_tokens_by_modality": "promptTokensDetails",
    "output_tokens_by_modality": "candidatesTokensDetails",
    "cached_tokens_by_modality": "cacheTokensDetails",
    "tool_use_tokens_by_modality": "toolUsePromptTokensDetails",
}


_SEARCH, _MAPS = "google_search_call", "google_maps_call"


def usage_in_interaction(interaction: dict[str, Any], model: str) -> Usage | None:
    """Return what a whole interaction by `model` tells of what it used."""
    tools = Tools(model)
    tools.note_all(interaction)
    return tools.usage(interaction.get("usage"), interaction.get("service_tier"))


class Tools:
    """The tools of Google's that an interaction's steps show, whole or as they come."""

    def __init__(self, model: str) -> None:
        self._bills_queries = bills_queries(model)
        self._queries: dict[str, set[str]] = {_SEARCH: set(), _MAPS: set()}
        self._kinds: set[str] = set()

    def note_all(self, interaction: dict[str, Any]) -> None:
        """Note the steps of a whole one, which older revisions of the API call its outputs."""
        for name in ("steps", "outputs"):
            found = interaction.get(name)
            for step in found if isinstance(found, list) else ():
                self.note(step)

    def note(self, step: Any) -> None:
        """`step` is a whole one, or the delta that has its arguments."""
        kind = step.get("type") if isinstance(step, dict) else None
        if not isinstance(kind, str) or not kind.endswith("_call"):
            return
        if kind != "function_call":
            self._kinds.add(kind)
        if kind in self._queries:
            arguments = step.get("arguments")
            queries = arguments.get("queries") if isinstance(arguments, dict) else None
            self._queries[kind].update(query for query in queries or () if isinstance(query, str) and query.strip())

    def usage(self, usage: object, tier: object = None) -> Usage | None:
        return usage_from_interactions(
            usage,
            queries=len(self._queries[_SEARCH]),
            map_queries=len(self._queries[_MAPS]),
            bills_queries=self._bills_queries,
            finds_are_free=self._kinds == {_SEARCH},
            tier=tier,
        )


def usage_from_interactions(
    usage: object,
    *,
    queries: int = 0,
    map_queries: int = 0,
    bills_queries: bool = True,
    finds_are_free: bool = False,
    tier: object = None,
) -> Usage | None:
    """Return the disjoint form of an interaction's `usage`, None if it is none. Its parts are those of `usageMetadata`.

    `queries`, of the web and of maps, are those that its steps show, for a usage without `grounding_tool_count`; unless
    the model bills queries, an interaction that searched is one search. `finds_are_free` as in `usage_from_gemini`.
    `tier` is the interaction's `service_tier`.
    """
    if not isinstance(usage, dict):
        return None
    metadata: dict[str, Any] = {theirs: usage[ours] for ours, theirs in _COUNTS.items() if ours in usage}
    for ours, theirs in _BY_MODALITY.items():
        if isinstance(usage.get(ours), list):
            metadata[theirs] = [_detail(entry) for entry in usage[ours]]
    counted = usage.get("grounding_tool_count")
    if isinstance(counted, list):
        queries, map_queries = _counted(counted, "google_search"), _counted(counted, "google_maps")
    most = max(queries, map_queries) if bills_queries else 1
    return usage_from_gemini(
        {**metadata, "serviceTier": tier},
        searches=min(most, queries),
        map_searches=min(most, map_queries),
        finds_are_free=finds_are_free,
    )


def _counted(entries: list[Any], kind: str) -> int:
    return sum(first_count((each, "count")) for each in entries if isinstance(each, dict) and each.get("type") == kind)


def _detail(entry: Any) -> dict[str, Any]:
    fields = entry if isinstance(entry, dict) else {}
    return {"modality": str(fields.get("modality")).upper(), "tokenCount": fields.get("tokens")}
