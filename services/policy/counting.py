"""Whether a request whose text is bound by its bytes would fare better with its tokens counted, and counting them."""

from collections.abc import Sequence

from services.policy.asking import Asking
from services.policy.budgets.admission import Ask, Placed
from services.policy.budgets.ceilings import Ceilings
from services.policy.budgets.charges import Charges
from services.policy.budgets.count_input import NO_TEXT, TextTokens
from services.policy.count_body import count_body
from services.policy.dispatch import Body, Passed
from services.policy.limits.need import Need
from services.policy.limits.room import Limit, Over, may_fit_in, seems_more_than_all
from services.policy.partitions.decision import Denied
from services.policy.partitions.partition import Partition
from shared.bus import Bus
from shared.calls import Admit
from shared.clock import time_ms
from shared.payloads.bodies import BodyGone


class Counting:
    """One instance serves all partitions of a process."""

    def __init__(self, bus: Bus, asking: Asking, ceilings: Ceilings) -> None:
        self._bus = bus
        self._asking = asking
        self._ceilings = ceilings

    def may_gain(
        self,
        partition: Partition,
        request: Admit,
        charges: Charges,
        ask: Ask,
        limits: tuple[Limit, ...],
        need: Need,
        now_ms: int,
    ) -> bool:
        """Whether to count its tokens: where its bytes do not fit, but not where it would not if it had no text."""
        dear = charges.budgeted and not partition.stands.covers(charges, ask, now_ms)
        large = need.input > 0 and partition.limits.gains_by_counting(limits, need)
        if not dear and not large:
            return False
        least, _ = self._ceilings.ask_for(request, now_ms / 1000, text=NO_TEXT)
        if dear and partition.stands.refusal(charges, least, now_ms) is not None:
            return False
        if not large:
            return True
        small = self._asking.need(request, least)
        return partition.limits.may_fit(limits, small, now_ms) or seems_more_than_all(limits, need, small)

    def may_fit(self, partition: Partition, request: Admit, body: Body, denied: Denied) -> bool:
        """Whether what its home did not lend for the text's bytes may be enough for its tokens."""
        charge, standing = denied
        if body.counted or charge.home == partition.number or standing.only_holds:
            return False
        least, _ = self._ceilings.ask_for(request, time_ms() / 1000, text=NO_TEXT)
        return least.input_pico + least.output_pico_per_token * least.n <= standing.limit - standing.spent

    async def text_of(self, passed: Passed) -> TextTokens | None:
        """Raises BodyGone."""
        body, request = passed.body, passed.request
        size = None if body.changed else request.body_bytes
        return await count_body(self._bus, body.data, body.ref, size, request.call_type)

    async def closer_need(self, passed: Passed, placed: Placed | None, lacking: Sequence[Over]) -> Need | None:
        """Return the tokens it needs with its text counted, None where that is done, cannot be, or gains nothing."""
        request, body = passed.request, passed.body
        least, _ = self._ceilings.ask_for(request, time_ms() / 1000, text=NO_TEXT)
        if body.counted or not all(may_fit_in(over, self._asking.need(request, least)) for over in lacking):
            return None
        try:
            text = await self.text_of(passed)
        except BodyGone:
            return None
        if text is None:
            return None
        ask, _ = self._ceilings.ask_for(request, time_ms() / 1000, text=text)
        need = self._asking.need(request, ask)
        return need if placed is None or placed.max_tokens is None else need.shortened(placed.max_tokens)
