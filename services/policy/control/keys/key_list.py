"""Which keys a list shows, in which order. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from shared.control import AccountFigures, KeyQuery
from shared.identity.keys import Key


def matching(keys: Iterable[Key], query: KeyQuery, now: float) -> list[Key]:
    return [key for key in keys if _matches(key, query, now)]


def in_order(keys: Iterable[Key], query: KeyQuery, figures: Mapping[str, AccountFigures]) -> list[Key]:
    """Sort as `query` says, then by token. Where a key has no value it comes last, whatever the order."""
    backwards = query.sort_order == "desc"
    ordered = sorted(keys, key=lambda key: key.token, reverse=backwards)
    having = [key for key in ordered if _sort_value(key, query, figures) is not None]
    lacking = [key for key in ordered if _sort_value(key, query, figures) is None]
    return sorted(having, key=lambda key: _sort_value(key, query, figures), reverse=backwards) + lacking


def page_of(keys: list[Key], query: KeyQuery) -> list[Key]:
    start = (query.page - 1) * query.size
    return keys[start : start + query.size]


def _matches(key: Key, query: KeyQuery, now: float) -> bool:
    exact = (
        (query.team_id, key.team_id),
        (query.organization_id, key.organization_id),
        (query.project_id, key.extra.get("project_id")),
        (query.agent_id, key.extra.get("agent_id")),
    )
    if any(wanted is not None and wanted != value for wanted, value in exact):
        return False
    if query.key_hash is not None and query.key_hash not in (key.token, key.secret):
        return False
    if query.access_group_id is not None and query.access_group_id not in (key.extra.get("access_group_ids") or ()):
        return False
    if query.only_aliased and key.key_alias is None:
        return False
    if query.status is not None and query.status != _status(key, now):
        return False
    if query.search is not None:
        wanted = query.search.lower()
        if not any(wanted in text.lower() for text in (key.key_alias or "", key.key_name, key.token)):
            return False
    if not _text_matches(query.key_alias, key.key_alias, query):
        return False
    mine = _text_matches(query.user_id, key.user_id, query)
    return mine or (query.include_created_by_keys and key.created_by == query.user_id)


def _text_matches(wanted: str | None, value: str | None, query: KeyQuery) -> bool:
    if wanted is None:
        return True
    if query.substring_matching:
        return wanted.lower() in (value or "").lower()
    return wanted == value


def _status(key: Key, now: float) -> str:
    if key.blocked:
        return "revoked"
    return "expired" if key.expires is not None and key.expires <= now else "active"


def _sort_value(key: Key, query: KeyQuery, figures: Mapping[str, AccountFigures]) -> Any:
    if query.sort_by == "spend":
        return figures[key.token].spend_pico if key.token in figures else None
    return getattr(key, "max_budget_pico" if query.sort_by == "max_budget" else query.sort_by)
