"""Servers of providers that live in a thread of their own, for tests that are not async."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.provider_servers.http_server import HttpServer


@contextmanager
def served_in_thread(servers: Sequence[HttpServer]) -> Iterator[asyncio.AbstractEventLoop]:
    """Serve them until the context ends; the loop is that of the thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        for server in servers:
            asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(10)
        yield loop
    finally:
        for server in servers:
            asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
