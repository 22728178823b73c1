"""What an account has spent, set by an administrator or known from before its budget: told to who counts it."""

from math import isfinite
from typing import Any

import msgspec
import structlog

from services.policy.control.terms.amounts import pico_of
from services.policy.control.terms.refusal import refused
from shared import subjects
from shared.bus import Bus, BusError
from shared.control import CorrectAccount
from shared.identity.holders import Correction
from shared.money import usd_text

log = structlog.get_logger()

TIMEOUT_S = 5.0


class _Answer(msgspec.Struct):
    stored: bool = False


_decode = msgspec.json.Decoder(_Answer).decode


def spend_to_reset(reset_to: Any, spent_pico: int, max_budget_pico: int | None) -> int:
    """Return what the spend is to be set to, pico-dollars.

    Raises:
        InvalidRequest: it is no amount, more than is spent, or more than the budget.
    """
    if isinstance(reset_to, bool) or not isinstance(reset_to, int | float) or not isfinite(reset_to):
        raise refused("reset_to", f"reset_to must be a number of USD, 0 or more. Received: {reset_to!r}")
    wanted = pico_of("reset_to", reset_to)
    if wanted > spent_pico:
        raise refused("reset_to", f"reset_to ({reset_to}) must be at most the current spend ({usd_text(spent_pico)})")
    if max_budget_pico is not None and wanted > max_budget_pico:
        limit = usd_text(max_budget_pico)
        raise refused("reset_to", f"reset_to ({reset_to}) must be at most the key's max_budget ({limit})")
    return wanted


async def count_correction(bus: Bus, tenant: str, account: str, correction: Correction, partitions: int) -> bool:
    """Tell the owner of the account; return whether it counts now. Else it counts with the next request."""
    told = CorrectAccount(account, correction.serial, correction.pico, correction.at_ms, correction.at_least)
    subject = subjects.correct(subjects.partition_of(tenant, partitions))
    try:
        return _decode(await bus.request(subject, msgspec.json.encode(told), timeout_s=TIMEOUT_S)).stored
    except (BusError, TimeoutError, msgspec.DecodeError) as error:
        log.warning("a correction counts later", account=account, error=repr(error))
        return False
