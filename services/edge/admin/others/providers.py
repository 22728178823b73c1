"""GET /provider/budgets: what providers were paid of the budgets that the configuration gives them."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from services.edge.admin.authority import Actor, Identify, dependencies
from services.edge.admin.command import command
from services.edge.admin.validation import PlainFaults
from services.edge.admin.values import Row, as_json, iso, usd
from shared.bus import Bus
from shared.control import ProviderAnswer


def provider_routes(bus: Bus, identify: Identify) -> APIRouter:
    routes = APIRouter(route_class=PlainFaults, tags=["providers"])
    _, manager = dependencies(identify)

    @routes.get("/provider/budgets", summary="Budgets of providers, and what is spent of them")
    async def budgets(actor: Annotated[Actor, Depends(manager)]) -> Response:
        """Tell each provider of `router_settings.provider_budget_config`, and those with a soft budget."""
        found = await command(bus, "provider_budgets", actor, {}, list[ProviderAnswer])
        return as_json({"providers": {answer.provider: _row(answer) for answer in found}})

    return routes


def _row(answer: ProviderAnswer) -> Row:
    """LiteLLM's four fields; a soft budget, which it has not, where there is one."""
    row = {
        "budget_limit": usd(answer.limit_pico),
        "time_period": answer.duration,
        "spend": usd(answer.figures.spend_pico) if answer.figures else None,
        "budget_reset_at": iso(answer.reset_at, "+00:00"),
    }
    if answer.soft_pico is not None:
        row["soft_budget"] = usd(answer.soft_pico)
    return row if answer.figures else {**row, "spend_unavailable": True}
