"""The names a key may ask for, in Anthropic's form. https://platform.claude.com/docs/en/api/models/list"""

from collections.abc import Mapping, Sequence
from typing import Any

from services.edge.model_details.model_facts import ModelFacts
from services.edge.model_details.model_names import ModelNames
from shared.errors import InvalidRequest
from shared.identity.keys import Key

PAGE, PAGE_MAX = 20, 1_000
"""Models of a page where the client does not say, and at most; Anthropic's."""

UNKNOWN_TIME = "1970-01-01T00:00:00Z"
"""Anthropic's own word for a date that is not known."""


class AnthropicModels:
    def __init__(self, names: ModelNames, facts: ModelFacts) -> None:
        self._names = names
        self._facts = facts

    def page(self, key: Key | None, query: Mapping[str, str]) -> dict[str, Any]:
        """Return the page that `query` asks for: limit, after_id, before_id.

        Raises:
            InvalidRequest: the limit is out of bounds, or there is no such model.
        """
        listed = list(self._names.usable_by(key))
        size = _limit(query.get("limit"))
        if query.get("before_id"):
            listed = listed[: _place(listed, query["before_id"], "before_id")]
            page = listed[-size:]
        else:
            if query.get("after_id"):
                listed = listed[_place(listed, query["after_id"], "after_id") + 1 :]
            page = listed[:size]
        first, last = (page[0], page[-1]) if page else (None, None)
        models = [self.one(key, name) for name in page]
        return {"data": models, "has_more": len(listed) > size, "first_id": first, "last_id": last}

    def one(self, key: Key | None, name: str) -> dict[str, Any]:
        """Return what is known of a model that the key may use."""
        known = self._facts.group(self._names.group_of(name, self._names.access.aliases_of(key))) or {}
        return {
            "type": "model",
            "id": name,
            "display_name": name,
            "created_at": UNKNOWN_TIME,
            "lifecycle": "active",
            "max_input_tokens": known.get("max_input_tokens"),
            "max_tokens": known.get("max_output_tokens"),
        }


def _limit(given: str | None) -> int:
    if given is None:
        return PAGE
    if not (given.isascii() and given.isdigit() and len(given) < 10 and 1 <= int(given) <= PAGE_MAX):
        raise InvalidRequest(f"limit must be a whole number from 1 to {PAGE_MAX}.", param="limit")
    return int(given)


def _place(names: Sequence[str], name: str, field: str) -> int:
    if name not in names:
        raise InvalidRequest(f"{field}: {name[:100]!r} is no model that this key may use.", param=field)
    return names.index(name)
