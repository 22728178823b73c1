"""What accounts have spent, asked of the owners of their partitions. An owner that does not answer is no zero."""

import asyncio
from collections.abc import Iterable

import msgspec
import structlog

from shared import subjects
from shared.bus import Bus, BusError
from shared.control import AccountFigures

log = structlog.get_logger()

TIMEOUT_S = 1.0
ACCOUNTS_MAX = 2_000  # in one question: well below the largest message

_decode = msgspec.json.Decoder(dict[str, AccountFigures]).decode


async def figures_of_accounts(
    bus: Bus, accounts: Iterable[tuple[str, str]], *, partitions: int, now: float
) -> dict[str, AccountFigures]:
    """Return account -> figures for pairs of a holder's tenant and an account's name (`holders.account_of`).

    An account is missing where nobody answered for it within TIMEOUT_S.
    """
    names: dict[int, list[str]] = {}
    for tenant, name in accounts:
        names.setdefault(subjects.partition_of(tenant, partitions), []).append(name)
    questions = [
        _ask(bus, partition, some[start : start + ACCOUNTS_MAX])
        for partition, some in names.items()
        for start in range(0, len(some), ACCOUNTS_MAX)
    ]
    found: dict[str, AccountFigures] = {}
    for answer in await asyncio.gather(*questions):
        found |= answer
    return {name: current(figures, now) for name, figures in found.items()}


def current(figures: AccountFigures, now: float) -> AccountFigures:
    """An owner opens a window when a request comes: past its end, nothing has been spent since."""
    if figures.window_end is None or now < figures.window_end:
        return figures
    return AccountFigures(0, 0, window_start=figures.window_end)


async def _ask(bus: Bus, partition: int, names: list[str]) -> dict[str, AccountFigures]:
    question = msgspec.json.encode({"accounts": names})
    try:
        return _decode(await bus.request(subjects.account(partition), question, timeout_s=TIMEOUT_S))
    except (BusError, TimeoutError) as error:
        log.debug("nobody says what was spent", partition=partition, error=repr(error))
    except msgspec.DecodeError as error:
        log.error("an owner's figures cannot be read", partition=partition, error=str(error))
    return {}
