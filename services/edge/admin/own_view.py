"""Waiting until this edge itself knows of a change, so that the client's next request meets it."""

from collections.abc import Awaitable, Callable

import structlog

from shared.bus import KvView
from shared.identity.holders import Holder
from shared.identity.keys import Key

log = structlog.get_logger()

GONE = -1
SEEN_WITHIN_S = 1.0

WaitUntilSeen = Callable[[str, int], Awaitable[None]]
"""(name, version): return once the entry is seen at that version or a later one, GONE: once it is not seen any more.

Returns after a second in any case: the change is stored, only later seen here.
"""


def seen_in(view: KvView[Key] | KvView[Holder]) -> WaitUntilSeen:
    """Return what waits for changes in `view`, the mirror this edge admits requests by."""

    async def wait(name: str, version: int) -> None:
        def is_seen() -> bool:
            entry = view.entries.get(name)
            return entry is None if version == GONE else entry is not None and entry.version >= version

        if not await view.wait_until(is_seen, SEEN_WITHIN_S):
            log.warning("a change is not seen here yet", entry=name, version=version)

    return wait
