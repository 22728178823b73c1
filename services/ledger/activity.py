"""How much was asked for and used, day by day: LiteLLM's activity routes."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

from services.ledger.selection import condition
from services.ledger.spend_sums import MODEL, NO_TEAM, usd
from services.ledger.store import Store
from shared.queries import SpendFilter

_GROUP = "if(model_group = '', model, model_group)"
# in the order of _Sum's fields
_SUMS = """
    sum(cost), sum(prompt_tokens), sum(completion_tokens), sum(tokens_cached_input),
    sum(tokens_cache_write + tokens_cache_write_1h), countIf(outcome = 'success'), count(),
    sumIf(ifNull(duration_ms, 0), outcome = 'success')
"""
_ENTITIES = {
    "user": "user_id",
    "team": "team_id",
    "organization": "organization_id",
    "customer": "end_user",
    "tag": "arrayJoin(tags)",
}


async def global_activity(store: Store, wanted: SpendFilter) -> dict[str, Any]:
    return _activity([(day, count, tokens) for day, _, count, tokens in await _daily(store, wanted, "''")], {})


async def global_activity_model(store: Store, wanted: SpendFilter) -> list[dict[str, Any]]:
    groups: dict[str, list[tuple[date, int, int]]] = {}
    for day, group, count, tokens in await _daily(store, wanted, _GROUP):
        groups.setdefault(group, []).append((day, count, tokens))
    found = [{"model": group, **_activity(days, {"model_group": group})} for group, days in groups.items()]
    return sorted(found, key=lambda row: row["sum_api_requests"], reverse=True)


async def daily_activity(store: Store, wanted: SpendFilter) -> dict[str, Any]:
    """Return metrics by day, broken down by model, model group, provider, route, key, and the entity asked for.

    All of it is one page. The tag of a request with two tags is counted for both, its day only once.
    """
    selected = condition(wanted)
    by = f"toDate(at) AS day, {MODEL} AS name, {_GROUP} AS group_name, provider, route, key"
    owner = "argMax(key_alias, at), argMax(team_id, at), argMax(user_id, at)"
    where = f"FROM requests WHERE {selected.sql} GROUP BY"
    rows = await store.query(f"SELECT {by}, {owner}, {_SUMS} {where} 1, 2, 3, 4, 5, 6", selected.parameters)
    entities = await store.query(
        f"SELECT toDate(at) AS day, {_ENTITIES[wanted.entity]} AS entity, key, {_SUMS} {where} 1, 2, 3",
        selected.parameters,
    )
    days: dict[date, _Day] = {}
    total = _Sum()
    for day, model, group, provider, route, key, alias, team, user, *sums in rows:
        one = _Sum(*sums)
        total.add(one)
        days.setdefault(day, _Day()).add(one, (model, group, provider or "unknown", route), key, (alias, team, user))
    for day, entity, key, *sums in entities:
        days[day].entities.setdefault(entity or NO_TEAM, _Node()).add(_Sum(*sums), key)
    results = [{"date": day.isoformat(), **found.shown()} for day, found in sorted(days.items(), reverse=True)]
    return {"results": results, "metadata": _metadata(total)}


class _Sum:
    """Metrics added up."""

    def __init__(
        self,
        spend: Decimal = Decimal(0),
        prompt: int = 0,
        completion: int = 0,
        cache_read: int = 0,
        cache_write: int = 0,
        successes: int = 0,
        requests: int = 0,
        duration_ms: int = 0,
    ) -> None:
        self.values: list[Any] = [
            spend,
            prompt,
            completion,
            cache_read,
            cache_write,
            successes,
            requests,
            duration_ms,
        ]

    def add(self, other: "_Sum") -> None:
        self.values = [mine + its for mine, its in zip(self.values, other.values, strict=True)]

    def shown(self) -> dict[str, Any]:
        spend, prompt, completion, cache_read, cache_write, successes, requests, duration_ms = self.values
        return {
            "spend": usd(spend),
            "flat_cost": 0.0,
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "cache_read_input_tokens": cache_read,
            "cache_creation_input_tokens": cache_write,
            "compression_saved_tokens": 0,
            "compression_savings_spend": 0.0,
            "prompt_caching_savings_spend": 0.0,
            "gateway_injected_caching_savings_spend": 0.0,
            "autorouter_savings_spend": 0.0,
            "total_tokens": prompt + completion,
            "successful_requests": successes,
            "failed_requests": requests - successes,
            "api_requests": requests,
            "total_response_time_ms": duration_ms,
            "timed_requests": successes,
        }


class _Node:
    """Metrics of one thing, and of each key's part in it."""

    def __init__(self) -> None:
        self.sum = _Sum()
        self.keys: dict[str, _Sum] = {}

    def add(self, one: _Sum, key: str) -> None:
        self.sum.add(one)
        self.keys.setdefault(key, _Sum()).add(one)

    def shown(self, key_metadata: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
        keys = {key: {"metrics": one.shown(), "metadata": key_metadata(key)} for key, one in self.keys.items()}
        return {"metrics": self.sum.shown(), "metadata": {}, "api_key_breakdown": keys}


class _Day:
    """One day's breakdown."""

    def __init__(self) -> None:
        self.sum = _Sum()
        self.parts: tuple[dict[str, _Node], ...] = ({}, {}, {}, {})  # models, model groups, providers, endpoints
        self.entities: dict[str, _Node] = {}
        self.keys: dict[str, _Sum] = {}
        self.owners: dict[str, tuple[str, str, str]] = {}

    def add(self, one: _Sum, names: tuple[str, ...], key: str, owner: tuple[str, str, str]) -> None:
        self.sum.add(one)
        self.keys.setdefault(key, _Sum()).add(one)
        self.owners[key] = owner
        for part, name in zip(self.parts, names, strict=True):
            if name:
                part.setdefault(name, _Node()).add(one, key)

    def shown(self) -> dict[str, Any]:
        models, groups, providers, endpoints = (
            {name: node.shown(self._key_metadata) for name, node in part.items()} for part in self.parts
        )
        breakdown = {
            "mcp_servers": {},
            "models": models,
            "model_groups": groups,
            "providers": providers,
            "endpoints": endpoints,
            "api_keys": {
                key: {"metrics": one.shown(), "metadata": self._key_metadata(key)} for key, one in self.keys.items()
            },
            "entities": {name: node.shown(self._key_metadata) for name, node in self.entities.items()},
        }
        return {"metrics": self.sum.shown(), "breakdown": breakdown}

    def _key_metadata(self, key: str) -> dict[str, Any]:
        alias, team, user = self.owners.get(key, ("", "", ""))
        return {
            "key_alias": alias or None,
            "team_id": team or None,
            "user_id": user or None,
            "user_email": None,
            "key_exists": True,
        }


def _metadata(total: _Sum) -> dict[str, Any]:
    shown = total.shown()
    unnamed = {"total_tokens", "total_response_time_ms"}
    return {
        **{name if name in unnamed else f"total_{name}": value for name, value in shown.items()},
        "page": 1,
        "total_pages": 1,
        "has_more": False,
        "api_key_limit": None,
        "total_api_keys": None,
        "entity_total_api_keys": None,
    }


async def _daily(store: Store, wanted: SpendFilter, group: str) -> list[tuple[Any, ...]]:
    selected = condition(wanted)
    sql = f"""
        SELECT toDate(at) AS day, {group} AS group_name, count(), sum(total_tokens)
        FROM requests WHERE {selected.sql} GROUP BY 1, 2 ORDER BY 1
    """
    return await store.query(sql, selected.parameters)


def _activity(days: list[tuple[date, int, int]], also: dict[str, Any]) -> dict[str, Any]:
    return {
        "daily_data": [
            {**also, "date": _short(day), "api_requests": count, "total_tokens": tokens} for day, count, tokens in days
        ],
        "sum_api_requests": sum(count for _, count, _ in days),
        "sum_total_tokens": sum(tokens for _, _, tokens in days),
    }


def _short(day: date) -> str:
    """Return "Nov 23"."""
    return day.strftime("%b %d")
