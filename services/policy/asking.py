"""What is asked of a partition for one request: whose budgets and limits it is counted in, and how long it may wait."""

from collections.abc import Mapping

from services.policy.budgets.admission import Ask
from services.policy.budgets.ceilings import Ceilings
from services.policy.budgets.charges import Charges
from services.policy.budgets.entries import Whom
from services.policy.budgets.tree import BudgetTree
from services.policy.limits.need import NO_TOKENS, Need, need_of
from services.policy.limits.room import Limit
from services.policy.limits.tree import LimitTree
from services.policy.metrics import PRIORITIES
from services.policy.partitions.decision import Part, Wanted
from shared.calls import Admit
from shared.clock import time_ms
from shared.identity.holder_access import HolderAccess
from shared.identity.keys import Key
from shared.kept.object_calls import CREATE_BATCH

HOLD_WAIT_MS = 10_000
"""How long a request may wait for money that requests in flight hold, before it is refused."""


class Asking:
    """One instance serves all partitions of a process. `key` None is the master key."""

    def __init__(
        self,
        keys: Mapping[str, Key],
        access: HolderAccess,
        budgets: BudgetTree,
        limits: LimitTree,
        ceilings: Ceilings,
        *,
        hold_grace_ms: int,
        batch_hold_ms: int = 0,
    ) -> None:
        self._keys = keys
        self._access = access
        self._budgets = budgets
        self._limits = limits
        self._ceilings = ceilings
        self._hold_grace_ms = hold_grace_ms
        self._batch_hold_ms = batch_hold_ms

    def charges(self, request: Admit, key: Key | None, now_ms: int) -> Charges:
        providers: tuple[str, ...] = ()
        if self._budgets.budgets_providers:
            providers = self._ceilings.providers_of(
                request.group, with_fallbacks=not request.disable_fallbacks, now=now_ms / 1000
            )
        return self._budgets.charges(request.caller, key, request.model, request.group, providers)

    def limits(self, request: Admit, key: Key | None) -> tuple[Limit, ...]:
        return self._limits.limits(request.caller, key, request.model, request.group)

    def need(self, request: Admit, ask: Ask) -> Need:
        """Return the tokens it needs of limits that count them; `ask` bounds it."""
        rules = self._limits.rules
        return need_of(request, ask, rules.counts, rules.least_answer)

    def part(
        self, request: Admit, key: Key | None, now_ms: int, limits: tuple[Limit, ...], need: Need = NO_TOKENS
    ) -> Part:
        """Return what it takes of these limits."""
        give_up_ms = 0
        if key is not None and key.max_wait_s > 0:
            give_up_ms = min(now_ms + int(key.max_wait_s * 1000), request.deadline_ms)
        return Part(
            limits,
            need if not request.session[0] else need._replace(requests=0),
            self._limits.rules.counts,
            give_up_ms,
            _level_of(key),
            request.priority,
            lambda: self.limits(request, self._current(key)),
            request.caller.key,
        )

    def wanted(
        self, request: Admit, key: Key | None, charges: Charges, ask: Ask, part: Part | None, *, held: bool
    ) -> Wanted:
        now_ms, caller = time_ms(), request.caller

        def again() -> Charges | None:
            """What it is counted in by then; the key may have been changed, or be gone."""
            now_ms = time_ms()
            if key is None:
                refused = caller.end_user and self._access.refusal(None, caller.end_user)
                return None if refused else self.charges(request, None, now_ms)
            current = self._current(key)
            if current is None or current.blocked or (current.expires is not None and current.expires <= now_ms / 1000):
                return None
            if self._access.refusal(current, caller.end_user, caller.tags) is not None:
                return None
            return self.charges(request, current, now_ms)

        return Wanted(
            request.request_id,
            key.tenant if key is not None else caller.tenant,
            Whom(
                caller.key_alias,
                caller.user_id,
                caller.team_id,
                caller.organization_id,
                caller.end_user,
                caller.tags,
                request.call_type,
            ),
            charges,
            ask,
            request.model,
            now_ms,
            request.deadline_ms + (self._batch_hold_ms if request.call_type == CREATE_BATCH else self._hold_grace_ms),
            min(now_ms + HOLD_WAIT_MS, request.deadline_ms),
            again,
            part,
            held,
            _level_of(key),
        )

    def _current(self, key: Key | None) -> Key | None:
        return self._keys.get(key.token) if key is not None else None


def _level_of(key: Key | None) -> int:
    return PRIORITIES.index("normal" if key is None else key.priority)
