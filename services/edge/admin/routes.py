"""All routes that change or show who may do and spend what."""

from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import APIRouter

from services.edge.admin.authority import Identify
from services.edge.admin.keys import key_routes
from services.edge.admin.ledger import Ledger
from services.edge.admin.ledger_spend import LedgerSpend
from services.edge.admin.organizations.routes import organization_routes
from services.edge.admin.others.budgets import budget_routes
from services.edge.admin.others.customers import customer_routes
from services.edge.admin.others.providers import provider_routes
from services.edge.admin.others.tags import tag_routes
from services.edge.admin.own_view import WaitUntilSeen
from services.edge.admin.spent_before import SpentBefore
from services.edge.admin.teams.routes import team_routes
from services.edge.admin.users.routes import user_routes
from shared.bus import Bus


def management_routes(
    bus: Bus,
    ledger: Ledger,
    identify: Identify,
    key_seen: WaitUntilSeen,
    holder_seen: WaitUntilSeen,
    *,
    teams_count: bool = False,
    user_terms: Mapping[str, Any] | None = None,
) -> Iterator[APIRouter]:
    """Yield them. `key_seen` and `holder_seen` wait for this edge itself to know of a change; `teams_count`: a user's
    budget counts calls with keys of teams, too; `user_terms` are those of new internal users.
    """
    spend, before = LedgerSpend(ledger), SpentBefore(ledger, teams_count=teams_count, user_terms=user_terms)
    yield key_routes(bus, identify, key_seen)
    yield team_routes(bus, spend, identify, holder_seen)
    yield user_routes(bus, spend, before, identify, key_seen, holder_seen)
    yield organization_routes(bus, spend, identify, holder_seen)
    yield customer_routes(bus, spend, before, identify, holder_seen)
    yield budget_routes(bus, identify, holder_seen)
    yield tag_routes(bus, before, identify, holder_seen)
    yield provider_routes(bus, identify)
