"""Servers of providers that live in a thread of their own, for tests that are not async."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any


@contextmanager
def served_in_thread(servers: Sequence[AbstractAsyncContextManager[Any]]) -> Iterator[asyncio.AbstractEventLoop]:
    """Serve them until the context ends; the loop is that of the thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        for server in servers:
            asyncio.run_coroutine_threadsafe(_enter(server), loop).result(10)
        yield loop
    finally:
        for server in servers:
            asyncio.run_coroutine_threadsafe(_leave(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _enter(server: AbstractAsyncContextManager[Any]) -> None:
    await server.__aenter__()


async def _leave(server: AbstractAsyncContextManager[Any]) -> None:
    await server.__aexit__(None, None, None)
