"""The clients: `python -m bench.load --url URL --model NAME ...` puts a closed loop on a gateway and prints one JSON.

Each connection sends its next request when it has the whole of the last answer, so the gateway is never asked for more
than `--connections` at once. Every answer is looked at; one that is not whole counts as an error, not as an answer.
"""

import argparse
import asyncio
import gc
import json
import resource
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

import uvloop

from bench.connection import Client, Order, Record
from bench.exchange import request_body
from bench.latency import Spread, spread_ms

GRACE_S = 30.0
"""How long answers that are under way at the end may take."""

ERRORS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Load:
    """What to put on. `calls_max` and `seconds` both end it; at least one is meant to."""

    url: str  # of the endpoint
    model: str
    key: str  # or @ and the path of a file with one in each line, which take turns
    connections: int
    seconds: float
    calls_max: int
    prompt_bytes: int
    stream: bool
    stagger_s: float = 0.0  # over which the connections are opened, so that paced streams do not tick together
    dialect: str = "openai"  # or anthropic


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it. `seconds` run from the first request to the last answer."""

    sent: int
    answered: int
    seconds: float
    cpu_s: float  # of the clients themselves
    latency: Spread | None
    first_chunk: Spread | None
    gap: Spread | None
    errors: dict[str, int]

    @property
    def error_count(self) -> int:
        return sum(self.errors.values())

    @property
    def per_second(self) -> float:
        return self.answered / self.seconds if self.seconds else 0.0


async def put_on(load: Load) -> Outcome:
    parts = urlsplit(load.url)
    began, cpu_before = time.perf_counter(), _cpu_s()
    record = Record()
    order = Order(
        host=parts.hostname or "127.0.0.1",
        port=parts.port or 80,
        requests=[_request(parts.netloc, parts.path, load, key) for key in _keys(load.key)],
        stream=load.stream,
        stop_at=began + load.seconds,
        calls_max=load.calls_max,
        dialect=load.dialect,
    )
    pause_s = load.stagger_s / load.connections
    await asyncio.gather(*(_keep_connected(order, record, number * pause_s) for number in range(load.connections)))
    return Outcome(
        sent=record.sent,
        answered=record.answered,
        seconds=max(record.last_answer_at - began, 0.0),
        cpu_s=_cpu_s() - cpu_before,
        latency=spread_ms(record.latencies),
        first_chunk=spread_ms(record.first_chunks),
        gap=spread_ms(record.gaps),
        errors=dict(record.errors.most_common(ERRORS_SHOWN)),
    )


async def _keep_connected(order: Order, record: Record, pause_s: float) -> None:
    """Be one client; connect again where the connection was lost, until the time is over."""
    loop = asyncio.get_running_loop()
    await asyncio.sleep(pause_s)
    while time.perf_counter() < order.stop_at and record.sent < order.calls_max:
        try:
            _, client = await loop.create_connection(lambda: Client(order, record), order.host, order.port)
        except OSError as error:
            record.errors[f"cannot connect: {error.strerror or error}"] += 1
            await asyncio.sleep(0.1)
            continue
        left_s = order.stop_at - time.perf_counter() + GRACE_S
        await asyncio.wait({client.finished}, timeout=left_s)
        if not client.finished.done():
            client.give_up()
            await client.finished


def _keys(key: str) -> list[str]:
    return Path(key[1:]).read_text().split() if key.startswith("@") else [key]


def _request(host: str, path: str, load: Load, key: str) -> bytes:
    body = request_body(load.model, load.prompt_bytes, stream=load.stream, dialect=load.dialect)
    version = "anthropic-version: 2023-06-01\r\n" if load.dialect == "anthropic" else ""
    head = (
        f"POST {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {key}\r\n{version}"
        f"content-type: application/json\r\nuser-agent: bench\r\naccept: */*\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def arguments(load: Load) -> list[str]:
    """Return the command line that makes a process put on `load`."""
    line = [f"--{name.replace('_', '-')}={value}" for name, value in asdict(load).items() if name != "stream"]
    return [*line, "--stream"] if load.stream else line


def read_outcome(printed: str | bytes) -> Outcome:
    """Return the outcome that a load process printed."""
    fields = json.loads(printed)
    for name in ("latency", "first_chunk", "gap"):
        fields[name] = None if fields[name] is None else Spread(*fields[name])
    return Outcome(**fields)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="bench.load", description=__doc__)
    parser.add_argument("--url", required=True, help="the endpoint, with its path")
    parser.add_argument("--model", required=True)
    parser.add_argument("--key", default="none")
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--calls-max", type=int, default=10_000_000)
    parser.add_argument("--prompt-bytes", type=int, default=1024)
    parser.add_argument("--stream", action="store_true")
    parser.add_argument("--stagger-s", type=float, default=0.0)
    parser.add_argument("--dialect", choices=["openai", "anthropic"], default="openai")
    load = Load(**vars(parser.parse_args(argv)))
    gc.disable()  # bounded by the run; a collection would show as latency of the gateway
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        outcome = runner.run(put_on(load))
    print(json.dumps(asdict(outcome)))


if __name__ == "__main__":
    main()
