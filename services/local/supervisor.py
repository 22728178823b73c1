"""Child processes: started, watched, started again when they die, stopped in order.

What happens is said in one line each. It knows nothing of what the children are.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from services.local.failures import ChildFailed

BACKOFF_FIRST_S = 0.2
BACKOFF_LAST_S = 10.0
STEADY_AFTER_S = 10.0  # a child that lived that long begins again with the first wait
STARTS_MAX = 3  # before it was ready once
USAGE_EXIT = 2  # the exit code of a child that no repetition will help
_POLL_S = 0.05


@dataclass(frozen=True)
class Child:
    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    stop_within_s: float = 10.0  # from SIGTERM to SIGKILL
    keeps: Sequence[int] = ()  # file descriptors that it inherits


@dataclass
class _State:
    child: Child
    process: asyncio.subprocess.Process | None = None
    watch: asyncio.Task[None] | None = None
    ends: list[int] = field(default_factory=list)  # exit codes so far, the newest few
    was_ready: bool = False
    stopping: bool = False
    refusal: str = ""  # why it could not be started, where it has no process

    def is_stopping(self) -> bool:
        return self.stopping


class Supervisor:
    """Owns its children: `stop` or `kill` before leaving. On Linux they die with this process, however it dies."""

    def __init__(self, say: Callable[[str], None], *, steady_after_s: float = STEADY_AFTER_S) -> None:
        self._say = say
        self._steady_after_s = steady_after_s
        self._states: dict[str, _State] = {}

    async def start(self, child: Child) -> None:
        """Start a child and keep it running.

        Raises:
            ChildFailed: its program cannot be run.
        """
        state = self._states[child.name] = _State(child)
        try:
            state.process = await _spawn(child)
        except OSError as error:
            del self._states[child.name]
            raise ChildFailed(f"{child.name} cannot be started: {child.command[0]}: {error.strerror}") from None
        state.watch = asyncio.create_task(self._keep_running(state))

    def pid(self, name: str) -> int | None:
        """Return the child's process id, None while it is down."""
        process = self._states[name].process
        return process.pid if process is not None and process.returncode is None else None

    async def wait_until_ready(self, name: str, is_ready: Callable[[], Awaitable[bool]], timeout_s: float) -> None:
        """Ask `is_ready` until it is true.

        Raises:
            ChildFailed: it was not in time, or the child died too often before.
        """
        give_up = time.monotonic() + timeout_s
        while not await is_ready():
            self.check_starts()
            if time.monotonic() > give_up:
                raise ChildFailed(f"{name} was not ready within {timeout_s:g} s.")
            await asyncio.sleep(_POLL_S)
        self._states[name].was_ready = True

    def check_starts(self) -> None:
        """Raise ChildFailed where a child that never was ready keeps dying: repeating it will not help."""
        for state in self._states.values():
            if state.was_ready or not state.ends:
                continue
            if len(state.ends) >= STARTS_MAX or state.ends[-1] == USAGE_EXIT:
                raise ChildFailed(f"{state.child.name} {how_it_ended(state.ends[-1])} before it was ready.")

    def all_were_ready(self) -> None:
        """From now on every child is started again for ever."""
        for state in self._states.values():
            state.was_ready = True

    async def stop(self, order: Iterable[Iterable[str]]) -> None:
        """SIGTERM one group after the other, each once the one before it has ended; SIGKILL where one is overdue."""
        for state in self._states.values():
            state.stopping = True  # from here on a death is an end
        for group in order:
            states = [self._states[name] for name in group if name in self._states]
            await asyncio.gather(*(self._stop_one(state) for state in states))

    async def kill(self) -> None:
        """End all at once."""
        for state in self._states.values():
            state.stopping = True
            if state.process is not None and state.process.returncode is None:
                _signal_group(state.process.pid, signal.SIGKILL)
        await asyncio.gather(*(self._end_of_watch(state) for state in self._states.values()))

    async def _keep_running(self, state: _State) -> None:
        wait_s = BACKOFF_FIRST_S
        while True:
            started_at = time.monotonic()
            ended = await self._until_it_ends(state)
            if state.is_stopping():
                return
            if time.monotonic() - started_at > self._steady_after_s:
                wait_s = BACKOFF_FIRST_S
            self._say(f"{state.child.name} {ended}; starting it again in {wait_s:g} s")
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, BACKOFF_LAST_S)
            if not state.is_stopping():  # it may be by now
                await self._start_again(state)

    async def _start_again(self, state: _State) -> None:
        try:
            state.process = await _spawn(state.child)
        except OSError as error:
            state.process, state.refusal = None, error.strerror or repr(error)

    async def _until_it_ends(self, state: _State) -> str:
        """Return how it ended, as the rest of a sentence."""
        if state.process is None:
            return f"cannot be started ({state.refusal})"
        code = await state.process.wait()
        _signal_group(state.process.pid, signal.SIGKILL)  # what it had started itself
        state.ends = [*state.ends[-STARTS_MAX:], code]
        return how_it_ended(code)

    async def _stop_one(self, state: _State) -> None:
        process = state.process
        if process is None or process.returncode is not None:  # it waits to be started again, or has ended
            await self._end_of_watch(state)
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(state.child.stop_within_s):
                await process.wait()
        except TimeoutError:
            self._say(f"{state.child.name} did not stop within {state.child.stop_within_s:g} s: killed")
            _signal_group(process.pid, signal.SIGKILL)
        await self._end_of_watch(state)

    async def _end_of_watch(self, state: _State) -> None:
        if state.watch is None:
            return
        if state.process is None or state.process.returncode is not None:
            state.watch.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await state.watch


def how_it_ended(code: int) -> str:
    """Return the rest of a sentence that begins with a child's name. `code` is negative for a signal."""
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}" if code else "ended"


async def _spawn(child: Child) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *child.command,
        stdin=asyncio.subprocess.DEVNULL,
        env=dict(child.environment),
        pass_fds=tuple(child.keeps),
        start_new_session=True,  # a Ctrl-C in the terminal is for the supervisor alone
        preexec_fn=_die_with(os.getpid()) if sys.platform == "linux" else None,
    )


def _die_with(parent: int) -> Callable[[], None]:
    """Return what a child runs before its program, so that the kernel kills it when `parent` is gone."""
    prctl = ctypes.CDLL(None).prctl  # looked up here: between fork and exec nothing may be loaded
    pr_set_pdeathsig = 1

    def before_exec() -> None:
        prctl(pr_set_pdeathsig, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the call above
            os._exit(1)

    return before_exec


def _signal_group(leader: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)
