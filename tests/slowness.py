"""How much longer work takes than the CPU it needs, while others want that, too: what stretches a bound in seconds."""

import threading
import time
from typing import Self

WORK_S = 0.005
EVERY_S = 0.1


class Slowness:
    """Measures beside a test, as a context. `factor` is 1 where work takes as long as the CPU it needs."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._wall_s = self._cpu_s = 0.0
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._over.clear()
        self._thread = threading.Thread(target=self._measure, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join(10)

    @property
    def factor(self) -> float:
        return max(1.0, self._wall_s / self._cpu_s) if self._cpu_s else 1.0

    def within(self, seconds: float, *, work_s: float) -> float:
        """Return `seconds`, and what the other processes of the machine add to `work_s` of work that is in them."""
        return seconds + work_s * (self.factor - 1)

    def _measure(self) -> None:
        while not self._over.wait(EVERY_S):
            wall, cpu = time.monotonic(), time.thread_time()
            while time.thread_time() < cpu + WORK_S:
                pass
            self._wall_s += time.monotonic() - wall
            self._cpu_s += time.thread_time() - cpu
