import os
import subprocess
import sys

import pytest

from bench import cpu
from bench.cpu import Memory, Process, Restarted
from bench.gateway import role_of
from bench.latency import percentile, spread_ms

STAT = "4711 (python (odd) x) S 42 1 1 0 -1 4194560 900 0 0 0 250 150 7 8 20 0 1 0 123 1000 200 18446744073709551615"


def test_parent_and_cpu_are_read_past_a_command_with_brackets():
    assert cpu.parse_stat(STAT) == (42, 400 / cpu.TICKS_PER_S)


def test_memory_is_read_in_megabytes():
    text = "55ae-7fff ---p 00000000 00:00 0  [rollup]\nRss:   2048 kB\nPss:    512 kB\nPss_Dirty: 1 kB\n"
    assert cpu.parse_rollup(text) == Memory(rss_mb=2.0, pss_mb=0.5)


def test_busy_time_leaves_out_idle_and_waiting():
    assert cpu.parse_busy("cpu  100 10 50 9000 800 3 2 5 0 0\n") == 170 / cpu.TICKS_PER_S


def test_a_process_without_a_role_has_that_of_its_parent():
    tree = [Process(1, 0, "up", 0), Process(2, 1, "edge", 0), Process(3, 2, "worker", 0), Process(4, 1, "other", 0)]
    role = cpu.roles(tree, lambda command: command if command == "edge" else None, "supervisor")
    assert role == {1: "supervisor", 2: "edge", 3: "edge", 4: "supervisor"}


def test_cpu_is_summed_by_role():
    before = [Process(1, 0, "a", 1.0), Process(2, 1, "b", 2.0), Process(3, 1, "b", 3.0)]
    after = [Process(1, 0, "a", 1.5), Process(2, 1, "b", 2.25), Process(3, 1, "b", 3.25)]
    assert cpu.spent_s(before, after, {1: "x", 2: "y", 3: "y"}) == {"x": 0.5, "y": 0.5}


@pytest.mark.parametrize("after", [[], [Process(1, 0, "a", 1.0), Process(2, 1, "b", 0.0)]])
def test_a_restarted_process_spoils_the_measurement(after):
    with pytest.raises(Restarted):
        cpu.spent_s([Process(1, 0, "a", 1.0)], after, {1: "x"})


def test_a_real_tree_is_read_with_its_cpu_and_memory():
    burn = "x = 0\nfor i in range(3_000_000): x += i\nprint(flush=True)\ninput()"
    child = subprocess.Popen([sys.executable, "-c", burn], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        child.stdout.readline()
        tree = cpu.read_tree(os.getpid())
        found = {process.pid: process for process in tree}
        assert found[child.pid].parent == os.getpid()
        assert found[child.pid].cpu_s > 0
        assert "3_000_000" in found[child.pid].command
        assert cpu.memory(tree, dict.fromkeys(found, "all"))["all"].rss_mb > 1
        assert cpu.busy_s() > 0
    finally:
        child.communicate(b"\n")


@pytest.mark.parametrize(
    ("command", "role"),
    [
        ("/venv/bin/python -P -m services.edge", "edge"),
        ("/venv/bin/python -P -m services.policy", "policy"),
        ("/venv/bin/python -P -m services.router", "router"),
        ("/venv/bin/python -P -m services.ledger", "ledger"),
        ("/venv/bin/python -P -m services.ledger.embedded", "clickhouse"),
        ("/opt/nats-server --config /data/nats/nats.conf", "nats-server"),
        ("/venv/bin/python /venv/bin/meterhouse up --config nats-server.yaml", None),
        ("/venv/bin/meterhouse serve router", "router"),
    ],
)
def test_a_command_line_tells_the_role(command, role):
    assert role_of(command) == role


def test_percentiles_are_values_that_were_seen():
    values = [float(n) for n in range(1, 101)]
    assert percentile(values, 0.5) == 50
    assert percentile(values, 0.99) == 99
    assert percentile(values, 1.0) == 100
    assert percentile([7.0], 0.99) == 7
    assert percentile([1.0, 2.0, 3.0], 0.5) == 2


def test_there_is_no_percentile_of_nothing():
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)
    assert spread_ms([]) is None


def test_a_spread_is_in_milliseconds_and_needs_no_order():
    assert spread_ms([0.003, 0.001, 0.002]) == (2.0, 3.0)
