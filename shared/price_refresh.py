"""Keeping the price catalogue fresh without a restart. Off unless it is configured: nothing needs the internet."""

import asyncio
import time

import structlog

from shared.prices import snapshots

log = structlog.get_logger()

FETCH_S = 60.0


async def keep_prices_fresh(
    url: str | None, period_s: float, *, apply_after_s: float = 0.0, least_share: float = snapshots.LEAST_SHARE
) -> None:
    """Until cancelled, fetch the catalogue at every multiple of `period_s`, which is the same moment in all processes.

    Whoever prices calls uses it `apply_after_s` later than whoever holds money for them. An edition that cannot be had,
    or is no price list, changes nothing and is told of.
    """
    url = url or snapshots.DEFAULT_UPDATE_URL
    while True:
        try:
            async with asyncio.timeout(FETCH_S):
                snapshot = await asyncio.to_thread(snapshots.fetch, url)
            problem = snapshots.problem_of(snapshot, least_share)
            if snapshot is not None and not problem:
                await asyncio.sleep(apply_after_s)
                snapshots.apply(snapshot)
                log.info("prices were refreshed", prices=snapshots.edition_of(snapshot), url=url)
            else:
                log.error("prices were not refreshed: those of before stay", url=url, problem=problem)
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
            log.error("prices were not refreshed: those of before stay", url=url, problem=problem, exc_info=True)
        await asyncio.sleep(period_s - time.time() % period_s)
