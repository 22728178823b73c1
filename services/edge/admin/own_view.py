"""Waiting until this edge itself knows of a change, so that the client's next request meets it."""

from collections.abc import Awaitable, Callable

import structlog

from shared.bus import KvView
from shared.keys import Key

log = structlog.get_logger()

GONE = -1
SEEN_WITHIN_S = 1.0

WaitUntilSeen = Callable[[str, int], Awaitable[None]]
"""(token, version): return once the key is seen at that version or a later one, GONE: once it is not seen any more.

Returns after a second in any case: the change is stored, only later seen here.
"""


def seen_in(view: KvView[Key]) -> WaitUntilSeen:
    """Return what waits for changes in `view`, the mirror this edge admits requests by."""

    async def wait(token: str, version: int) -> None:
        def is_seen() -> bool:
            key = view.entries.get(token)
            return key is None if version == GONE else key is not None and key.version >= version

        if not await view.wait_until(is_seen, SEEN_WITHIN_S):
            log.warning("a change of a key is not seen here yet", token=token, version=version)

    return wait
