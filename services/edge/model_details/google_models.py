"""The names a key may ask for, in Google's form. https://ai.google.dev/api/models"""

from collections.abc import Mapping
from typing import Any

from services.edge.model_details.model_facts import ModelFacts
from services.edge.model_details.model_names import ModelNames
from shared.errors import InvalidRequest
from shared.identity.keys import Key

PAGE, PAGE_MAX = 50, 1_000
"""Models of a page where the client does not say, and at most; Google's."""

_METHODS = {"chat": ["generateContent", "countTokens"], "embedding": ["embedContent"]}
_LIMITS = {"inputTokenLimit": "max_input_tokens", "outputTokenLimit": "max_output_tokens"}


class GoogleModels:
    def __init__(self, names: ModelNames, facts: ModelFacts) -> None:
        self._names = names
        self._facts = facts

    def page(self, key: Key | None, query: Mapping[str, str]) -> dict[str, Any]:
        """Return the page that `query` asks for: pageSize, pageToken.

        Raises:
            InvalidRequest
        """
        size, start = _whole("pageSize", query) or PAGE, _whole("pageToken", query)
        end = start + min(size, PAGE_MAX)
        listed = list(self._names.usable_by(key))
        more = {"nextPageToken": str(end)} if end < len(listed) else {}
        return {"models": [self.one(key, name) for name in listed[start:end]], **more}

    def one(self, key: Key | None, name: str) -> dict[str, Any]:
        """Return what is known of a model that the key may use."""
        known = self._facts.group(self._names.group_of(name, self._names.access.aliases_of(key))) or {}
        limits = {theirs: known[ours] for theirs, ours in _LIMITS.items() if known.get(ours) is not None}
        methods = _METHODS.get(known.get("mode") or "chat", [])
        said = {"name": f"models/{name}", "version": "", "displayName": name}
        return {**said, **limits, "supportedGenerationMethods": methods}


def _whole(name: str, query: Mapping[str, str]) -> int:
    given = query.get(name, "")
    if given and not (given.isascii() and given.isdigit() and len(given) < 10):
        raise InvalidRequest(f"{name} must be a whole number; leave it out for the first page.", param=name)
    return int(given or 0)
