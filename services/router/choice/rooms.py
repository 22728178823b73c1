"""What is left of a request's hold for a try at a deployment, by the dearest that the deployment can cost now."""

from services.router.streaming.money_line import UNBOUND, Rates, Room, rates_of, room_for, with_units
from shared.calls import WRITING, Complete
from shared.prices import PriceBook, PriceRow, dearest_rows
from shared.serving.deployments import Deployment


class Rooms:
    """Keeps the rates by deployment and tier, as long as the price row is the same."""

    def __init__(self, prices: PriceBook) -> None:
        self._prices = prices
        self._rates: dict[tuple[str, str], tuple[PriceRow, Rates, list[PriceRow]]] = {}

    def of(self, call: Complete, deployment: Deployment, *, billed_pico: int, now: float) -> Room | None:
        """Return what the hold has left for a try there, None when it does not pay for one.

        `billed_pico` is what earlier tries of the request cost.
        """
        bound, hold_pico = call.bound, call.hold_pico
        if bound is None or hold_pico is None or call.request.object is not None:
            return UNBOUND  # what a batch may cost was decided with its lines
        row = self._prices.row_for(
            deployment.id, deployment.provider, deployment.priced_as, own=deployment.prices, now=now
        )
        if row is None:
            return UNBOUND
        tier = call.request.tier
        known = self._rates.get((deployment.id, tier))
        if known is None or known[0] is not row:
            rows = dearest_rows(deployment, tier, start=now, end=now)
            known = self._rates[(deployment.id, tier)] = (row, rates_of(rows), rows)
        request, left_pico = call.request, hold_pico - billed_pico
        units = request.units
        if known[1].ms_pico:
            units = (*units, ("compute_ms", max(0, request.deadline_ms - request.received_ms)))
        if units:
            left_pico, bound = with_units(left_pico, bound, known[2], units)
        return room_for(left_pico, known[1], bound, writes=request.call_type in WRITING)
