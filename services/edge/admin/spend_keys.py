"""Keys with what they spent: what policy knows of them, and what ledger has counted."""

import msgspec

from services.edge.admin.authority import Actor
from services.edge.admin.command import command
from services.edge.admin.key_rows import unblocked_row
from services.edge.admin.ledger import Ledger
from shared.bus import Bus
from shared.control import KeyAnswer, KeyPage
from shared.queries import SpendFilter

PAGE = 100
NOTHING = msgspec.Raw(b"0.0")


class _Spent(msgspec.Struct, frozen=True):
    token: str
    spend: msgspec.Raw


async def keys_with_spend(bus: Bus, ledger: Ledger, actor: Actor, limit: int | None) -> bytes:
    """Return LiteLLM's rows of all keys as JSON, the highest spend first, at most `limit`.

    `total_spend` is all that a key ever spent, `spend` what counts against its budget now.
    """
    answer = await ledger.ask("spend_keys", SpendFilter())
    spent = {one.token: one.spend for one in msgspec.json.decode(answer.body, type=list[_Spent])}
    place = {token: number for number, token in enumerate(spent)}
    keys = sorted(await _all_keys(bus, actor), key=lambda key: place.get(key.entry.token, len(place)))
    rows = []
    for key in keys[:limit]:
        total = spent.get(key.entry.token, NOTHING)
        row = unblocked_row(key)
        row.pop("spend_unavailable", None)
        rows.append({**row, "spend": total if row["spend"] is None else row["spend"], "total_spend": total})
    return msgspec.json.encode(rows)


async def _all_keys(bus: Bus, actor: Actor) -> list[KeyAnswer]:
    keys: list[KeyAnswer] = []
    number = 1
    while True:
        query = {"page": number, "size": PAGE, "figures": True, "sort_by": "created_at", "sort_order": "asc"}
        page = await command(bus, "key_list", actor, query, KeyPage)
        keys += page.keys
        if not page.keys or len(keys) >= page.total:
            return keys
        number += 1
