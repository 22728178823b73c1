"""Whatever can be done to a holder is told by a fact: one without would stop all that come after it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from services.policy.control.holders.holder_facts import fact_of
from services.policy.control.holders.kinds import KINDS
from shared.identity.holders import HolderKind

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
BLOCKED = ("blocked", "unblocked")


@pytest.mark.parametrize("kind", KINDS)
def test_each_event_of_each_kind_has_a_fact(kind: HolderKind) -> None:
    one = KINDS[kind].create("x", tenant="t", terms={"max_budget_pico": 5}, by="admin", at=AT)
    by: dict[str, Any] = {"by": "admin", "at": AT}
    one.update({"max_budget_pico": 6}, **by)
    if kind != "member":  # no call blocks a membership: the user is blocked, or taken out of the team
        one.block(**by)
        one.unblock(**by)
    one.delete(**by)
    one.recreate(terms={}, **by)
    told = [fact_of(event, one, seq).KIND for seq, event in enumerate(one.collect_events(), start=1)]
    verbs = ["created", "updated", *(BLOCKED if kind != "member" else ()), "deleted", "created"]
    assert told == [f"{kind}.{verb}" for verb in verbs]
