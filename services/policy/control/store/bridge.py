"""A connection to NATS for callers that cannot await: it lives in a thread of its own."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from shared.bus import Bus

T = TypeVar("T")

CALL_TIMEOUT_S = 30.0


class BusThread:
    """Close it when done; closing twice does no harm."""

    def __init__(self, url: str, *, name: str) -> None:
        """Connect to `url`.

        Raises:
            NotConnected: nobody answers there.
        """
        self._url = url
        self._name = name
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()
        self._closed = False
        try:
            self._bus = self._run(Bus.connect(url, name=name))
        except BaseException:
            self._end_loop()
            raise

    def call(self, work: Callable[[Bus], Coroutine[Any, Any, T]]) -> T:
        """Run `work` in the thread, with the connection; return what it returns, raise what it raises."""
        return self._run(work(self._bus))

    def close(self) -> None:
        if not self._closed:
            self._run(self._bus.close())
            self._end_loop()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(CALL_TIMEOUT_S)

    def _end_loop(self) -> None:
        self._closed = True
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CALL_TIMEOUT_S)
        self._loop.close()
