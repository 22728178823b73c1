"""What users and customers have spent that no budget counts: asked of the ledger, a second or two behind."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import structlog

from services.edge.admin.ledger import Ledger
from shared.control import AccountFigures, HolderAnswer
from shared.errors import GatewayError
from shared.money import usd_to_pico
from shared.queries import QueryName, SpendFilter

log = structlog.get_logger()

WITHIN_S = 3.0
"""A list must not wait for a slow database; without an answer the spend is not known."""

_QUERIES: dict[str, tuple[QueryName, str, str]] = {
    "user": ("spend_users", "users", "user_id"),
    "end_user": ("spend_end_users", "end_users", "end_user"),
}
"""Kind -> the question, the filter's field, and the answer's."""

_decode = msgspec.json.Decoder(list[dict[str, msgspec.Raw]]).decode


class LedgerSpend:
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def fill(self, answers: Sequence[HolderAnswer]) -> list[HolderAnswer]:
        """Return `answers`, all of one kind, with what was ever spent of those that no budget counts."""
        missing = [answer.entry.id for answer in answers if not answer.counted]
        if not missing:
            return list(answers)
        spent = await self._spent(answers[0].entry.kind, missing)
        return [
            answer
            if answer.counted or spent is None
            else msgspec.structs.replace(answer, figures=AccountFigures(spent.get(answer.entry.id, 0), 0))
            for answer in answers
        ]

    async def _spent(self, kind: str, ids: Sequence[str]) -> dict[str, int] | None:
        if kind not in _QUERIES:
            return None
        query, wanted, told = _QUERIES[kind]
        fields: dict[str, Any] = {wanted: tuple(ids)}
        try:
            async with asyncio.timeout(WITHIN_S):
                answer = await self._ledger.ask(query, SpendFilter(**fields))
        except (GatewayError, TimeoutError) as error:
            log.debug("the ledger does not say what was spent", kind=kind, error=repr(error))
            return None
        return {
            msgspec.json.decode(row[told], type=str): usd_to_pico(bytes(row["spend"]).decode())
            for row in _decode(answer.body)
        }
