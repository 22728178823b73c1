"""What a user, a customer or a tag had spent before it got its first budget: asked of the ledger, once.

Budgets count it, as LiteLLM's do, so it goes along with the command that sets one. Admission never asks for it.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
import structlog

from services.edge.admin.ledger import Ledger
from shared.errors import GatewayError, Unavailable
from shared.money import usd_to_pico
from shared.queries import QueryName, SpendFilter

log = structlog.get_logger()

FIELD = "spent_before_pico"
WITHIN_S = 5.0
SETS_A_BUDGET = ("max_budget", "soft_budget", "budget_id")

_QUERIES: dict[str, tuple[QueryName, str, str, str]] = {
    "user": ("spend_users", "users", "user_id", "spend"),
    "end_user": ("spend_end_users", "end_users", "end_user", "spend"),
    "tag": ("spend_tags", "tags", "individual_request_tag", "total_spend"),
}
"""Kind -> the question, the filter's field, and what names the holder and its spend in the answer."""

_decode = msgspec.json.Decoder(list[dict[str, msgspec.Raw]]).decode


class SpentBefore:
    def __init__(
        self, ledger: Ledger, *, teams_count: bool = False, user_terms: Mapping[str, Any] | None = None
    ) -> None:
        """`teams_count`: a user's budget counts calls with keys of teams, too; `user_terms` are those that the
        configuration gives to new internal users.
        """
        self._ledger = ledger
        self._teams_count = teams_count
        self._user_terms = user_terms or {}

    async def added(self, kind: str, holder_id: str | None, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return `fields`, with what was spent so far where they set a budget.

        Raises:
            Unavailable: the ledger does not say it, and so it would not count.
        """
        if not holder_id or not self._set_a_budget(kind, fields):
            return dict(fields)
        query, wanted, name, spend = _QUERIES[kind]
        of: dict[str, Any] = {wanted: (holder_id,)}
        if kind == "user" and not self._teams_count:
            of["teams"] = ("",)
        try:
            async with asyncio.timeout(WITHIN_S):
                rows = _decode((await self._ledger.ask(query, SpendFilter(**of))).body)
        except (GatewayError, TimeoutError) as error:
            log.info("the ledger does not say what was spent before", kind=kind, error=repr(error))
            raise Unavailable(
                f"What this {kind.replace('_', ' ')} has spent so far cannot be read at the moment, and would not be "
                "counted. Nothing was changed: try again, or block it meanwhile.",
                retry_after_s=2,
            ) from None
        spent = [usd_to_pico(bytes(row[spend]).decode()) for row in rows if msgspec.json.decode(row[name]) == holder_id]
        return {**fields, FIELD: sum(spent)}

    def _set_a_budget(self, kind: str, fields: Mapping[str, Any]) -> bool:
        by_default = self._user_terms if kind == "user" and fields.get("user_role") == "internal_user" else {}
        return any(terms.get(name) is not None for name in SETS_A_BUDGET for terms in (fields, by_default))
