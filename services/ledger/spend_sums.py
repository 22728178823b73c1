"""Sums over requests, in the shapes of LiteLLM's spend routes. Amounts are exact."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from services.ledger.selection import condition
from services.ledger.store import Store
from shared.money import number_text
from shared.queries import SpendFilter

NO_TEAM = "Unassigned"
# as spend_rows.model_name has it
MODEL = (
    "multiIf(provider_model = '', model, provider = '' OR startsWith(provider_model, concat(provider, '/')), "
    "provider_model, concat(provider, '/', provider_model))"
)


async def spend_summary(store: Store, wanted: SpendFilter) -> list[dict[str, Any]]:
    """Return a row for each day with requests: spend in all, by key, by user and by model.

    As in LiteLLM the days after the last one with requests, up to the end asked for, follow with nothing.
    """
    found = await _grouped(store, wanted, ("toDate(at) AS day", "key", "user_id", f"{MODEL} AS name"))
    days: dict[date, dict[str, Any]] = {}
    for day, key, user, model, spend in found:
        row = days.setdefault(day, {"spend": Decimal(0), "users": {}, "models": {}, "keys": {}})
        row["spend"] += spend
        for group, name in (("keys", key), ("users", user), ("models", model)):
            row[group][name] = row[group].get(name, Decimal(0)) + spend
    result = []
    for day, row in sorted(days.items()):
        keys, users, models = ({name: usd(spend) for name, spend in row[group].items()} for group in _GROUPS)
        result.append(
            {**keys, "startTime": day.isoformat(), "spend": usd(row["spend"]), "users": users, "models": models}
        )
    if days and wanted.end_ms is not None:
        end = datetime.fromtimestamp((wanted.end_ms - 1) / 1000, UTC).date()
        empty: dict[str, Any] = {"spend": 0, "users": {}, "models": {}}
        result += [{"startTime": day.isoformat(), **empty} for day in _days_after(max(days), end)]
    return result


_GROUPS = ("keys", "users", "models")


async def spend_keys(store: Store, wanted: SpendFilter) -> list[dict[str, Any]]:
    """Return the spend of each key that was used, the highest first."""
    found = await _grouped(store, wanted, ("key",), "argMax(key_alias, at)")
    return [{"token": key, "key_alias": alias or None, "spend": usd(spend)} for key, alias, spend in found]


async def spend_users(store: Store, wanted: SpendFilter) -> list[dict[str, Any]]:
    found = await _grouped(store, wanted, ("user_id",))
    return [{"user_id": user, "spend": usd(spend)} for user, spend in found if user]


async def spend_end_users(store: Store, wanted: SpendFilter) -> list[dict[str, Any]]:
    found = await _grouped(store, wanted, ("end_user",))
    return [{"end_user": end_user, "spend": usd(spend)} for end_user, spend in found if end_user]


async def spend_tags(store: Store, wanted: SpendFilter) -> list[dict[str, Any]]:
    return [
        {"individual_request_tag": tag, "log_count": count, "total_spend": usd(spend)}
        for tag, count, spend in await _grouped(store, wanted, ("arrayJoin(tags) AS tag",), "count()")
    ]


async def global_spend(store: Store, wanted: SpendFilter) -> dict[str, Any]:
    selected = condition(wanted)
    [(spend,)] = await store.query(f"SELECT sum(cost) FROM requests WHERE {selected.sql}", selected.parameters)
    return {"spend": usd(spend)}


async def global_spend_keys(store: Store, wanted: SpendFilter) -> list[dict[str, Any]]:
    found = await _grouped(store, wanted, ("key",), "argMax(key_alias, at)")
    return [
        {"api_key": key, "key_alias": alias or None, "key_name": None, "total_spend": usd(spend)}
        for key, alias, spend in found
    ]


async def global_spend_models(store: Store, wanted: SpendFilter) -> list[dict[str, Any]]:
    found = await _grouped(store, wanted, (f"{MODEL} AS name",))
    return [{"model": model, "total_spend": usd(spend)} for model, spend in found if model]


async def global_spend_provider(store: Store, wanted: SpendFilter) -> list[dict[str, Any]]:
    found = await _grouped(store, wanted, ("provider",))
    return [{"provider": provider, "spend": usd(spend)} for provider, spend in found if provider]


async def global_spend_tags(store: Store, wanted: SpendFilter) -> dict[str, Any]:
    found = await _grouped(store, wanted, ("arrayJoin(tags) AS tag",), "count()")
    return {"spend_per_tag": [{"name": tag, "spend": usd(spend), "log_count": count} for tag, count, spend in found]}


async def global_spend_logs(store: Store, wanted: SpendFilter) -> list[dict[str, Any]]:
    found = await _grouped(store, wanted, ("toDate(at) AS day",))
    return [{"date": day.isoformat(), "spend": usd(spend)} for day, spend in sorted(found)]


async def global_spend_teams(store: Store, wanted: SpendFilter) -> dict[str, Any]:
    days: dict[date, dict[str, Any]] = {}
    totals: dict[str, Decimal] = {}
    for day, team_id, spend in await _grouped(store, wanted, ("toDate(at) AS day", "team_id")):
        team = team_id or NO_TEAM
        days.setdefault(day, {"date": day.isoformat()})[team] = usd(spend)
        totals[team] = totals.get(team, Decimal(0)) + spend
    ordered = sorted(totals.items(), key=lambda item: item[1], reverse=True)
    return {
        "daily_spend": [row for _, row in sorted(days.items())],
        "teams": [team for team, _ in ordered],
        "total_spend_per_team": [{"team_id": team, "total_spend": usd(spend)} for team, spend in ordered],
    }


async def _grouped(store: Store, wanted: SpendFilter, by: tuple[str, ...], also: str = "") -> list[tuple[Any, ...]]:
    """Return (the groups' columns, what `also` computes, the spend) for each group, the dearest first."""
    selected = condition(wanted)
    columns = (*by, also) if also else by
    groups = ", ".join(str(number + 1) for number in range(len(by)))
    sql = (
        f"SELECT {', '.join(columns)}, sum(cost) AS spend FROM requests WHERE {selected.sql} "
        f"GROUP BY {groups} ORDER BY spend DESC"
    )
    if wanted.limit:
        sql += f" LIMIT {int(wanted.limit)}"
    return await store.query(sql, selected.parameters)


def usd(cost: Decimal) -> msgspec.Raw:
    """Return a sum as a JSON number with every digit it needs: 0.0000075, 12.5, 0.0."""
    return msgspec.Raw(number_text(cost).encode())


def _days_after(last: date, end: date) -> Iterable[date]:
    return (last + timedelta(days=number) for number in range(1, (end - last).days + 1))
