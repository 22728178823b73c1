"""Noticing that a client left: a task that waits for the disconnect, started only for requests that take a while."""

import asyncio
from collections.abc import Callable

from services.edge.exchange import Exchange
from services.edge.http.asgi import Receive


def starter(exchange: Exchange, receive: Receive) -> Callable[[], None]:
    """Return what begins to watch; the watch ends with the connection or the exchange."""

    async def watch() -> None:
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                exchange.leave()
                return

    def start() -> None:
        _tasks.add(task := asyncio.get_running_loop().create_task(watch()))
        task.add_done_callback(_tasks.discard)

    return start


_tasks: set[asyncio.Task[None]] = set()
