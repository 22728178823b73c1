"""How much of a machine the engine may take. It shares a small one with the rest of the gateway."""

import os
from dataclasses import dataclass
from pathlib import Path

_MIB = 1024 * 1024
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizing:
    """Limits; memory in bytes."""

    server_memory: int  # of all queries and caches together
    query_memory: int
    result_bytes: int  # an answer is held whole before it is sent
    cache_bytes: int  # of each of the mark and primary key caches
    body_bytes: int  # of an upload, unpacked
    threads: int  # of one query
    query_slots: int
    insert_slots: int = 2
    waiting: int = 64  # requests that may wait for a slot, of each kind
    wait_s: float = 10.0  # how long they wait before they are told to come back
    query_s: int = 300  # a query takes no longer, unless it asks for more; clients give up then, too


def sizing_for(*, memory_bytes: int, cores: int) -> Sizing:
    """Return a quarter of the machine, between 1 and 8 GiB."""
    server = min(max(memory_bytes // 4, 1024 * _MIB), 8192 * _MIB)
    return Sizing(
        server_memory=server,
        query_memory=server // 2,
        result_bytes=server // 4,
        cache_bytes=min(server // 32, 128 * _MIB),
        body_bytes=min(server // 4, 256 * _MIB),
        threads=min(max(cores, 1), 4),
        query_slots=min(max(2 * cores, 4), 16),
    )


def this_machine() -> Sizing:
    """Return the sizing for what this process may use: its container's memory and its own cores."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = _CGROUP_LIMIT.read_text().strip()
    except OSError:
        limit = ""  # no cgroup v2 here
    if limit.isdecimal():
        memory = min(memory, int(limit))
    return sizing_for(memory_bytes=memory, cores=len(os.sched_getaffinity(0)))
