"""What was spent and asked for: LiteLLM's /spend, /global and daily activity routes, answered by ledger."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response

from services.edge.admin.authority import Actor, Identify, dependencies, require_admin
from services.edge.admin.date_range import DateRange, date_range, last_days
from services.edge.admin.ledger import Ledger, LedgerAnswer
from services.edge.admin.spend_keys import keys_with_spend
from services.edge.admin.spend_users import users_with_spend
from services.edge.admin.validation import PlainFaults
from shared.bus import Bus
from shared.identity.keys import as_token
from shared.queries import QueryName, SpendFilter

TRUNCATED = "x-litellm-spend-logs-truncated"
GLOBAL_DAYS = 30  # LiteLLM's global reports cover so many without dates

_DAY = "YYYY-MM-DD, or with a time; UTC"
Start = Annotated[str | None, Query(description=f"From then on: {_DAY}")]
End = Annotated[str | None, Query(description=f"Up to then, the day included: {_DAY}")]
Limit = Annotated[int | None, Query(ge=1, description="That many rows at most")]
Names = Annotated[str | None, Query(description="One, or several separated by commas")]

_REPORTS: dict[str, QueryName] = {
    "/global/spend/keys": "global_spend_keys",
    "/global/spend/teams": "global_spend_teams",
    "/global/spend/models": "global_spend_models",
    "/global/spend/tags": "global_spend_tags",
    "/global/spend/provider": "global_spend_provider",
    "/global/spend/logs": "global_spend_logs",
}
_ACTIVITIES: dict[str, QueryName] = {
    "/global/activity": "global_activity",
    "/global/activity/model": "global_activity_model",
}


def spend_routes(
    bus: Bus,
    ledger: Ledger,
    identify: Identify,
    *,
    max_budget_usd: float,
    token: Callable[[str], str] = as_token,
) -> APIRouter:
    """Return the routes. All figures come from stored facts, half a second old at most while ledger keeps up.

    `max_budget_usd` is the global budget, 0 where there is none. `token` is that of the key which is given as itself,
    or as the SHA-256 of one of its secrets.
    """
    routes = APIRouter(route_class=PlainFaults, tags=["spend"])
    caller, manager = dependencies(identify)

    Caller = Annotated[Actor, Depends(caller)]
    Manager = Annotated[Actor, Depends(manager)]

    @routes.get("/spend/logs", summary="Single requests, or sums by day")
    async def logs(
        actor: Caller,
        request: Request,
        api_key: Annotated[str | None, Query(description="A key or its SHA-256")] = None,
        user_id: Annotated[str | None, Query(description="Whose requests")] = None,
        request_id: Annotated[str | None, Query(description="Ours, or the response's id")] = None,
        start_date: Start = None,
        end_date: End = None,
        summarize: Annotated[bool, Query(description="With both dates: sums by day instead of rows")] = True,
    ) -> Response:
        """Return the newest 10,000 rows at most; a header says when there are more.

        A key sees its own requests and its user's.
        """
        key = token(api_key) if api_key else ""
        wanted = _seen_by(
            actor,
            request.url.path,
            date_range(start_date, end_date),
            keys=(key,) if key else (),
            users=(user_id,) if user_id else (),
            request_id=request_id or "",
        )
        if start_date and end_date and summarize:
            return _json(await ledger.ask("spend_summary", wanted))
        return _json(await ledger.ask("spend_logs", wanted))

    @routes.get("/spend/keys", summary="Every key with what it spent")
    async def keys(actor: Manager, limit: Limit = None) -> Response:
        """Return whole rows, the highest spend first."""
        return _json(LedgerAnswer(await keys_with_spend(bus, ledger, actor, limit), False))

    @routes.get("/spend/users", summary="Users with what they spent")
    async def users(_: Manager, user_id: Annotated[str | None, Query(description="Only this one")] = None) -> Response:
        return _json(LedgerAnswer(await users_with_spend(ledger, user_id), False))

    @routes.get("/spend/tags", summary="Spend by tag")
    async def tags(_: Manager, start_date: Start = None, end_date: End = None) -> Response:
        return _json(await ledger.ask("spend_tags", _within(date_range(start_date, end_date))))

    @routes.get("/global/spend", summary="Spend in all")
    async def total(_: Manager, start_date: Start = None, end_date: End = None) -> Response:
        """Return all that was ever spent, with dates what was spent between them; and the global budget."""
        answer = await ledger.ask("global_spend", _within(date_range(start_date, end_date)))
        figures = {**_decode_figures(answer.body), "max_budget": max_budget_usd}
        return _json(answer._replace(body=msgspec.json.encode(figures)))

    async def report(
        _: Manager,
        request: Request,
        start_date: Start = None,
        end_date: End = None,
        api_key: Annotated[str | None, Query(description="Only this key's")] = None,
        limit: Limit = None,
    ) -> Response:
        """Return sums over the dates; without dates over the last thirty days."""
        dates = date_range(start_date, end_date)
        if dates == DateRange(None, None):
            dates = last_days(GLOBAL_DAYS, datetime.now(UTC))
        only = (token(api_key),) if api_key else ()
        return _json(await ledger.ask(_REPORTS[request.url.path], _within(dates, keys=only, limit=limit)))

    for path in _REPORTS:
        routes.add_api_route(path, report, methods=["GET"], summary=f"Spend by {path.rpartition('/')[2]}")

    async def activity(_: Manager, request: Request, start_date: Start = None, end_date: End = None) -> Response:
        """Return requests and tokens by day. Both dates are needed."""
        dates = date_range(start_date, end_date, required=True)
        return _json(await ledger.ask(_ACTIVITIES[request.url.path], _within(dates)))

    for path in _ACTIVITIES:
        routes.add_api_route(path, activity, methods=["GET"], summary="Requests and tokens by day")

    @routes.get("/{entity}/daily/activity", summary="Metrics by day, with breakdowns")
    @routes.get("/{entity}/daily/activity/aggregated", include_in_schema=False)
    async def daily(
        entity: Literal["user", "team", "tag", "organization", "customer"],
        actor: Caller,
        request: Request,
        start_date: Start = None,
        end_date: End = None,
        api_key: Names = None,
        user_id: Names = None,
        team_ids: Names = None,
        organization_ids: Names = None,
        end_user_ids: Names = None,
        tags: Names = None,
        model: Names = None,
    ) -> Response:
        """Return all days on one page. Both dates are needed. A key sees its user's requests and its own."""
        wanted = _seen_by(
            actor,
            request.url.path,
            date_range(start_date, end_date, required=True),
            keys=tuple(token(name) for name in _names(api_key)),
            users=_names(user_id),
            teams=_names(team_ids),
            organizations=_names(organization_ids),
            end_users=_names(end_user_ids),
            tags=_names(tags),
            models=_names(model),
            entity=entity,
        )
        return _json(await ledger.ask("daily_activity", wanted))

    return routes


def _within(dates: DateRange, **fields: Any) -> SpendFilter:
    return SpendFilter(start_ms=dates.start_ms, end_ms=dates.end_ms, **fields)


def _seen_by(actor: Actor, route: str, dates: DateRange, **fields: Any) -> SpendFilter:
    """Return the filter with what `actor` may see.

    Raises:
        AuthenticationFailed: somebody else's rows were asked for.
    """
    wanted = _within(dates, **fields)
    if actor.is_admin:
        return wanted
    own = {actor.key_token, ""}, {actor.user_id, ""}
    if not (set(wanted.keys) <= own[0] and set(wanted.users) <= own[1]):
        require_admin(actor, route)
    return msgspec.structs.replace(wanted, visible_key=actor.key_token, visible_user=actor.user_id)


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip()) if text else ()


_decode_figures = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def _json(answer: LedgerAnswer) -> Response:
    headers = {TRUNCATED: "true"} if answer.truncated else None
    return Response(answer.body, media_type="application/json", headers=headers)
