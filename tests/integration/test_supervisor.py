"""Real child processes under the supervisor: small programs that stand in for the services."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import pytest

from services.local.failures import ChildFailed
from services.local.supervisor import Child, Supervisor, how_it_ended

WAIT_S = 5.0
SLEEPS = "import time; time.sleep(60)"


class Said(list[str]):
    """Collects what the supervisor says."""

    def containing(self, text: str) -> list[str]:
        return [line for line in self if text in line]


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
async def supervisor(said: Said) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(said.append)
    yield supervisor
    await supervisor.kill()


def python(name: str, code: str, **options: object) -> Child:
    return Child(name, (sys.executable, "-c", textwrap.dedent(code)), dict(os.environ), **options)  # type: ignore[arg-type]


async def until(condition: Callable[[], object]) -> None:
    give_up = time.monotonic() + WAIT_S
    while time.monotonic() < give_up:
        if condition():
            return
        await asyncio.sleep(0.02)
    pytest.fail(f"not so within {WAIT_S:g} s")


def is_gone(pid: int) -> bool:
    """True where no such process runs; one that only waits to be reaped does not run."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state == "Z"


def pid_of(supervisor: Supervisor, name: str) -> int:
    pid = supervisor.pid(name)
    assert pid is not None
    return pid


async def test_a_child_that_dies_is_started_again_after_a_wait_that_doubles(supervisor: Supervisor, said: Said) -> None:
    await supervisor.start(python("router", SLEEPS))
    for _ in range(3):
        pid = pid_of(supervisor, "router")
        os.kill(pid, signal.SIGKILL)
        await until(partial(_runs_anew, supervisor, "router", pid))
    assert said == [
        "router was ended by SIGKILL; starting it again in 0.2 s",
        "router was ended by SIGKILL; starting it again in 0.4 s",
        "router was ended by SIGKILL; starting it again in 0.8 s",
    ]


async def test_a_child_that_ran_long_enough_is_waited_for_as_the_first_time(said: Said) -> None:
    supervisor = Supervisor(said.append, steady_after_s=0.3)
    try:
        await supervisor.start(python("ledger", "import time, sys; time.sleep(0.4); sys.exit(3)"))
        await until(lambda: len(said) == 2)
    finally:
        await supervisor.kill()
    assert said == ["ledger ended with exit code 3; starting it again in 0.2 s"] * 2


async def test_a_child_is_started_again_as_it_was_the_first_time(supervisor: Supervisor, tmp_path: Path) -> None:
    kept = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    record = tmp_path / "record"
    code = f"""
        import os, time
        os.fstat({kept})
        with open({str(record)!r}, "a") as file:
            file.write(os.environ["TOLD"] + "\\n")
        time.sleep(60)
    """
    told = {**os.environ, "TOLD": "the same"}
    child = Child("nats", (sys.executable, "-c", textwrap.dedent(code)), told, keeps=(kept,))
    await supervisor.start(child)
    await until(lambda: record.exists() and record.read_text() == "the same\n")
    os.kill(pid_of(supervisor, "nats"), signal.SIGKILL)
    await until(lambda: record.read_text() == "the same\n" * 2)
    os.close(kept)


async def test_what_a_dead_child_had_started_dies_too(supervisor: Supervisor, tmp_path: Path) -> None:
    record = tmp_path / "pid"
    code = f"""
        import subprocess, sys, time
        worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        with open({str(record)!r}, "w") as file:
            file.write(str(worker.pid) + "\\n")
        time.sleep(60)
    """
    await supervisor.start(python("policy", code))
    await until(lambda: record.exists() and record.read_text().endswith("\n"))
    worker = int(record.read_text())
    os.kill(pid_of(supervisor, "policy"), signal.SIGKILL)
    await until(lambda: is_gone(worker))


async def test_children_are_stopped_in_order_each_group_after_the_one_before(
    supervisor: Supervisor, said: Said, tmp_path: Path
) -> None:
    record = tmp_path / "record"
    for name, drain_s in (("nats", 0.0), ("policy", 0.1), ("edge", 0.4)):
        code = f"""
            import signal, sys, time
            def stop(*_):
                time.sleep({drain_s})
                print("{name}", file=open({str(record)!r}, "a"), flush=True)
                sys.exit(0)
            signal.signal(signal.SIGTERM, stop)
            open({str(tmp_path / name)!r}, "w").close()
            time.sleep(60)
        """
        await supervisor.start(python(name, code))
    await until(lambda: all((tmp_path / name).exists() for name in ("nats", "policy", "edge")))
    await supervisor.stop((("edge",), ("policy",), ("nats",)))
    assert record.read_text().split() == ["edge", "policy", "nats"]
    assert said == []  # an end that was asked for is no news
    assert all(supervisor.pid(name) is None for name in ("nats", "policy", "edge"))


async def test_a_child_that_does_not_stop_in_time_is_killed(supervisor: Supervisor, said: Said, tmp_path: Path) -> None:
    mark = tmp_path / "ready"
    code = f"""
        import signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        open({str(mark)!r}, "w").close()
        time.sleep(60)
    """
    await supervisor.start(python("edge", code, stop_within_s=0.2))
    await until(mark.exists)
    pid = pid_of(supervisor, "edge")
    await supervisor.stop((("edge",),))
    assert is_gone(pid)
    assert said == ["edge did not stop within 0.2 s: killed"]


async def test_a_child_that_waits_to_be_started_again_stays_down_once_all_is_stopped(
    supervisor: Supervisor, said: Said
) -> None:
    await supervisor.start(python("ledger", "import sys; sys.exit(1)"))
    await until(lambda: said)
    await supervisor.stop((("ledger",),))
    lines = len(said)
    await asyncio.sleep(0.6)
    assert supervisor.pid("ledger") is None
    assert len(said) == lines


async def test_a_start_is_given_up_when_a_child_keeps_dying_before_it_was_ready(supervisor: Supervisor) -> None:
    await supervisor.start(python("ledger", "import sys; sys.exit(1)"))
    with pytest.raises(ChildFailed, match=r"ledger ended with exit code 1 before it was ready\."):
        await supervisor.wait_until_ready("ledger", _never, WAIT_S)


async def test_a_start_is_given_up_at_once_when_a_child_was_used_wrongly(supervisor: Supervisor, said: Said) -> None:
    await supervisor.start(python("edge", "import sys; sys.exit(2)"))
    with pytest.raises(ChildFailed, match=r"edge ended with exit code 2 before it was ready\."):
        await supervisor.wait_until_ready("edge", _never, WAIT_S)
    assert len(said) == 1


async def test_a_start_is_given_up_when_a_child_is_not_ready_in_time(supervisor: Supervisor) -> None:
    await supervisor.start(python("clickhouse", SLEEPS))
    with pytest.raises(ChildFailed, match=r"clickhouse was not ready within 0\.2 s\."):
        await supervisor.wait_until_ready("clickhouse", _never, 0.2)


async def test_a_child_that_was_ready_is_started_again_for_ever(supervisor: Supervisor, said: Said) -> None:
    await supervisor.start(python("router", "import sys; sys.exit(1)"))
    supervisor.all_were_ready()
    await until(lambda: len(said) == 4)
    supervisor.check_starts()


async def test_a_program_that_is_not_there_is_named(supervisor: Supervisor) -> None:
    with pytest.raises(ChildFailed, match=r"nats cannot be started: /nowhere/nats-server: No such file"):
        await supervisor.start(Child("nats", ("/nowhere/nats-server",), {}))


async def test_a_ctrl_c_in_the_terminal_does_not_reach_the_children(supervisor: Supervisor) -> None:
    await supervisor.start(python("edge", SLEEPS))
    assert os.getpgid(pid_of(supervisor, "edge")) != os.getpgid(0)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_no_child_outlives_a_supervisor_that_was_killed() -> None:
    program = """
        import asyncio, sys
        from services.local.supervisor import Child, Supervisor

        async def main():
            supervisor = Supervisor(print)
            for name in ("nats", "edge"):
                await supervisor.start(Child(name, (sys.executable, "-c", "import time; time.sleep(60)"), {}))
                print(supervisor.pid(name), flush=True)
            await asyncio.sleep(60)

        asyncio.run(main())
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    children = [int(process.stdout.readline()) for _ in range(2)]
    assert not any(is_gone(pid) for pid in children)
    process.kill()
    process.wait()
    process.stdout.close()
    asyncio.run(until(lambda: all(is_gone(pid) for pid in children)))


@pytest.mark.parametrize(
    ("code", "sentence"),
    [(0, "ended"), (1, "ended with exit code 1"), (-9, "was ended by SIGKILL"), (-15, "was ended by SIGTERM")],
)
def test_an_end_is_told_in_words(code: int, sentence: str) -> None:
    assert how_it_ended(code) == sentence


def _runs_anew(supervisor: Supervisor, name: str, old: int) -> bool:
    return supervisor.pid(name) not in (None, old)


async def _never() -> bool:
    return False
